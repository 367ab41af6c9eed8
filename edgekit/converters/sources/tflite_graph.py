"""Describe a TFLite graph as plain data without names and weights, for the hash of its family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def canonical(model: Any, main: Any, stored: Callable[[Any], Any]) -> tuple[list[Any], list[Any]]:
    """Return (graphs, float weights): the main graph and those it runs, each a list of operators in order; tensors by number of first use.

    The sizes of float constants count, their values do not; other constants (axes, shapes) count with their values.
    `stored` gives the bytes of a constant tensor, None for one that is computed.
    """
    weights: list[Any] = []
    others = [graph for graph in model.subgraphs if graph is not main] if len(model.subgraphs) > 1 else []
    return [_graph(graph, model, stored, weights) for graph in (main, *others)], weights


def _graph(graph: Any, model: Any, stored: Callable[[Any], Any], weights: list[Any]) -> Any:
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    places: dict[int, int] = {}

    def place(index: int) -> Any:
        if index < 0:
            return None
        tensor, first = graph.tensors[index], index not in places
        number = places.setdefault(index, len(places))
        shape = [int(size) for size in tensor.shape] if tensor.shape is not None else []
        data = stored(tensor)
        if data is None:
            return [number, int(tensor.type), shape]
        if tensor.type != schema.TensorType.FLOAT32:
            return [number, int(tensor.type), shape, bytes(data).hex()]
        if first:
            weights.append(np.frombuffer(bytes(data), np.float32).reshape(shape))
        return [number, int(tensor.type), shape]

    ends = [place(int(index)) for index in graph.inputs]
    operators = []
    for operator in graph.operators or ():
        code = model.operatorCodes[operator.opcodeIndex]
        given = [options for options in (operator.builtinOptions, operator.builtinOptions2) if options is not None]
        settings = [sorted((key, _plain(value)) for key, value in vars(options).items()) for options in given]
        sides = [[place(int(index)) for index in (side if side is not None else ())] for side in (operator.inputs, operator.outputs)]
        operators.append([int(max(code.builtinCode, code.deprecatedBuiltinCode)), settings, sides])
    return [operators, ends, [place(int(index)) for index in graph.outputs]]


def _plain(value: Any) -> str:
    return str(value.tolist() if hasattr(value, "tolist") else value)
