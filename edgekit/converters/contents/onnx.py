"""Read what a .onnx holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edgekit.converters.contents.found import Contents
from edgekit.converters.contents.graph import Graph, Node, Value
from edgekit.converters.contents.layers import count

_TURNS_AND_GO: Final = 2  # inputs of a loop before its state
_STANDARD: Final = ("", "ai.onnx")
# quantized operators, and ONNX Runtime's own, as standard ones with the same shapes: (name, places of the inputs that shape the result)
_ALIKE: Final = {
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "Gelu", "QuickGelu", "QLinearSigmoid", "QLinearLeakyRelu"), ("Identity", (0,))),
    **dict.fromkeys(("QLinearSoftmax",), ("Identity", (0,))),
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), ("Add", (0, 3))),
    **dict.fromkeys(("MatMulIntegerToFloat", "DynamicQuantizeMatMul", "FusedMatMul"), ("MatMul", (0, 1))),
    "BiasGelu": ("Add", (0, 1)),
    "QLinearMatMul": ("MatMul", (0, 3)),
    "QLinearConv": ("Conv", (0, 3)),
    "QGemm": ("Gemm", (0, 3)),
    "FusedGemm": ("Gemm", (0, 1)),
    "FusedConv": ("Conv", (0, 1)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
}


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
    graphs = list(_graphs(model.graph))
    nodes = [node for graph in graphs for node in graph.node]
    constants = {tensor.name: tensor for graph in graphs for tensor in graph.initializer}
    for node in nodes:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    return Graph(
        nodes=[_node(node, opsets) for node in nodes if node.op_type != "Constant"],
        constants={name: Value(_type(tensor.data_type), tuple(tensor.dims)) for name, tensor in constants.items()},
        values=_values(model),
        handed={inside: outside for node in nodes for inside, outside in _handed(node)},
    )


def _graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and the graphs inside its nodes: what loops repeat, and both ways of a condition."""
    yield graph
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _graphs(inner)


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
    """Return what is known of the tensors: types as they are declared, shapes inferred on a copy without quantized operators."""
    import onnx

    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    for graph in _graphs(plain.graph):
        for node in graph.node:
            _make_alike(node, graph)
    values: dict[str, Value] = {}
    for known in (onnx.shape_inference.infer_shapes(plain), model):
        for graph in _graphs(known.graph):
            for item in (*graph.value_info, *graph.input, *graph.output):
                if item.type.HasField("tensor_type"):
                    value = _value(item.type.tensor_type)
                    values[item.name] = Value(value.format, values.get(item.name, value).shape or value.shape)
    return values


def _make_alike(node: Any, graph: Any) -> None:
    from onnx import TensorProto, helper

    inputs = list(node.input)
    if node.op_type == "MatMulNBits":
        sizes = {item.name: item.i for item in node.attribute}
        name = f"{node.output[0]}:weights"
        graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, (0,), []))
        graph.initializer[-1].dims[:] = (sizes["K"], sizes["N"])
        operator, kept = "MatMul", [inputs[0], name]
    elif node.op_type == "QLinearConcat":
        operator, kept = "Concat", inputs[2::3]
    elif node.op_type in _ALIKE:
        operator, places = _ALIKE[node.op_type]
        kept = [inputs[place] for place in places]
    else:
        return
    plain = operator in ("MatMul", "Identity", "Add")
    attributes = [] if plain else [item for item in node.attribute if item.name not in ("alpha", "activation", "channels_last")]
    node.op_type, node.domain = operator, ""
    del node.input[:], node.attribute[:]
    node.input.extend(kept)
    node.attribute.extend(attributes)


def _value(tensor: Any) -> Value:
    shape = tuple(size.dim_value or 1 for size in tensor.shape.dim) if tensor.HasField("shape") else None
    return Value(_type(tensor.elem_type), shape)


def _type(data_type: int) -> str:
    import onnx

    name: str = onnx.TensorProto.DataType.Name(data_type).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)
