"""Make lower precisions of a float .onnx."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgekit.converters.data import one_by_one

Inputs = Mapping[str, Any]


def int8(hub: Path, out: Path, inputs: Inputs) -> None:
    """Write `hub` as QDQ with int8 weights per channel and uint8 activations, ranges read from `inputs`.

    Unsigned activations with signed weights are what x86 has instructions for; ARM may prefer both signed.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = out.with_suffix(".prepared.onnx")
    quant_pre_process(str(hub), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(out),
        _Reader(one_by_one(inputs)),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    prepared.unlink()


class _Reader:
    """Hand calibration samples to ONNX Runtime one at a time."""

    def __init__(self, samples: Iterator[dict[str, Any]]) -> None:
        self._samples = samples

    def get_next(self) -> dict[str, Any] | None:
        """Return the next sample, None at the end."""
        return next(self._samples, None)
