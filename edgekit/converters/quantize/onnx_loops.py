"""Let the layers inside loops see their weights, which exporters hand from turn to turn as if they were state."""

from __future__ import annotations

from typing import Any


def open_loops(graph: Any) -> None:
    """Rename, inside each Loop of `graph`, what every turn passes on unchanged and a constant outside began: to that constant's name.

    A loop's body sees the names around it, so that nothing else changes; but quantizers look for constants by their names.
    """
    constants = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        for body in (attribute.g for attribute in node.attribute if attribute.HasField("g")):
            if node.op_type == "Loop":
                _rename(body, _unchanged(node, body, constants))
            open_loops(body)


def _unchanged(node: Any, body: Any, constants: set[str]) -> dict[str, str]:
    """Return {name inside: constant outside} of the state that no turn changes."""
    before = {inner.output[0]: inner.input[0] for inner in body.node if inner.op_type == "Identity"}
    found = {}
    for place in range(2, len(node.input)):  # after the number of turns and the condition
        inside, passed_on = body.input[place].name, body.output[place - 1].name
        if node.input[place] in constants and before.get(passed_on, passed_on) == inside:
            found[inside] = node.input[place]
    return found


def _rename(graph: Any, names: dict[str, str]) -> None:
    for node in graph.node:
        if node.op_type != "Identity":  # which passes the state on, and has to
            node.input[:] = [names.get(name, name) for name in node.input]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rename(attribute.g, names)
