"""Write small .tflite files: y = relu(x), with or without what exporters leave out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def relu(
    path: Path,
    *,
    shape: Sequence[int] = (1, 4),
    free: Sequence[int] = (),
    name: str = "x",
    signatures: Sequence[str] = ("serving_default",),
    quantized: bool = False,
) -> Path:
    """Write one graph per signature, the first y = relu(x), the next y = -x; with no signature, the first graph alone.

    `free` are the axes whose size is free.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def tensor(label: str) -> Any:
        made = schema.TensorT()
        made.name, made.shape, made.buffer = label.encode(), list(shape), 0
        made.type = schema.TensorType.INT8 if quantized else schema.TensorType.FLOAT32
        if free:
            made.shapeSignature = [-1 if axis in free else size for axis, size in enumerate(shape)]
        if quantized:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [0.5], [3]
        return made

    def graph(code: int) -> Any:
        operator = schema.OperatorT()
        operator.inputs, operator.outputs, operator.opcodeIndex = [0], [1], code
        made = schema.SubGraphT()
        made.tensors, made.operators, made.inputs, made.outputs = [tensor(name), tensor("y")], [operator], [0], [1]
        return made

    def signature(key: str, number: int) -> Any:
        made = schema.SignatureDefT()
        made.signatureKey, made.subgraphIndex = key.encode(), number
        for side, label, index in (("inputs", name, 0), ("outputs", "y", 1)):
            end = schema.TensorMapT()
            end.name, end.tensorIndex = label.encode(), index
            setattr(made, side, [end])
        return made

    def code(operator: int) -> Any:
        made = schema.OperatorCodeT()
        made.builtinCode = made.deprecatedBuiltinCode = operator
        made.version = 2 if quantized else 1
        return made

    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    model.operatorCodes = [code(schema.BuiltinOperator.RELU), code(schema.BuiltinOperator.NEG)]
    model.subgraphs = [graph(min(number, 1)) for number in range(max(1, len(signatures)))]
    model.signatureDefs = [signature(key, number) for number, key in enumerate(signatures)]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
