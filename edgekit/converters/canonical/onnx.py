"""Hash the graph and the weights of a .onnx."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.converters.canonical.digest import digest


def graph_sha256(path: Path) -> str:
    """Return the hash of the graph, its constants (those in a second file too) and its operator sets; raise KeyError for a broken file."""
    import onnx

    model = onnx.load(path)
    opsets = sorted((item.domain or "ai.onnx", item.version) for item in model.opset_import)
    functions = sorted(item.SerializeToString(deterministic=True) for item in model.functions)
    return digest(opsets, functions, _graph(model.graph, {}, named=True)).hex()


def _graph(graph: Any, outside: Mapping[str, bytes], *, named: bool) -> bytes:
    """Return the hash of a graph; the body of a loop sees the values `outside`, and its own names mean nothing to anybody."""
    values = {**outside, "": b"absent"}
    constants = {tensor.name: _tensor(tensor) for tensor in graph.initializer}
    for item in graph.sparse_initializer:
        constants[item.values.name] = digest("sparse", item.dims, _tensor(item.values), _tensor(item.indices))
    for place, port in enumerate(graph.input):
        values[port.name] = digest("input", place, port.name if named else "", _type(port))
    values.update(constants)
    for node in graph.node:
        settings = {attribute.name: _attribute(attribute, values) for attribute in node.attribute}
        own = digest(node.domain or "ai.onnx", node.op_type, settings, [values[name] for name in node.input], len(node.output))
        values.update({name: digest(own, place) for place, name in enumerate(node.output) if name})
    ends = [[port.name if named else "", values[port.name]] for port in graph.output]
    return digest(ends, [values[port.name] for port in graph.input if port.name not in constants])


def _attribute(attribute: Any, values: Mapping[str, bytes]) -> Any:
    import onnx

    kinds = onnx.AttributeProto
    if attribute.type == kinds.GRAPH:
        return _graph(attribute.g, values, named=False)
    if attribute.type == kinds.GRAPHS:
        return [_graph(graph, values, named=False) for graph in attribute.graphs]
    if attribute.type == kinds.TENSOR:
        return _tensor(attribute.t)
    value = onnx.helper.get_attribute_value(attribute)
    return value if isinstance(value, (int, float, bytes)) else [_plain(item) for item in value] if _is_list(value) else _plain(value)


def _is_list(value: Any) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, (str, bytes))


def _plain(value: Any) -> Any:
    return value.SerializeToString(deterministic=True) if hasattr(value, "SerializeToString") else value


def _tensor(tensor: Any) -> bytes:
    """Return the hash of a constant, whichever of its fields holds the values."""
    from onnx import numpy_helper

    array = numpy_helper.to_array(tensor)
    data = array.tolist() if array.dtype.kind == "O" else array.tobytes()
    return digest("constant", tensor.data_type, list(tensor.dims), data)


def _type(port: Any) -> bytes:
    """Return the type of an input; a free size counts as free, whatever it is called."""
    kind = port.type.tensor_type
    sizes = [size.dim_value if size.HasField("dim_value") else None for size in kind.shape.dim]
    return digest(port.type.WhichOneof("value") or "", kind.elem_type, sizes)
