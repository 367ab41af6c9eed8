"""Describe an exported PyTorch graph as plain data without names and weights, for the hash of its family."""

from __future__ import annotations

from typing import Any, Final

# what leaves inference as it is
_IDENTITY: Final = frozenset(
    {
        "aten.dropout.default",
        "aten.feature_dropout.default",
        "aten.alpha_dropout.default",
        "aten.detach.default",
        "aten.alias.default",
        "aten.contiguous.default",
        "aten.lift_fresh_copy.default",
    }
)


def canonical(program: Any) -> tuple[list[Any], list[Any]]:
    """Return (graph, float weights as arrays): operators in depth-first order from the outputs, weights in the order of their first use.

    The sizes of weights count, their values do not. Constants that are not float count with their values.
    """
    walk = _Walk(program)
    outputs = [walk.place(value) for value in _nodes_of(_output(program.graph))]
    return [walk.calls, outputs], walk.weights


class _Walk:
    def __init__(self, program: Any) -> None:
        signature = program.graph_signature
        stored = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
        self._tensors = {name: program.state_dict.get(key, program.constants.get(key)) for name, key in stored.items()}
        self._inputs = list(signature.user_inputs)
        self._places: dict[Any, int] = {}
        self.calls: list[Any] = []
        self.weights: list[Any] = []

    def place(self, last: Any) -> int:
        """Return the number of the call that makes a value, after numbering all that it needs."""
        stack = [(last, False)]
        while stack:
            node, ready = stack.pop()
            if node in self._places:
                continue
            before = list(node.all_input_nodes)
            if not ready:
                stack.append((node, True))
                stack.extend((item, False) for item in reversed(before))
            elif str(node.target) in _IDENTITY and before:
                self._places[node] = self._places[before[0]]
            else:
                self._places[node] = len(self.calls)
                self.calls.append(self._call(node))
        return self._places[last]

    def _call(self, node: Any) -> Any:
        if node.op == "placeholder":
            return self._placeholder(node)
        if node.op == "get_attr":
            return ["get_attr", str(getattr(getattr(node.graph.owning_module, str(node.target)), "code", ""))]
        return [str(node.target), self._plain(node.args), self._plain({key: node.kwargs[key] for key in sorted(node.kwargs)})]

    def _placeholder(self, node: Any) -> Any:
        tensor = self._tensors.get(node.name)
        if tensor is None:
            value = node.meta["val"]
            return ["input", self._inputs.index(node.name), [int(size) for size in value.shape], str(value.dtype)]
        array = tensor.detach().cpu().contiguous()
        if not tensor.is_floating_point():
            return ["constant", list(tensor.shape), str(tensor.dtype), array.numpy().tobytes().hex()]
        self.weights.append(array.numpy())
        return ["weight", list(tensor.shape), str(tensor.dtype)]

    def _plain(self, value: Any) -> Any:
        if value in self._places if hasattr(value, "all_input_nodes") else False:
            return {"call": self._places[value]}
        if isinstance(value, (tuple, list)):
            return [self._plain(item) for item in value]
        if isinstance(value, dict):
            return {str(key): self._plain(item) for key, item in value.items()}
        return value if isinstance(value, (bool, int, str)) or value is None else str(value)


def _output(graph: Any) -> Any:
    return next(node for node in graph.nodes if node.op == "output").args


def _nodes_of(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [node for item in value for node in _nodes_of(item)]
    return [value] if hasattr(value, "all_input_nodes") else []
