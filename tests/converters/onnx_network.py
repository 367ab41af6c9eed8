"""Build float .onnx networks without an exporter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(path: Path, nodes: list[Any], constants: dict[str, Any], *, x: tuple[Any, ...], y: tuple[Any, ...], **more: Any) -> Path:
    """Write a graph from "x" to "y"; `x_type`, `y_type` and `opset` are float, float and 17 unless given."""
    ends = [helper.make_tensor_value_info(name, more.get(f"{name}_type", TensorProto.FLOAT), shape) for name, shape in (("x", x), ("y", y))]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [numpy_helper.from_array(value, name) for name, value in constants.items()])
    sets = [helper.make_opsetid("", more.get("opset", 17)), *([helper.make_opsetid("com.microsoft", 1)] if more.get("own") else [])]
    onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=8), path)
    return path


def weights(seed: int, *shape: int) -> Any:
    return (np.random.default_rng(seed).normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def classifier(path: Path) -> Path:
    """Write a convolution, a depthwise and a pointwise one, a mean and a product: 288 + 288 + 2048 + 640 weights."""
    return save(
        path,
        [
            helper.make_node("Conv", ["x", "stem"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("Conv", ["r", "depth"], ["d"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=32),
            helper.make_node("Relu", ["d"], ["e"]),
            helper.make_node("Conv", ["e", "point"], ["f"]),
            helper.make_node("Relu", ["f"], ["g"]),
            helper.make_node("ReduceMean", ["g"], ["p"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["p", "matrix"], ["y"]),
        ],
        {
            "stem": weights(1, 32, 1, 3, 3),
            "depth": weights(2, 32, 1, 3, 3),
            "point": weights(3, 64, 32, 1, 1),
            "matrix": weights(4, 64, 10),
        },
        x=("batch", 1, 8, 8),
        y=("batch", 10),
    )


def lookup(path: Path) -> Path:
    """Write a table of 50 x 8, whose rows are summed up and multiplied by a matrix of 8 x 4."""
    return save(
        path,
        [
            helper.make_node("Gather", ["table", "x"], ["rows"]),
            helper.make_node("ReduceMean", ["rows"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("MatMul", ["mean", "matrix"], ["y"]),
        ],
        {"table": weights(1, 50, 8), "matrix": weights(2, 8, 4)},
        x=("batch", 12),
        y=("batch", 4),
        x_type=TensorProto.INT64,
    )


def recurrent(path: Path) -> Path:
    """Write an LSTM of 8 units over 10 steps of 4 values, and its last state."""
    constants = {"w": weights(1, 1, 32, 4), "r": weights(2, 1, 32, 8)}
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["t", "w", "r"], ["", "h"], hidden_size=8),
        helper.make_node("Squeeze", ["h", "first"], ["y"]),
    ]
    return save(path, nodes, {**constants, "first": np.array([0])}, x=("batch", 10, 4), y=("batch", 8))


def looped(path: Path) -> Path:
    """Write a loop that multiplies a state by a matrix of 8 x 8 three times; exporters hand it in as state that no turn changes."""
    names = {"step": TensorProto.INT64, "go": TensorProto.BOOL, "state": TensorProto.FLOAT, "inner": TensorProto.FLOAT}
    shapes: dict[str, list[int]] = {"step": [], "go": [], "state": [1, 8], "inner": [8, 8]}
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "inner"], ["m"]),
            helper.make_node("Tanh", ["m"], ["next"]),
            helper.make_node("Identity", ["inner"], ["kept"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [helper.make_tensor_value_info(name, kind, shapes[name]) for name, kind in names.items()],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [1, 8]),
            helper.make_tensor_value_info("kept", TensorProto.FLOAT, [8, 8]),
        ],
    )
    node = helper.make_node("Loop", ["turns", "", "x", "w"], ["y", "rest"], body=body)
    return save(path, [node], {"w": weights(1, 8, 8), "turns": np.array(3)}, x=(1, 8), y=(1, 8))
