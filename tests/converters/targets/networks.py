"""Write small .tflite files operator by operator, so that what a check must find is known."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema


def write_chain(path: Path, sizes: list[int], *, operator: str = "RELU", version: int = 1, dtype: str = "FLOAT32") -> Path:
    """Write a chain of one operator through tensors of `sizes` elements."""
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
    graph = schema.SubGraphT()
    graph.tensors = []
    for index, size in enumerate(sizes):
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer, tensor.name = [1, size], getattr(schema.TensorType, dtype), 0, f"t{index}"
        graph.tensors.append(tensor)
    graph.operators = []
    for index in range(len(sizes) - 1):
        step = schema.OperatorT()
        step.opcodeIndex, step.inputs, step.outputs = 0, [index], [index + 1]
        graph.operators.append(step)
    graph.inputs, graph.outputs = [0], [len(sizes) - 1]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
