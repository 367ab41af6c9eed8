from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgekit.converters.contents.onnx import read


def test_weights_that_only_a_loop_uses_are_counted(tmp_path: Path) -> None:
    """A quantizer that passes loops by must not be believed: its weights go in by position and keep no name inside."""
    state = helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, 4])
    inside = [
        helper.make_tensor_value_info("step", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        state,
        helper.make_tensor_value_info("inner", TensorProto.FLOAT, [4, 4]),
    ]
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "inner"], ["next"]),
            helper.make_node("Identity", ["inner"], ["kept"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        inside,
        [helper.make_empty_tensor_value_info(name) for name in ("on", "next", "kept")],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["turns", "", "x", "w"], ["y", "rest"], body=body)],
        "looped",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(np.eye(4, dtype=np.float32), "w"), numpy_helper.from_array(np.array(3), "turns")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "loop.onnx")
    found = read(tmp_path / "loop.onnx")
    assert (found.weights, found.activations) == ({"float32": 16}, {"float32": 1})
