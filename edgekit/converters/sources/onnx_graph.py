"""Describe an ONNX graph as plain data without names and weights, for the hash of its family."""

from __future__ import annotations

from typing import Any


def canonical(proto: Any) -> tuple[list[Any], list[Any]]:
    """Return (graph, float weights as arrays): operators in depth-first order from the outputs, weights in the order of their first use.

    The sizes of float constants count, their values do not; other constants (axes, shapes) count with their values. Where weights are kept,
    how nodes are ordered and what values are called does not count; the operator set and the operators that an exporter chose do.
    """
    walk = _Walk(proto.graph)
    outputs = [walk.place(port.name) for port in proto.graph.output]
    return [walk.calls, outputs], walk.weights


class _Walk:
    def __init__(self, graph: Any, outside: _Walk | None = None) -> None:
        from onnx import numpy_helper

        self._constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self._constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self._makers = {name: node for node in graph.node for name in node.output if name}
        self._inputs = {port.name: (number, port) for number, port in enumerate(graph.input)}
        self._outside = outside
        self._places: dict[str, list[int]] = {}
        self.calls: list[Any] = []
        self.weights: list[Any] = outside.weights if outside else []

    def place(self, last: str) -> list[int]:
        """Return [number of the call, number of its output] of a value, after numbering all that it needs."""
        stack = [(last, False)]
        while stack:
            name, ready = stack.pop()
            if name in self._places or not name:
                continue
            node = self._makers.get(name) if name not in self._constants else None
            if node is not None and not ready:
                stack.append((name, True))
                stack.extend((before, False) for before in reversed(node.input))
                continue
            for output, made in enumerate(node.output if node is not None else [name]):
                self._places[made] = [len(self.calls), output]
            self.calls.append(self._call(name, node))
        return self._places[last] if last else []

    def _call(self, name: str, node: Any) -> Any:
        array = self._constants.get(name)
        if array is not None:
            if array.dtype.kind != "f" or not array.ndim:  # a single number is a setting: a bound, an epsilon
                return ["constant", str(array.dtype), list(array.shape), array.tobytes().hex()]
            self.weights.append(array)
            return ["weight", str(array.dtype), list(array.shape)]
        if node is not None:
            settings = sorted((attribute.name, self._setting(attribute)) for attribute in node.attribute)
            return [
                node.domain,
                node.op_type,
                [[key, value] for key, value in settings],
                [self._places.get(item, []) for item in node.input],
            ]
        if name in self._inputs:
            number, port = self._inputs[name]
            kind = port.type.tensor_type
            return ["input", number, kind.elem_type, [size.dim_value for size in kind.shape.dim][1:]]
        return ["outside", self._outside.place(name) if self._outside else []]

    def _setting(self, attribute: Any) -> Any:
        import onnx

        if attribute.HasField("g"):
            inner = _Walk(attribute.g, self)
            return str([[inner.place(port.name) for port in attribute.g.output], inner.calls])
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, onnx.TensorProto):
            kept = "" if value.data_type == onnx.TensorProto.FLOAT else value.SerializeToString(deterministic=True).hex()
            return f"{value.data_type}{list(value.dims)}{kept}"
        return str(list(value) if hasattr(value, "__iter__") and not isinstance(value, (str, bytes)) else value)
