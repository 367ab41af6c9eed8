"""Make the lower precisions from the float hubs. Runs in a child process; TensorFlow is not needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SIGNATURE = "serving_default"

Inputs = Mapping[str, Any]


def tflite_fp16(hub: Path, out: Path) -> None:
    """Write `hub` with its weights stored as float16; arithmetic stays float32."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.recipe_manager import RecipeManager

    recipe = RecipeManager()
    recipe.add_weight_only_config(".*", TFLOperationName.ALL_SUPPORTED, num_bits=16, algorithm_key=AlgorithmName.FLOAT_CASTING)
    _write_quantized(hub, recipe, out)


def tflite_int8(hub: Path, out: Path, inputs: Inputs) -> None:
    """Write `hub` with int8 weights and activations and float32 inputs and outputs, ranges read from `inputs`."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.calibrator import Calibrator
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.recipe_manager import RecipeManager

    recipe = RecipeManager()
    recipe.add_static_config(".*", TFLOperationName.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    for port in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
        recipe.add_quantization_config(".*", port, algorithm_key=AlgorithmName.NO_QUANTIZE)
    calibrator = Calibrator(str(hub), num_threads=1, qsv_update_func=widen)
    calibrator.calibrate({_signature(hub): list(one_by_one(inputs))}, recipe)  # a list: the calibrator walks through it twice
    _write_quantized(hub, recipe, out, calibrator.get_model_qsvs())


def onnx_int8(hub: Path, out: Path, inputs: Inputs) -> None:
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


def widen(old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the range that holds both ranges.

    The quantizer's own default is a moving average, which forgets extremes: it cost 18 dB on a trained network.
    """
    import numpy as np

    return {"min": np.minimum(old["min"], new["min"]), "max": np.maximum(old["max"], new["max"])} if old else new


def one_by_one(inputs: Inputs) -> Iterator[dict[str, Any]]:
    """Yield each sample as a batch of one, by input name."""
    for index in range(len(next(iter(inputs.values())))):
        yield {name: array[index : index + 1] for name, array in inputs.items()}


def _signature(hub: Path) -> str:
    from ai_edge_litert.interpreter import Interpreter

    return next(iter(Interpreter(str(hub)).get_signature_list()), _SIGNATURE)


def _write_quantized(hub: Path, recipe: Any, out: Path, ranges: Any = None) -> None:
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(str(hub), recipe.get_quantization_recipe())
    result = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    out.write_bytes(result.quantized_model)


class _Reader:
    """Hand calibration samples to ONNX Runtime one at a time."""

    def __init__(self, samples: Iterator[dict[str, Any]]) -> None:
        self._samples = samples

    def get_next(self) -> dict[str, Any] | None:
        """Return the next sample, None at the end."""
        return next(self._samples, None)
