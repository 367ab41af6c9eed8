"""Make lower precisions of a float .onnx with ONNX Runtime's quantizer.

All start from a prepared hub: shapes inferred, batch normalisation folded, and a name for every node, by which layers are kept.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, Final

from edgekit.converters.base import Recipe
from edgekit.converters.data import one_by_one
from edgekit.converters.quantize.keep import kept
from edgekit.converters.quantize.onnx_loops import open_loops
from edgekit.converters.quantize.onnx_order import sort_nodes
from edgekit.converters.quantize.onnx_weights import lookups, store_rest, store_tables, store_weights
from edgekit.converters.quantize.ranges import Observer, Ranges
from edgekit.core.errors import ModelError, SetupError

_LAYERS: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Gather", "LSTM", "GRU", "RNN")
_LOOPS: Final = ("LSTM", "GRU", "RNN", "Loop", "Scan")


def prepare(hub: Path, out: Path) -> None:
    """Write `hub` ready to be quantized: fused and with shapes, every node named, and the weights of loops in sight."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(str(hub), str(out), skip_symbolic_shape=True)
    model = onnx.load(out)
    taken = {node.name for node in model.graph.node}
    for number, node in enumerate(model.graph.node):
        if not node.name:
            node.name = next(name for end in ("", "_") if (name := f"{node.op_type}_{number}{end}") not in taken)
    open_loops(model.graph)
    onnx.save(model, out)


def layer_sizes(prepared: Path) -> dict[str, int]:
    """Return the layers that `quantize` may be told to keep, in order, with how many weight elements they have."""
    import onnx

    graph = onnx.load(prepared, load_external_data=False).graph
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer if len(tensor.dims) >= 2}
    found = {node.name: sum(sizes.get(name, 0) for name in node.input) for node in graph.node if node.op_type in _LAYERS}
    return {name: size for name, size in found.items() if size}


def calibrate(prepared: Path, inputs: Mapping[str, Any], method: str) -> Ranges:
    """Return the ranges of the float activations of a prepared hub for sample inputs by name; `method` as in Ranges."""
    import onnx
    import onnxruntime

    model = onnx.load(prepared)
    names = _activations(model)
    said = {item.name for item in model.graph.output}
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in said)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    observer = Observer(method)
    fed = [port.name for port in session.get_inputs() if port.type == "tensor(float)"]
    for sample in one_by_one(inputs):
        seen = dict(zip(names, session.run(names, sample), strict=True))
        observer.sample({**seen, **{name: sample[name] for name in fed}})
    return observer.ranges()


def quantize(prepared: Path, out: Path, recipe: Recipe, ranges: Ranges | None, keep: Sequence[str] = ()) -> None:
    """Write a prepared hub in the scheme of `recipe`; recipes that need calibration take its `ranges`, layers that `keep` means stay float.

    Raises UsageError for layers that it does not have and ModelError where there is nothing to quantize.
    """
    float_layers = kept(keep, tuple(layer_sizes(prepared))) if keep else ()
    if ranges is not None:
        _static(prepared, out, recipe, ranges, float_layers)
    else:
        _SCHEMES[recipe.name](prepared, out, float_layers)
    _tidy(out)
    if ranges is not None and not float_layers:
        _refuse_loops(out, recipe)


def _static(prepared: Path, out: Path, recipe: Recipe, ranges: Ranges, keep: Sequence[str]) -> None:
    """Write QDQ with int8 weights per channel and activations as the recipe says, with `ranges` in the place of a calibration."""
    import numpy as np
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data

    bounds: dict[str, Any] = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.bounds.items()}
    kinds = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8, "uint16": QuantType.QUInt16, "int16": QuantType.QInt16}
    if "calibration_cache_path" not in signature(quantize_static).parameters:
        raise SetupError(
            "this onnxruntime is too old to quantize",
            code="setup.extra",
            why="it does not take ranges that were read before, as 1.31 does",
            do=[("update it:", 'pip install -U "onnxruntime>=1.31"')],
        )
    tables = lookups(onnx.load(prepared))
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "ranges.json"
        save_tensors_data(TensorsData(CalibrationMethod.MinMax, bounds), cache)
        quantize_static(
            str(prepared),
            str(out),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=kinds[recipe.activations],
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[*keep, *tables],
            calibration_cache_path=cache,
        )
    onnx.save(store_tables(onnx.load(out), keep), out)


def _dynamic(prepared: Path, out: Path, keep: Sequence[str]) -> None:
    """Write layers that quantize their inputs as they go, those in loops included; what has no such form keeps int8 weights only."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(prepared),
        str(out),
        per_channel=True,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=[*keep, *lookups(onnx.load(prepared))],
        extra_options={"EnableSubgraph": True},
    )
    onnx.save(store_rest(onnx.load(out), keep), out)


def _fp16(prepared: Path, out: Path, keep: Sequence[str]) -> None:
    """Write float16 weights and layers between float32 inputs and outputs."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(prepared), keep_io_types=True, node_block_list=list(keep)), out)


def _weights(bits: int) -> Callable[[Path, Path, Sequence[str]], None]:
    def store(prepared: Path, out: Path, keep: Sequence[str]) -> None:
        import onnx

        onnx.save(store_weights(onnx.load(prepared), bits, keep), out)

    return store


_SCHEMES: Final[Mapping[str, Callable[[Path, Path, Sequence[str]], None]]] = {
    "dynamic": _dynamic,
    "fp16": _fp16,
    "w8": _weights(8),
    "w4": _weights(4),
}


def _refuse_loops(path: Path, recipe: Recipe) -> None:
    """Raise ModelError where recurrent layers, which have no static form, hold more than the recipe lets be left in float."""
    from edgekit.converters.contents import onnx

    found = onnx.read(path)
    loops = sorted({operator.name for operator in found.operators} & set(_LOOPS))
    if loops and found.weights.get(recipe.weights, 0) < recipe.min_share * sum(found.weights.values()):
        raise ModelError(
            "static int8 unavailable for this graph",
            code="recipe.recurrent",
            why=f"a recurrent layer is a loop ({', '.join(loops)}) that ONNX Runtime leaves in float; dynamic int8 offered",
            do=[("quantize activations as they go:", "edgekit convert ... --to onnx -r dynamic")],
        )


def _activations(model: Any) -> list[str]:
    """Return the float tensors that nodes of the main graph make."""
    import onnx

    known = {item.name: item.type.tensor_type.elem_type for item in (*model.graph.value_info, *model.graph.output)}
    return [name for node in model.graph.node for name in node.output if known.get(name) == onnx.TensorProto.FLOAT]


def _tidy(path: Path) -> None:
    """Put the nodes in order and leave out the operator sets that nothing uses: they would ask a runtime for what it need not have."""
    import onnx

    model = onnx.load(path)
    sort_nodes(model.graph)
    used = {node.domain or "ai.onnx" for node in _nodes(model.graph)} | {"ai.onnx"}
    kept_sets = [item for item in model.opset_import if (item.domain or "ai.onnx") in used]
    del model.opset_import[:]
    model.opset_import.extend(kept_sets)
    onnx.save(model, path)


def _nodes(graph: Any) -> Any:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _nodes(inner)
