"""One hash for what a file computes: whatever does not change the numbers does not change it, and whatever does, does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgekit.converters.canonical import graph_sha256
from edgekit.converters.canonical.digest import digest
from tests.converters.network import Network, classifier, load, pack


def test_digests_keep_parts_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(["a"], "b") != digest(["a", "b"])
    assert digest(1) != digest("1")
    assert digest(None) != digest(b"")
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    assert digest(np.array([1, 2])) == digest([1, 2])


def tflite_hash(path: Path) -> str:
    return graph_sha256(path, "tflite") or ""


def test_the_same_network_has_one_hash_though_its_bytes_differ(tmp_path: Path) -> None:
    one = classifier().write(tmp_path / "one.tflite")
    other = classifier().write(tmp_path / "other.tflite", description="written on another day")
    assert one.read_bytes() != other.read_bytes()
    assert tflite_hash(one) == tflite_hash(other)


def _renamed(model: Any) -> None:
    for tensor in model.subgraphs[0].tensors:
        tensor.name = b"renamed " + tensor.name


def _weight(model: Any) -> None:
    buffer = model.buffers[model.subgraphs[0].tensors[1].buffer]
    buffer.data = buffer.data.copy()
    buffer.data[0] ^= 1


def _scale(model: Any) -> None:
    from ai_edge_litert import schema_py_generated as schema

    model.subgraphs[0].tensors[1].quantization = schema.QuantizationParametersT()
    model.subgraphs[0].tensors[1].quantization.scale = [0.5]


def _setting(model: Any) -> None:
    model.subgraphs[0].operators[0].builtinOptions.strideH = 2


def _version(model: Any) -> None:
    model.operatorCodes[0].version = 2


def _signature(model: Any) -> None:
    model.signatureDefs[0].inputs[0].name = b"picture"


@pytest.mark.parametrize(
    ("change", "same"), [(_renamed, True), (_weight, False), (_scale, False), (_setting, False), (_version, False), (_signature, False)]
)
def test_a_tflite_hash_changes_with_what_counts(change: Callable[[Any], None], same: bool, tmp_path: Path) -> None:
    path = classifier().write(tmp_path / "one.tflite")
    model = load(path)
    change(model)
    assert (tflite_hash(pack(model, tmp_path / "changed.tflite")) == tflite_hash(path)) == same


def two_branches(path: Path, *, order: int = 1, prefix: str = "", weights: float = 1.0, output: str = "y", opset: int = 17) -> Path:
    """Write y = relu(x @ w) + sigmoid(x @ v): nodes of the two branches may stand in either order, and names mean nothing."""
    left = [helper.make_node("MatMul", ["x", f"{prefix}w"], [f"{prefix}a"]), helper.make_node("Relu", [f"{prefix}a"], [f"{prefix}b"])]
    right = [helper.make_node("MatMul", ["x", f"{prefix}v"], [f"{prefix}c"]), helper.make_node("Sigmoid", [f"{prefix}c"], [f"{prefix}d"])]
    nodes = [*(left + right)[::order]] if order == 1 else [*right, *left]
    nodes.append(helper.make_node("Add", [f"{prefix}b", f"{prefix}d"], [output], name=f"{prefix}add"))
    constants = [
        numpy_helper.from_array(np.eye(4, dtype=np.float32) * weights, f"{prefix}w"),
        numpy_helper.from_array(np.ones((4, 4), np.float32), f"{prefix}v"),
    ]
    if order != 1:  # the values may also stand in the typed field instead of the raw one
        constants = [helper.make_tensor(item.name, TensorProto.FLOAT, item.dims, numpy_helper.to_array(item).ravel()) for item in constants]
    graph = helper.make_graph(
        nodes,
        f"{prefix}graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [prefix or "batch", 4])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, 4])],
        constants[::order],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("changes", "same"),
    [({"order": -1}, True), ({"prefix": "other_"}, True), ({"weights": 2.0}, False), ({"output": "z"}, False), ({"opset": 18}, False)],
)
def test_an_onnx_hash_changes_with_what_counts(changes: Any, same: bool, tmp_path: Path) -> None:
    one, other = two_branches(tmp_path / "one.onnx"), two_branches(tmp_path / "other.onnx", **changes)
    assert (graph_sha256(one, "onnx") == graph_sha256(other, "onnx")) == same


def test_weights_in_a_second_file_count_as_if_they_were_in_the_first(tmp_path: Path) -> None:
    one = two_branches(tmp_path / "one.onnx")
    onnx.save(onnx.load(one), tmp_path / "split.onnx", save_as_external_data=True, location="split.data", size_threshold=0)
    assert (tmp_path / "split.data").exists()
    assert graph_sha256(tmp_path / "split.onnx", "onnx") == graph_sha256(one, "onnx")


def test_what_a_loop_repeats_counts_too(tmp_path: Path) -> None:
    def conditional(path: Path, kind: str) -> Path:
        def body(kind: str) -> Any:
            node = helper.make_node(kind, ["x"], ["inner"])
            return helper.make_graph([node], "body", [], [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [None, 4])])

        graph = helper.make_graph(
            [helper.make_node("If", ["go"], ["y"], then_branch=body(kind), else_branch=body("Relu"))],
            "chosen",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4]), helper.make_tensor_value_info("go", TensorProto.BOOL, [])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 4])],
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    hashes = [graph_sha256(conditional(tmp_path / f"{kind}.onnx", kind), "onnx") for kind in ("Sigmoid", "Tanh", "Sigmoid")]
    assert hashes[0] == hashes[2] != hashes[1]


def test_two_equal_layers_in_another_order_of_use_are_another_graph(tmp_path: Path) -> None:
    deep, wide = Network(1, 4).dense(4).dense(8), Network(1, 4).dense(8).dense(4)
    assert tflite_hash(deep.write(tmp_path / "deep.tflite")) != tflite_hash(wide.write(tmp_path / "wide.tflite"))
