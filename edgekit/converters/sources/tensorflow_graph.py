"""Describe a TensorFlow function without names and weights, so that exporting a model again gives the same description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# They pass a tensor on as it is: exporters and the inlining of functions leave them behind.
_PASSING: Final = frozenset({"Identity", "StopGradient", "PreventGradient", "Snapshot"})
_NAMES: Final = frozenset({"shared_name", "container", "debug_name", "config", "config_proto", "executor_type", "allowed_devices"})
_DERIVED: Final = frozenset({"output_shapes"})


def canonical(function: Any) -> tuple[Any, list[Any]]:
    """Return (graph, weights) of a concrete function: what leads to its outputs, in the order of a walk from them.

    A node is [operator, attributes, [node, output] of each input]; bodies of loops and branches are described in place. Variables and
    float constants of one dimension or more are weights, and count by shape and dtype; other constants (axes, sizes) count by value.
    The batch of the inputs does not count.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)  # inlines what it calls
    definition = frozen.graph.as_graph_def()
    walk = _Walk(
        functions={item.signature.name: item for item in definition.library.function},
        variables={inner.name.partition(":")[0] for _, inner in function.graph.captures},
    )
    nodes = {node.name: node for node in definition.node}
    return walk.describe(nodes, [], [output.name for output in frozen.outputs]), walk.weights


@dataclass(slots=True, kw_only=True)
class _Walk:
    """Hold the functions of a graph and what was variable in it, and gather the weights met on the way."""

    functions: Mapping[str, Any]
    variables: set[str]
    weights: list[Any] = field(default_factory=list)

    def describe(self, nodes: Mapping[str, Any], arguments: Sequence[str], outputs: Sequence[str]) -> Any:
        places: dict[str, int] = {}
        listed: list[Any] = []
        ends = [_through(output, nodes) for output in outputs]
        stack = [(_split(end)[0], False) for end in reversed(ends)]
        while stack:
            name, inputs_done = stack.pop()
            if name in places:
                continue
            node = nodes.get(name)
            if node is None:  # an argument of a function
                places[name] = len(listed)
                listed.append(["argument", arguments.index(name)])
                continue
            fed = [_through(item, nodes) for item in node.input if not item.startswith("^")]
            if inputs_done:
                places[name] = len(listed)
                listed.append([node.op, self._attributes(node), [_place(item, places) for item in fed]])
            else:
                stack.append((name, True))
                stack.extend((_split(item)[0], False) for item in reversed(fed))
        return [listed, [_place(end, places) for end in ends]]

    def _attributes(self, node: Any) -> Any:
        if node.op == "Const":
            return self._constant(node)
        kept = sorted(key for key in node.attr if not key.startswith("_") and key not in _NAMES | _DERIVED)
        return [[key, self._attribute(node.op, node.attr[key])] for key in kept]

    def _attribute(self, operator: str, value: Any) -> Any:
        kind = value.WhichOneof("value")
        if kind == "func":
            return self._function(value.func.name)
        if kind == "list" and value.list.func:
            return [self._function(item.name) for item in value.list.func]
        if kind == "shape" and operator == "Placeholder":
            return [dimension.size for dimension in value.shape.dim][1:]
        return value.SerializeToString(deterministic=True).hex()

    def _function(self, name: str) -> Any:
        definition = self.functions[name]
        nodes = {node.name: node for node in definition.node_def}
        outputs = [definition.ret[output.name] for output in definition.signature.output_arg]
        return self.describe(nodes, [argument.name for argument in definition.signature.input_arg], outputs)

    def _constant(self, node: Any) -> Any:
        import tensorflow as tf

        dtype, value = tf.as_dtype(node.attr["dtype"].type), tf.make_ndarray(node.attr["value"].tensor)
        if node.name in self.variables or (dtype.is_floating and value.ndim):
            self.weights.append(value)
            return [dtype.name, list(value.shape)]
        return [dtype.name, list(value.shape), value.tolist() if dtype.is_integer or dtype.is_bool else repr(value.tolist())]


def _through(reference: str, nodes: Mapping[str, Any]) -> str:
    """Return what feeds `reference`, past everything that only passes it on."""
    node = nodes.get(_split(reference)[0])
    while node is not None and node.op in _PASSING:
        reference = node.input[0]
        node = nodes.get(_split(reference)[0])
    return reference


def _split(reference: str) -> tuple[str, str]:
    """Return (node, output) of "node", "node:1" or, in a function, "node:output:1"."""
    name, _, output = reference.partition(":")
    return name, output or "0"


def _place(reference: str, places: Mapping[str, int]) -> Any:
    name, output = _split(reference)
    return [places[name], output]
