"""Read what a .onnx holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edgekit.converters.contents.found import Contents
from edgekit.converters.contents.graph import Graph, Node, Value
from edgekit.converters.contents.layers import count
from edgekit.converters.contents.shapes import graphs, shapes_of

_TURNS_AND_GO: Final = 2  # inputs of a loop before its state
_STANDARD: Final = ("", "ai.onnx")


def read(path: Path) -> Contents:
    """Count weight elements, layers and multiply-accumulates by number format, and list the operators.

    The bodies of loops count as well: a quantizer that leaves them as they are has not quantized the model.
    """
    import onnx

    model = onnx.load(path)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    opsets = {item.domain or "ai.onnx": item.version for item in model.opset_import}
    return count(graph_of(model, opsets), opsets=opsets, version=model.ir_version)


def graph_of(model: Any, opsets: Mapping[str, int]) -> Graph:
    """Return the graph of a model with the shapes that can be inferred."""
    inner = list(graphs(model.graph))
    nodes = [node for graph in inner for node in graph.node]
    constants = {tensor.name: tensor for graph in inner for tensor in graph.initializer}
    for node in nodes:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    return Graph(
        nodes=[_node(node, opsets) for node in nodes if node.op_type != "Constant"],
        constants={name: Value(_type(tensor.data_type), tuple(tensor.dims)) for name, tensor in constants.items()},
        values=_values(model),
        handed={inside: outside for node in nodes for inside, outside in _handed(node)},
    )


def _node(node: Any, opsets: Mapping[str, int]) -> Node:
    import onnx

    domain = "" if node.domain in _STANDARD else node.domain
    try:
        version = onnx.defs.get_schema(node.op_type, opsets[node.domain or "ai.onnx"], domain).since_version
    except (onnx.defs.SchemaError, KeyError):
        version = opsets.get(node.domain)
    attributes = {item.name: item.i for item in node.attribute if item.type == onnx.AttributeProto.INT}
    return Node(
        name=node.op_type, domain=domain, version=version, inputs=tuple(node.input), outputs=tuple(node.output), attributes=attributes
    )


def _handed(node: Any) -> Iterator[tuple[str, str]]:
    """Yield (name inside, name outside) of what a loop hands from turn to turn as it is: it stands in one order on both sides."""
    if node.op_type == "Loop":
        body = next(attribute.g for attribute in node.attribute if attribute.name == "body")
        same = {inner.output[0]: inner.input[0] for inner in body.node if inner.op_type == "Identity"}
        for place in range(_TURNS_AND_GO, len(node.input)):
            inside, passed_on = body.input[place].name, body.output[place - 1].name
            if same.get(passed_on, passed_on) == inside:
                yield inside, node.input[place]


def _values(model: Any) -> dict[str, Value]:
    """Return what is known of the tensors: types as they are declared, shapes as they are for one sample."""
    shapes = shapes_of(model)
    types = {
        item.name: _type(item.type.tensor_type.elem_type)
        for graph in graphs(model.graph)
        for item in (*graph.value_info, *graph.input, *graph.output)
        if item.type.HasField("tensor_type")
    }
    return {name: Value(types.get(name), shapes.get(name)) for name in types.keys() | shapes.keys()}


def _type(data_type: int) -> str:
    import onnx

    name: str = onnx.TensorProto.DataType.Name(data_type).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)
