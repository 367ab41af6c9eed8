"""Weights that an .onnx model keeps in other files: each is found wherever its tensor is, and none outside its folder is taken."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import ModelError
from edgekit.links.onnx_parts import onnx_parts

np = pytest.importorskip("numpy", reason="numpy is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")


def tensor(name: str, location: str | None) -> Any:
    """Return a tensor whose bytes are in a file, or in itself."""
    made = onnx.numpy_helper.from_array(np.ones((2, 2), "float32"), name)
    if location is not None:
        made.ClearField("raw_data")
        made.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "16")):
            made.external_data.add(key=key, value=value)
    return made


def write(path: Path, *locations: str | None) -> Path:
    """Write a model with one weight, one constant and one tensor of a branch, each where `locations` says, and the files."""
    helper = onnx.helper
    branch = helper.make_graph(
        [helper.make_node("Identity", ["inner"], ["out"])], "branch", [], [helper.make_tensor_value_info("out", 1, [2, 2])]
    )
    weight, constant, inner = (tensor(name, location) for name, location in zip(("w", "c", "inner"), locations, strict=True))
    branch.initializer.append(inner)
    nodes = [
        helper.make_node("Constant", [], ["c"], value=constant),
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("If", ["which"], ["chosen"], then_branch=branch, else_branch=branch),
    ]
    inputs = [helper.make_tensor_value_info("x", 1, [1, 2]), helper.make_tensor_value_info("which", 9, [])]
    graph = helper.make_graph(nodes, "parts", inputs, [helper.make_tensor_value_info("xw", 1, [1, 2])], [weight])
    path.write_bytes(helper.make_model(graph).SerializeToString())
    for location in filter(None, locations):
        (path.parent / location).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / location).write_bytes(bytes(16))
    return path


def test_each_file_is_found_wherever_its_tensor_is(tmp_path: Path) -> None:
    assert onnx_parts(write(tmp_path / "m.onnx", "w.data", "c c.data", "sub/i.data")) == ("c c.data", "sub/i.data", "w.data")
    assert onnx_parts(write(tmp_path / "one.onnx", None, None, None)) == ()


def test_what_is_no_model_has_no_parts(tmp_path: Path) -> None:
    path, draw = tmp_path / "m.onnx", random.Random(1)
    whole = write(path, "w.data", None, None).read_bytes()
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(draw.randrange(1, 5)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(draw.choice([bytes(damaged), whole[: draw.randrange(len(whole))], draw.randbytes(50)]))
        try:
            onnx_parts(path)
        except ModelError as error:
            assert error.code.startswith("model.external_data")  # noqa: PT017 -- most of them raise nothing
    assert onnx_parts(tmp_path / "absent.onnx") == ()


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("/etc/hostname", "model.external_data_unsafe"),
        ("../w.data", "model.external_data_unsafe"),
        ("gone.data", "model.external_data"),
        ("a\0b", "model.external_data_unsafe"),
        ("a" * 300, "model.external_data_unsafe"),
        ("itself", "model.external_data_unsafe"),
    ],
    ids=["absolute", "above", "absent", "NUL", "too long", "a loop"],
)
def test_weights_that_are_elsewhere_are_refused_with_what_to_do(tmp_path: Path, location: str, code: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "w.data").write_bytes(bytes(16))
    (tmp_path / "in" / "itself").symlink_to("itself")
    path = write(tmp_path / "in" / "m.onnx", None, None, None)
    model = onnx.load(path)
    model.graph.initializer[0].CopyFrom(tensor("w", location))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError) as caught:
        onnx_parts(path)
    assert (caught.value.code, bool(caught.value.do)) == (code, True)


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_bytes(bytes(16))
    path = write(tmp_path / "in" / "m.onnx", "w.data", None, None)
    (tmp_path / "in" / "w.data").unlink()
    (tmp_path / "in" / "w.data").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError) as caught:
        onnx_parts(path)
    assert caught.value.code == "model.external_data_unsafe"
