"""Build models small enough to reason about: y = relu(x) as .tflite (float and int8), y = x @ w + b as .onnx."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

WIDTH = 4
SCALE, ZERO_POINT = 0.5, 3


def tflite(path: Path, *, quantized: bool = False) -> Path:
    """Write relu over float32[1, 4], or over int8[1, 4] with scale 0.5 and zero point 3."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name: str) -> Any:
        made = schema.TensorT()
        made.name, made.shape, made.buffer = name.encode(), [1, WIDTH], 0
        made.type = schema.TensorType.INT8 if quantized else schema.TensorType.FLOAT32
        if quantized:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [SCALE], [ZERO_POINT]
        return made

    operator = schema.OperatorT()
    operator.inputs, operator.outputs, operator.opcodeIndex = [0], [1], 0
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [tensor("x"), tensor("y")], [operator], [0], [1]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
    code.version = 2 if quantized else 1
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def onnx(path: Path, *, batch: int | str = "batch", bias: float = 1.0) -> Path:
    """Write y = x @ (2 * identity) + bias over float32[batch, 4]."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    weight = numpy_helper.from_array(2 * np.eye(WIDTH, dtype=np.float32), "w")
    offset = numpy_helper.from_array(np.full(WIDTH, bias, np.float32), "b")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, WIDTH])],
        [weight, offset],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def impossible_onnx(path: Path) -> Path:
    """Write a model that reshapes each row of four values to three by five."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "s"], ["y"])],
        "impossible",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 5])],
        [numpy_helper.from_array(np.array([3, 5]), "s")],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def samples(path: Path, rows: Any, name: str = "x") -> Path:
    """Write an .npz with one array."""
    import numpy as np

    np.savez(path, **{name: np.asarray(rows, dtype=np.float32)})
    return path


def chain_onnx(path: Path, widths: tuple[int, ...]) -> Path:
    """Write products of matrices one after the other, each followed by relu: float32[batch, widths[0]] to [batch, widths[-1]]."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    nodes, weights, value = [], [], "x"
    for layer, (rows, columns) in enumerate(itertools.pairwise(widths)):
        weights.append(numpy_helper.from_array(np.full((rows, columns), 1 / rows, np.float32), f"w{layer}"))
        nodes.append(helper.make_node("MatMul", [value, f"w{layer}"], [f"p{layer}"], name=f"product{layer}"))
        nodes.append(helper.make_node("Relu", [f"p{layer}"], [f"y{layer}"], name=f"relu{layer}"))
        value = f"y{layer}"
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", widths[0]])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["batch", widths[-1]])],
        weights,
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def chain_tflite(path: Path, widths: tuple[int, ...], *, version: int = 1) -> Path:
    """Write fully connected layers one after the other: float32[1, widths[0]] to [1, widths[-1]]; `version` is that of the operator."""
    import flatbuffers
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name: str, shape: list[int], buffer: int = 0) -> Any:
        made = schema.TensorT()
        made.name, made.shape, made.buffer, made.type = name.encode(), shape, buffer, schema.TensorType.FLOAT32
        return made

    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.operators, model.buffers = [tensor("x", [1, widths[0]])], [], [schema.BufferT()]
    for layer, (rows, columns) in enumerate(itertools.pairwise(widths)):
        weights, operator = schema.BufferT(), schema.OperatorT()
        weights.data = np.full(rows * columns, 1 / rows, np.float32).view(np.uint8)
        model.buffers.append(weights)
        graph.tensors += [tensor(f"w{layer}", [columns, rows], layer + 1), tensor(f"y{layer}", [1, columns])]
        operator.inputs, operator.outputs, operator.opcodeIndex = [2 * layer, 2 * layer + 1, -1], [2 * layer + 2], 0
        operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        operator.builtinOptions = schema.FullyConnectedOptionsT()
        graph.operators.append(operator)
    graph.inputs, graph.outputs = [0], [len(graph.tensors) - 1]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = version
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
