"""Put the nodes of an .onnx in order: each after what it uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def sort_nodes(graph: Any) -> None:
    """Order the nodes of `graph` and of the bodies in it; what a body uses of the graph around it counts for its node.

    ONNX Runtime's own sort looks at the inputs of a node only, and so puts a loop before what its body reads.
    """
    makers = {name: place for place, node in enumerate(graph.node) for name in node.output if name}
    order: list[int] = []
    seen: set[int] = set()
    for first in range(len(graph.node)):
        stack = [(first, False)]
        while stack:
            place, ready = stack.pop()
            if ready:
                order.append(place)
            elif place not in seen:
                seen.add(place)
                stack.append((place, True))
                stack.extend((makers[name], False) for name in _used(graph.node[place]) if name in makers)
    nodes = [graph.node[place] for place in order]
    for body in (body for node in nodes for body in _bodies(node)):
        sort_nodes(body)
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _used(node: Any) -> Iterator[str]:
    yield from node.input
    for body in _bodies(node):
        for inner in body.node:
            yield from _used(inner)
        yield from (port.name for port in body.output)


def _bodies(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
