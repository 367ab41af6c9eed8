"""Read what a .tflite holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgekit.converters.contents.found import Contents

_TYPES: Final = {
    "FLOAT32": "float32",
    "FLOAT16": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT16": "int16",
    "INT4": "int4",
    "INT2": "int2",
    "FLOAT64": "float64",
    "BFLOAT16": "bfloat16",
}


def read(path: Path) -> Contents:
    """Count weight elements by number format, and layers with weights by the format of their results.

    Weights are constant tensors of two or more dimensions, followed through a DEQUANTIZE to the layer that uses them. Biases do not count,
    nor do constants that are all zero: the states in which recurrent layers start.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    names = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    weights: Counter[str] = Counter()
    activations: Counter[str] = Counter()
    for graph in model.subgraphs:
        constant = {index: tensor for index, tensor in enumerate(graph.tensors) if _is_weight(model, tensor, names)}
        dequantize = {op.outputs[0]: op.inputs[0] for op in graph.operators if _code(model, op) == schema.BuiltinOperator.DEQUANTIZE}
        for op in graph.operators:
            if _code(model, op) == schema.BuiltinOperator.DEQUANTIZE or op.inputs is None:
                continue
            used = {dequantize.get(index, index) for index in op.inputs} & constant.keys()
            if not used:
                continue
            made = _TYPES.get(names[graph.tensors[op.outputs[0]].type])
            if made is not None:  # a loop gives its counter first, which is no activation
                activations[made] += 1
            for index in used:
                elements = 1
                for size in constant.pop(index).shape:
                    elements *= int(size)
                weights[_TYPES[names[graph.tensors[index].type]]] += elements
    return Contents(weights=dict(weights), activations=dict(activations))


def _is_weight(model: Any, tensor: Any, names: Mapping[int, str]) -> bool:
    data = model.buffers[tensor.buffer]
    stored = (data.data is not None and any(bytes(data.data))) or bool(getattr(data, "offset", 0))
    return bool(stored and tensor.shape is not None and len(tensor.shape) >= 2 and names[tensor.type] in _TYPES)


def _code(model: Any, op: Any) -> int:
    code = model.operatorCodes[op.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))
