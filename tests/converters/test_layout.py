"""How an image is laid out is told by the first operator that cares."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from edgekit.converters.contents.layout import Step, layout, with_layouts
from edgekit.core.artifact import TensorSpec
from tests.converters.network import Network, classifier

IMAGES = frozenset({"Conv"})


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([Step("Conv", ["x"], ["y"])], "NCHW"),
        ([Step("QuantizeLinear", ["x"], ["q"]), Step("DequantizeLinear", ["q"], ["d"]), Step("Conv", ["d"], ["y"])], "NCHW"),
        ([Step("Transpose", ["x"], ["t"], (0, 3, 1, 2)), Step("Conv", ["t"], ["y"])], "NHWC"),
        ([Step("Transpose", ["x"], ["t"], (0, 2, 3, 1))], "NCHW"),
        ([Step("Reshape", ["x"], ["r"]), Step("Conv", ["r"], ["y"])], None),
        ([Step("Conv", ["other"], ["y"])], None),
        ([], None),
    ],
)
def test_the_first_operator_that_cares_tells_it(steps: list[Step], told: str | None) -> None:
    assert layout("x", steps, own="NCHW", images=IMAGES) == told


def spec(name: str, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, shape=shape, dtype="float32")


def test_images_of_both_formats_are_told_and_other_inputs_are_left(tmp_path: Path) -> None:
    image = classifier().write(tmp_path / "image.tflite")
    assert [item.layout for item in with_layouts([spec("x", 1, 8, 8, 1)], image, "tflite")] == ["NHWC"]
    flat = Network(1, 8).dense(4).write(tmp_path / "flat.tflite")
    assert [item.layout for item in with_layouts([spec("x", 1, 8)], flat, "tflite")] == [None]
    graph = helper.make_graph(
        [helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), helper.make_node("MaxPool", ["t"], ["y"], kernel_shape=[2, 2])],
        "pool",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 8, 8, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3, 7, 7])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "pool.onnx")
    assert [item.layout for item in with_layouts([spec("x", -1, 8, 8, 3)], tmp_path / "pool.onnx", "onnx")] == ["NHWC"]
