"""Make lower precisions of a float .tflite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.converters.data import one_by_one
from edgekit.converters.quantize.ranges import widen

_SIGNATURE = "serving_default"

Inputs = Mapping[str, Any]


def fp16(hub: Path, out: Path) -> None:
    """Write `hub` with its weights stored as float16; arithmetic stays float32."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.recipe_manager import RecipeManager

    recipe = RecipeManager()
    recipe.add_weight_only_config(".*", TFLOperationName.ALL_SUPPORTED, num_bits=16, algorithm_key=AlgorithmName.FLOAT_CASTING)
    _write_quantized(hub, recipe, out)


def int8(hub: Path, out: Path, inputs: Inputs) -> None:
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


def _signature(hub: Path) -> str:
    from ai_edge_litert.interpreter import Interpreter

    return next(iter(Interpreter(str(hub)).get_signature_list()), _SIGNATURE)


def _write_quantized(hub: Path, recipe: Any, out: Path, ranges: Any = None) -> None:
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(str(hub), recipe.get_quantization_recipe())
    result = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    out.write_bytes(result.quantized_model)
