"""Bring an ONNX graph into the form that a converter to TFLite can be trusted with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def prepare(proto: Any, shapes: Mapping[str, Sequence[int]], out: Path) -> None:
    """Write `proto` to `out` with a batch of one, no free sizes, constants folded, and products with a constant matrix as Gemm.

    `shapes` gives each input's shape without its batch. A free batch leaves SHAPE and FILL in the result, which microcontrollers do not
    have; a product with a constant that becomes BATCH_MATMUL turns to zeros when quantized; an output right behind a convolution comes
    out with its channels last.
    """
    import onnx
    import onnxruntime

    fixed = onnx.ModelProto()
    fixed.CopyFrom(proto)
    _fix_sizes(fixed, shapes)
    inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # folds batch normalisation too
    options.optimized_model_filepath = str(out)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(inferred.SerializeToString(), options, providers=["CPUExecutionProvider"])
    optimised = onnx.shape_inference.infer_shapes(onnx.load(out))
    _matmul_as_gemm(optimised)
    _pin_layouts(optimised)
    onnx.checker.check_model(optimised)
    onnx.save(optimised, out)


def _fix_sizes(proto: Any, shapes: Mapping[str, Sequence[int]]) -> None:
    stored = {tensor.name for tensor in proto.graph.initializer}
    for port in proto.graph.input:
        if port.name in stored:
            continue
        for place, (dimension, size) in enumerate(zip(port.type.tensor_type.shape.dim, (1, *shapes[port.name]), strict=True)):
            if place or dimension.dim_value < 1:
                dimension.dim_value = size
    del proto.graph.value_info[:]
    for port in proto.graph.output:  # what was free follows from the inputs now
        for dimension in port.type.tensor_type.shape.dim:
            if not dimension.HasField("dim_value"):
                dimension.Clear()


def _matmul_as_gemm(proto: Any) -> None:
    """Write each product with a constant matrix as Gemm, on rows where it has more than two axes."""
    from onnx import helper

    graph = proto.graph
    matrices = {tensor.name: list(tensor.dims) for tensor in graph.initializer if len(tensor.dims) == 2}
    known = {port.name: _sizes(port) for port in (*graph.value_info, *graph.input, *graph.output)}
    nodes: list[Any] = []
    for node in graph.node:
        shape = known.get(node.input[0]) if node.op_type == "MatMul" and node.input[1] in matrices else None
        if shape is None or len(shape) < 2 or min(shape) < 1:
            nodes.append(node)
            continue
        data, weights, result = node.input[0], node.input[1], node.output[0]
        if len(shape) == 2:
            nodes.append(helper.make_node("Gemm", [data, weights], [result], name=f"{result}_gemm"))
            continue
        rows, width = f"{result}_rows", matrices[weights][1]
        graph.initializer.extend([_ints(f"{rows}_shape", [-1, shape[-1]]), _ints(f"{result}_shape", [*shape[:-1], width])])
        nodes += [
            helper.make_node("Reshape", [data, f"{rows}_shape"], [rows], name=f"{rows}_in"),
            helper.make_node("Gemm", [rows, weights], [f"{rows}_out"], name=f"{result}_gemm"),
            helper.make_node("Reshape", [f"{rows}_out", f"{result}_shape"], [result], name=f"{rows}_back"),
        ]
    del graph.node[:]
    graph.node.extend(nodes)


def _pin_layouts(proto: Any) -> None:
    """Bring each output of three axes or more into one row and back: its axes can then not be moved without a word."""
    from onnx import helper

    graph = proto.graph
    for port in graph.output:
        shape = _sizes(port)
        if len(shape) < 3 or min(shape) < 1:
            continue
        free, row = f"{port.name}_free", f"{port.name}_row"
        for node in graph.node:
            for side in (node.input, node.output):
                side[:] = [free if name == port.name else name for name in side]
        graph.initializer.extend([_ints(f"{row}_shape", [1, -1]), _ints(f"{free}_shape", shape)])
        graph.node.append(helper.make_node("Reshape", [free, f"{row}_shape"], [row], name=row))
        graph.node.append(helper.make_node("Reshape", [row, f"{free}_shape"], [port.name], name=free))


def _sizes(port: Any) -> list[int]:
    return [dimension.dim_value for dimension in port.type.tensor_type.shape.dim]


def _ints(name: str, values: Sequence[int]) -> Any:
    import onnx

    return onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [len(values)], list(values))
