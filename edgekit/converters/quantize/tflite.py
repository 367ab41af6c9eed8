"""Make lower precisions of a float .tflite with ai-edge-quantizer."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgekit.converters.base import Recipe
from edgekit.converters.data import one_by_one
from edgekit.converters.quantize.keep import kept
from edgekit.converters.quantize.ranges import Observer, Ranges
from edgekit.converters.quantize.tflite_finish import finish
from edgekit.converters.quantize.tflite_graph import FloatGraph
from edgekit.core.errors import ModelError

_ANY: Final = ".*"


def layer_sizes(hub: Path) -> dict[str, int]:
    """Return the layers that `quantize` may be told to keep, in order, with how many weight elements they have."""
    return FloatGraph(hub).layers()


def calibrate(hub: Path, inputs: Mapping[str, Any], method: str) -> Ranges:
    """Return the ranges of the activations of `hub` for sample inputs by name; `method` as in Ranges."""
    from ai_edge_litert.interpreter import Interpreter

    observer = Observer(method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that keeping every tensor takes memory is known
        interpreter = Interpreter(str(hub), num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    places = _places(interpreter)
    watched = FloatGraph(hub).activations()
    for sample in one_by_one(inputs):
        for name, array in sample.items():
            interpreter.set_tensor(places[name], array)
        interpreter.invoke()
        observer.sample({name: array for name, index in watched.items() if (array := _tensor(interpreter, index)) is not None})
    return observer.ranges()


def quantize(hub: Path, out: Path, recipe: Recipe, ranges: Ranges | None, keep: Sequence[str] = ()) -> None:
    """Write `hub` in the scheme of `recipe`; recipes that need calibration take its `ranges`, the layers that `keep` means stay float.

    Raises ModelError where the graph has no such form and UsageError for layers that it does not have.
    """
    import numpy as np
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer
    from ai_edge_quantizer.recipe_manager import RecipeManager

    graph = FloatGraph(hub)
    rules = RecipeManager()
    _SCHEMES[recipe.name](rules)
    if recipe.needs_calibration and recipe.io == "float32":
        for port in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
            rules.add_quantization_config(_ANY, port, algorithm_key=AlgorithmName.NO_QUANTIZE)
    float_layers = kept(keep, tuple(graph.layers()))
    for name in float_layers:
        rules.add_quantization_config(f"^{re.escape(name)}$", TFLOperationName.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE)
    source = graph.content()
    bounds = None
    if ranges is not None:
        _refuse_loops(graph)
        source = graph.without_constant_products()
        bounds = {
            name: {"min": np.array([[low]], "float32"), "max": np.array([[high]], "float32")} for name, (low, high) in ranges.bounds.items()
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantizer = Quantizer(source, rules.get_quantization_recipe())
        result = quantizer.quantize(bounds, enable_progress_bar=False, enable_progress_report=False)
    out.write_bytes(finish(bytes(result.quantized_model), tables="float16" if recipe.name == "fp16" else "int8", keep=float_layers))


def _fp16(rules: Any) -> None:
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    rules.add_weight_only_config(_ANY, _operator("ALL_SUPPORTED"), num_bits=16, algorithm_key=AlgorithmName.FLOAT_CASTING)


def _dynamic(rules: Any) -> None:
    rules.add_dynamic_config(_ANY, _operator("ALL_SUPPORTED"), num_bits=8)


def _w8(rules: Any) -> None:
    rules.add_weight_only_config(_ANY, _operator("ALL_SUPPORTED"), num_bits=8)


def _w4(rules: Any) -> None:
    """Take four bits where LiteRT has kernels for them, eight elsewhere."""
    rules.add_weight_only_config(_ANY, _operator("ALL_SUPPORTED"), num_bits=4)
    for name in ("DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE"):
        rules.add_weight_only_config(_ANY, _operator(name), num_bits=8)


def _static(bits: int, *, dense_per_channel: bool = True) -> Callable[[Any], None]:
    """Return the static scheme; a scale for each output of a dense layer costs 24 bytes, which is much where those layers are the model."""

    def add(rules: Any) -> None:
        from ai_edge_quantizer.qtyping import QuantGranularity

        rules.add_dynamic_config(_ANY, _operator("EMBEDDING_LOOKUP"), num_bits=8)  # has no static form
        rules.add_static_config(_ANY, _operator("ALL_SUPPORTED"), activation_num_bits=bits, weight_num_bits=8)
        if not dense_per_channel:
            one = {"activation_num_bits": bits, "weight_num_bits": 8, "weight_granularity": QuantGranularity.TENSORWISE}
            rules.add_static_config(_ANY, _operator("FULLY_CONNECTED"), **one)
        if bits > 8:  # it would store tables in 16 bits, as activations
            rules.add_quantization_config(_ANY, _operator("GATHER"), algorithm_key="no_quantize")

    return add


_SCHEMES: Final[Mapping[str, Callable[[Any], None]]] = {
    "fp16": _fp16,
    "dynamic": _dynamic,
    "w8": _w8,
    "w4": _w4,
    "int8": _static(8),
    "int8-full": _static(8, dense_per_channel=False),
    "int16x8": _static(16),
}


def _operator(name: str) -> Any:
    from ai_edge_quantizer.qtyping import TFLOperationName

    return TFLOperationName[name]


def _refuse_loops(graph: FloatGraph) -> None:
    if graph.loops:
        raise ModelError(
            "static int8 unavailable for this graph",
            code="recipe.recurrent",
            why=f"a recurrent layer is a loop ({', '.join(sorted(graph.loops))}) whose ranges cannot be read; dynamic int8 offered",
            do=[("quantize activations as they go:", "edgekit convert ... --to tflite -r dynamic")],
        )


def _places(interpreter: Any) -> dict[str, int]:
    """Return the tensors of the inputs by the names of the first signature, by their own where there is none."""
    signatures = interpreter.get_signature_list()
    if signatures:
        details = interpreter.get_signature_runner(next(iter(signatures))).get_input_details()
        return {name: int(detail["index"]) for name, detail in details.items()}
    return {detail["name"]: int(detail["index"]) for detail in interpreter.get_input_details()}


def _tensor(interpreter: Any, index: int) -> Any:
    try:
        return interpreter.get_tensor(index)
    except ValueError:  # a tensor that this runtime has no use for
        return None
