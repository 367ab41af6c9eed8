"""Say how much memory a .tflite needs at least, from its graph alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

_BITS = {"FLOAT32": 32, "FLOAT16": 16, "INT32": 32, "UINT8": 8, "INT64": 64, "STRING": 0, "BOOL": 8, "INT16": 16, "INT8": 8, "INT4": 4}


def activation_bytes(path: Path) -> int:
    """Return the bytes of the tensors that live at the same time in the main graph, at the worst operator.

    A tensor lives from the operator that writes it to the last one that reads it; constants do not count. No arena can be smaller; a
    real one adds alignment, scratch memory and the runtime's own bookkeeping.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    names = {number: name for name, number in vars(schema.TensorType).items() if not name.startswith("_")}
    graph = model.subgraphs[0]
    operators = list(graph.operators or [])
    born = {int(index): 0 for index in graph.inputs}
    dies = {int(index): len(operators) for index in graph.outputs}
    for at, operator in enumerate(operators):
        for index in operator.outputs:
            born.setdefault(int(index), at)
        for index in operator.inputs if operator.inputs is not None else []:
            dies[int(index)] = max(at, dies.get(int(index), 0))
    sizes = {index: _bytes(graph.tensors[index], names) for index in born if index >= 0}
    return max(
        (sum(size for index, size in sizes.items() if born[index] <= at <= dies.get(index, born[index])) for at in range(len(operators))),
        default=sum(sizes.values()),
    )


def _bytes(tensor: Any, names: dict[int, str]) -> int:
    shape = tensor.shape if tensor.shape is not None else []
    return -(-math.prod(max(1, int(size)) for size in shape) * _BITS.get(names[tensor.type], 32) // 8)
