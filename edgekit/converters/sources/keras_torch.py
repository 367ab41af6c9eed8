"""Export a uniform Keras model that stands on PyTorch: the way round TensorFlow's exporters where those fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.converters.sources.onnx_hub import write_onnx


def export_tflite(model: Any, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """Write float TFLite with batch 1."""
    import litert_torch
    import torch

    class ByName(torch.nn.Module):  # type: ignore[misc]
        """Take inputs by name: the exporter calls them so."""

        def forward(self, **inputs: Any) -> Any:
            return model([inputs[port.name] for port in model.inputs], training=False)

    zeros = {port.name: torch.zeros((1, *shapes[port.name]), dtype=getattr(torch, port.dtype)) for port in model.inputs}
    litert_torch.convert(ByName().eval(), sample_args=(), sample_kwargs=zeros).export(str(path))


def export_onnx(model: Any, path: Path) -> None:
    """Write ONNX with free dimensions where the model has them."""
    import keras
    import onnx

    signature = [keras.InputSpec(shape=tuple(port.shape), dtype=port.dtype, name=port.name) for port in model.inputs]
    model([keras.ops.zeros([size or 1 for size in port.shape], port.dtype) for port in model.inputs])  # the exporter asks for one call
    model.export(path, format="onnx", input_signature=[signature], verbose=False)
    write_onnx(onnx.load(path), path, [port.name for port in model.inputs], sorted(model.output))


def tools(format: str) -> dict[str, str]:  # noqa: A002
    """Return the versions of what exports, beside Keras."""
    from importlib.metadata import version

    used = ("torch", "litert-torch") if format == "tflite" else ("torch",)
    return {name: version(name) for name in used}
