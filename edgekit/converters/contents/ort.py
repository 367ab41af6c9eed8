"""Read what a .ort holds: ONNX Runtime's own format of a graph that it has optimised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edgekit.converters.contents.found import Contents
from edgekit.converters.contents.graph import Graph, Node, Value
from edgekit.converters.contents.layers import count

_TURNS_AND_GO: Final = 2  # inputs of a loop before its state


def read(path: Path) -> Contents:
    """Count weight elements, layers and multiply-accumulates by number format, and list the operators, those inside loops included."""
    import onnxruntime.tools.ort_format_model  # noqa: F401 -- puts ONNX Runtime's schema where the next line finds it
    from ort_flatbuffers_py.fbs.InferenceSession import InferenceSession

    model = InferenceSession.GetRootAsInferenceSession(bytearray(path.read_bytes()), 0).Model()
    types = _types()
    graphs = list(_graphs(model.Graph()))
    nodes = [node for graph in graphs for node in _listed(graph, "Nodes")]
    graph = Graph(
        nodes=[_node(node) for node in nodes],
        constants={_text(item.Name()): _constant(item, types) for graph in graphs for item in _listed(graph, "Initializers")},
        values={_text(item.Name()): value for graph in graphs for item in _listed(graph, "NodeArgs") if (value := _value(item, types))},
        handed={inside: outside for node in nodes for inside, outside in _handed(node)},
    )
    sets = {_text(item.Domain()) or "ai.onnx": int(item.Version()) for item in _listed(model, "OpsetImport")}
    used = {node.domain or "ai.onnx" for node in graph.nodes}  # ONNX Runtime names all that it has
    return count(graph, opsets={name: number for name, number in sets.items() if name in used}, version=int(model.IrVersion()))


def _types() -> dict[int, str]:
    from ort_flatbuffers_py.fbs.TensorDataType import TensorDataType

    names = {number: name.lower() for name, number in vars(TensorDataType).items() if isinstance(number, int)}
    return {number: {"float": "float32", "double": "float64"}.get(name, name) for number, name in names.items()}


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in _listed(graph, "Nodes"):
        for attribute in _listed(node, "Attributes"):
            for inner in (*([attribute.G()] if attribute.G() is not None else []), *_listed(attribute, "Graphs")):
                yield from _graphs(inner)


def _node(node: Any) -> Node:
    return Node(
        name=_text(node.OpType()),
        domain=_text(node.Domain()),
        version=int(node.SinceVersion()),
        inputs=tuple(_text(name) for name in _listed(node, "Inputs")),
        outputs=tuple(_text(name) for name in _listed(node, "Outputs")),
        attributes={_text(item.Name()): int(item.I()) for item in _listed(node, "Attributes")},
    )


def _handed(node: Any) -> Iterator[tuple[str, str]]:
    """Yield (name inside, name outside) of what a loop hands from turn to turn as it is: it stands in one order on both sides."""
    if _text(node.OpType()) == "Loop":
        body = next(item.G() for item in _listed(node, "Attributes") if _text(item.Name()) == "body")
        identities = [inner for inner in _listed(body, "Nodes") if _text(inner.OpType()) == "Identity"]
        same = {_text(inner.Outputs(0)): _text(inner.Inputs(0)) for inner in identities}
        for place in range(_TURNS_AND_GO, node.InputsLength()):
            inside, passed_on = _text(body.Inputs(place)), _text(body.Outputs(place - 1))
            if same.get(passed_on, passed_on) == inside:
                yield inside, _text(node.Inputs(place))


def _constant(tensor: Any, types: Mapping[int, str]) -> Value:
    return Value(types.get(tensor.DataType()), tuple(int(size) for size in _listed(tensor, "Dims")))


def _value(item: Any, types: Mapping[int, str]) -> Value | None:
    from ort_flatbuffers_py.fbs.TensorTypeAndShape import TensorTypeAndShape
    from ort_flatbuffers_py.fbs.TypeInfoValue import TypeInfoValue

    info = item.Type()
    if info is None or info.ValueType() != TypeInfoValue.tensor_type:
        return None
    tensor = TensorTypeAndShape()
    tensor.Init(info.Value().Bytes, info.Value().Pos)
    shape = tensor.Shape()
    sizes = None if shape is None else tuple(_size(size) for size in _listed(shape, "Dim"))
    return Value(types.get(tensor.ElemType()), sizes)


def _size(dimension: Any) -> int:
    value = dimension.Value()
    return 1 if value is None else int(value.DimValue()) or 1


def _listed(item: Any, name: str) -> Iterator[Any]:
    yield from (getattr(item, name)(place) for place in range(getattr(item, f"{name}Length")()))


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode()
