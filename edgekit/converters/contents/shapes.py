"""Find the shapes in an ONNX graph without running it: for one sample, quantized operators as the plain ones that they stand for.

ONNX's own inference stops where a shape is computed from other shapes, as exporters do for attention. What such nodes compute is
evaluated here as soon as it is known, and inference begins again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_SMALL: Final = 64  # elements: shapes, and what they are computed from
_ROUNDS: Final = 200
_ARITHMETIC: Final = frozenset(
    {"Gather", "Concat", "Slice", "Squeeze", "Unsqueeze", "Reshape", "Cast", "Identity", "Where", "Equal", "Less", "Greater", "Not", "And"}
    | {"Or", "Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Neg", "Abs", "ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin"}
)
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


def shapes_of(model: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors by name, free sizes of the inputs as 1; those that cannot be found out are left out."""
    import onnx

    plain = _plain(model)
    for _ in range(_ROUNDS):
        inferred = onnx.shape_inference.infer_shapes(plain, data_prop=True)
        found = dict(_whole(inferred.graph))
        if not _evaluate(plain, found):
            break
    return found


def graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and the graphs inside its nodes: what loops repeat, and both ways of a condition."""
    yield graph
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from graphs(inner)


def _plain(model: Any) -> Any:
    """Return a copy for inference: one sample, plain operators, and no weights."""
    import onnx

    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    for graph in graphs(plain.graph):
        for node in graph.node:
            _make_alike(node, graph)
        del graph.value_info[:]
    for port in plain.graph.input:
        for size in port.type.tensor_type.shape.dim:
            size.dim_value = size.dim_value or 1
    known = {port.name for port in plain.graph.input}
    large = [tensor for tensor in plain.graph.initializer if _elements(tensor) > _SMALL]
    for tensor in large:
        if tensor.name not in known:
            plain.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
        plain.graph.initializer.remove(tensor)
    return plain


def _whole(graph: Any) -> Iterator[tuple[str, tuple[int, ...]]]:
    for inner in graphs(graph):
        for tensor in inner.initializer:
            yield tensor.name, tuple(tensor.dims)
        for item in (*inner.value_info, *inner.input, *inner.output):
            tensor = item.type.tensor_type
            if item.type.HasField("tensor_type") and tensor.HasField("shape"):
                sizes = tuple(size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim)
                if None not in sizes:
                    yield item.name, sizes  # type: ignore[misc]


def _evaluate(model: Any, shapes: dict[str, tuple[int, ...]]) -> bool:
    """Put constants in the place of nodes that compute small whole numbers from what is known; tell whether there was one."""
    from onnx import helper, numpy_helper

    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if _elements(tensor) <= _SMALL}
    changed = False
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            continue
        if node.op_type == "Shape" and node.input[0] in shapes:
            value = _shape(node, shapes[node.input[0]])
        else:
            value = _result(node, known, model.opset_import)
        if value is None or value.size > _SMALL or value.dtype.kind not in "bi":
            continue
        name = node.output[0]
        known[name] = value
        node.CopyFrom(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name)))
        changed = True
    return changed


def _result(node: Any, known: dict[str, Any], opsets: Any) -> Any:
    """Return what a node computes from known arrays; None where one is not known, or what it computes may be large."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    given: list[Any] = [known.get(name) for name in node.input if name]
    if not given or any(array is None for array in given):
        return None
    sized = {"Expand": 1, "ConstantOfShape": 0}.get(node.op_type)  # what says how large their result is
    if node.op_type not in _ARITHMETIC and (sized is None or int(abs(given[sized]).prod()) > _SMALL):
        return None
    graph = helper.make_graph([node], "one", [], [helper.make_empty_tensor_value_info(node.output[0])])
    feeds = dict(zip(filter(None, node.input), given, strict=True))
    try:
        return ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets)).run(None, feeds)[0]
    except Exception:  # what ONNX itself cannot evaluate stays unknown
        return None


def _shape(node: Any, sizes: tuple[int, ...]) -> Any:
    import numpy as np

    ends = {item.name: item.i for item in node.attribute}
    return np.array(sizes[ends.get("start", 0) : ends.get("end", len(sizes))], np.int64)


def _elements(tensor: Any) -> int:
    count = 1
    for size in tensor.dims:
        count *= size
    return count


def _make_alike(node: Any, graph: Any) -> None:
    """Turn a quantized operator, or one of ONNX Runtime's own, into the standard one whose result has the same shape."""
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
    bare = operator in ("MatMul", "Identity", "Add")
    attributes = [] if bare else [item for item in node.attribute if item.name not in ("alpha", "activation", "channels_last")]
    node.op_type, node.domain = operator, ""
    del node.input[:], node.attribute[:]
    node.input.extend(kept)
    node.attribute.extend(attributes)
