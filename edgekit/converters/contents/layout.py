"""Tell how the images that go into or come out of a model are laid out, where its graph says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from edgekit.core.artifact import TensorSpec

_IMAGE_RANK: Final = 4
_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
# operators that leave axes where they are, so that the next one can be asked
_EVEN: Final = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST", "MUL", "ADD", "SUB", "DIV", "RELU", "RELU6", "PAD"}) | frozenset(
    {"QuantizeLinear", "DequantizeLinear", "Cast", "Mul", "Add", "Sub", "Div", "Relu", "Clip", "Pad"}
)
# operators on images
_TFLITE_IMAGES: Final = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}
)
_ONNX_IMAGES: Final = frozenset(
    {"Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "FusedConv", "MaxPool", "AveragePool", "GlobalAveragePool"}
)


class Step(NamedTuple):
    """Hold one operator: its name, the tensors it reads and makes, and for a transposition the order of axes."""

    name: str
    reads: Sequence[Any]
    makes: Sequence[Any]
    order: tuple[int, ...] | None = None


def with_layouts(specs: Sequence[TensorSpec], path: Path, format: str) -> tuple[TensorSpec, ...]:  # noqa: A002
    """Return the inputs `specs` of the model at `path` with "NHWC" or "NCHW" for images whose first operator tells it."""
    if format not in _READERS or not any(len(spec.shape) == _IMAGE_RANK for spec in specs):
        return tuple(specs)
    own, images, steps, names = _READERS[format](path)
    found = {name: layout(tensor, steps, own=own, images=images) for name, tensor in names.items()}
    return tuple(replace(spec, layout=found.get(spec.name)) if len(spec.shape) == _IMAGE_RANK else spec for spec in specs)


def layout(tensor: Any, steps: Sequence[Step], *, own: str, images: frozenset[str]) -> str | None:
    """Return the layout of an input: that of the format, `own`, where an operator on images reads it, the other behind a transposition."""
    reached = {tensor}
    for step in steps:
        if not reached & set(step.reads):
            continue
        if step.name in images:
            return own
        if step.order in (_TO_LAST, _TO_FIRST):
            return "NCHW" if step.order == _TO_LAST else "NHWC"
        if step.name in _EVEN:
            reached.update(step.makes)
    return None


def _tflite(path: Path) -> tuple[str, frozenset[str], list[Step], Mapping[str, Any]]:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = model.subgraphs[0]
    codes = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    steps = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = codes[max(code.builtinCode, code.deprecatedBuiltinCode)]
        reads, makes = ([int(index) for index in (() if side is None else side)] for side in (operator.inputs, operator.outputs))
        steps.append(Step(name, reads, makes, _order(model, graph, reads[1]) if name == "TRANSPOSE" else None))
    ends = (end for signature in (model.signatureDefs or ())[:1] for end in signature.inputs or ())
    named = {_text(end.name): int(end.tensorIndex) for end in ends}
    return "NHWC", _TFLITE_IMAGES, steps, named or {_text(graph.tensors[index].name): int(index) for index in graph.inputs}


def _order(model: Any, graph: Any, index: int) -> tuple[int, ...] | None:
    import numpy as np

    data = model.buffers[graph.tensors[index].buffer].data
    return None if data is None else tuple(int(axis) for axis in np.frombuffer(bytes(data), np.int32))


def _onnx(path: Path) -> tuple[str, frozenset[str], list[Step], Mapping[str, Any]]:
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    steps = [Step(node.op_type, node.input, node.output, _axes(node)) for node in graph.node]
    return "NCHW", _ONNX_IMAGES, steps, {port.name: port.name for port in graph.input}


def _axes(node: Any) -> tuple[int, ...] | None:
    return next((tuple(item.ints) for item in node.attribute if item.name == "perm" and node.op_type == "Transpose"), None)


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


_READERS: Final = {"tflite": _tflite, "onnx": _onnx}
