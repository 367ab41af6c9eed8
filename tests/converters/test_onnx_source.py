"""ONNX as a source: what is taken in, what is refused and why, and what is made of it before it goes on to TFLite."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.converters.settings import Settings
from edgekit.core.errors import ModelError
from tests.conftest import Completed

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx", reason="the onnx extra is not installed")
pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")

from edgekit.converters.family import family_of  # noqa: E402
from edgekit.converters.preflight import prepare  # noqa: E402
from edgekit.converters.runtimes.ort import OrtModel  # noqa: E402
from edgekit.converters.sources.onnx import OnnxSource  # noqa: E402
from edgekit.converters.sources.onnx_graph import canonical  # noqa: E402
from tests.converters.onnx_models import dense, model, node, numbers, saved, split  # noqa: E402


def source(proto: Any, folder: Path) -> OnnxSource:
    return OnnxSource(saved(proto, folder / "m.onnx"), Settings())


def refusal(proto: Any, folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        source(proto, folder)
    assert caught.value.do
    return caught.value


def test_a_free_batch_and_the_order_of_outputs_are_kept(tmp_path: Path) -> None:
    loaded = source(dense(), tmp_path)
    assert [(port.name, port.shape) for port in loaded.ports] == [("x", (None, 8))]
    z, y = loaded.run({"x": numbers(5, 8)})
    assert [output["name"] for output in loaded.facts()["outputs"]] == ["z", "y"]
    assert (z >= 0).all()
    assert (abs(y) < 1).all()


def test_several_inputs_of_several_kinds_are_taken(tmp_path: Path) -> None:
    kinds = {"ids": onnx.TensorProto.INT64}
    nodes = [node("Gather", "table ids", "rows"), node("ReduceMean", "rows", "mean", axes=[1], keepdims=0), node("Add", "mean x", "y")]
    proto = model(nodes, {"ids": ["N", 3], "x": ["N", 4]}, {"y": ["N", 4]}, {"table": numbers(9, 4)}, dtypes=kinds)
    loaded = source(proto, tmp_path)
    assert [(port.name, port.dtype) for port in loaded.ports] == [("ids", "int64"), ("x", "float32")]
    assert loaded.run({"ids": np.zeros((2, 3), np.int64), "x": numbers(2, 4)})[0].shape == (2, 4)


def test_weights_in_a_second_file_are_taken_in(tmp_path: Path) -> None:
    whole = source(dense(), tmp_path)
    (tmp_path / "two").mkdir()
    loaded = OnnxSource(split(tmp_path / "two"), Settings())
    loaded.export("onnx", tmp_path / "hub.onnx", {"x": [8]})
    x = {"x": numbers(3, 8)}
    assert np.array_equal(OrtModel(tmp_path / "hub.onnx").run(x)[0], whole.run(x)[0])
    assert loaded.facts()["family"] == whole.facts()["family"]
    assert loaded.facts()["weights_sha256"] == whole.facts()["weights_sha256"]


@pytest.mark.parametrize("location", ["/etc/hostname", "../m.onnx.data", "sub/../../m.onnx.data", "", "..\\m.onnx.data"])
def test_weights_from_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    with pytest.raises(ModelError) as caught:
        OnnxSource(split(tmp_path, location), Settings())
    assert caught.value.code == "model.external_data_unsafe"


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(128))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "link.data").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError) as caught:
        OnnxSource(split(tmp_path / "model", "link.data"), Settings())
    assert caught.value.code == "model.external_data_unsafe"


def test_a_folder_that_is_itself_a_link_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    split(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert OnnxSource(tmp_path / "link" / "m.onnx", Settings()).ports


@pytest.mark.parametrize("constant", [False, True])
def test_the_missing_file_of_weights_is_named(tmp_path: Path, constant: bool) -> None:
    path = split(tmp_path, write=False)
    if constant:  # in a node, where tools that look at initializers only do not find it
        proto = onnx.load(path, load_external_data=False)
        tensor = proto.graph.initializer[0]
        proto.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["w"], value=tensor))
        del proto.graph.initializer[:]
        path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError) as caught:
        OnnxSource(path, Settings())
    assert caught.value.code == "model.external_data"
    assert "m.onnx.data, which is not there" in caught.value.why


def test_a_pipe_in_place_of_weights_is_not_read(tmp_path: Path) -> None:
    path = split(tmp_path, write=False)
    os.mkfifo(tmp_path / "m.onnx.data")
    with pytest.raises(ModelError) as caught:
        OnnxSource(path, Settings())
    assert caught.value.code == "model.external_data"


def test_a_file_of_weights_that_is_too_short_is_refused(tmp_path: Path) -> None:
    path = split(tmp_path)
    (tmp_path / "m.onnx.data").write_bytes(bytes(10))
    with pytest.raises(ModelError) as caught:
        OnnxSource(path, Settings())
    assert (caught.value.code, "beyond its end" in caught.value.why) == ("model.damaged", True)


@pytest.mark.parametrize(("settings", "words"), [({"opset": 99}, "opset 99"), ({"ir": 99}, "IR version 99")])
def test_a_model_newer_than_the_runtime_is_told_both_limits(tmp_path: Path, settings: dict[str, int], words: str) -> None:
    error = refusal(dense(**settings), tmp_path)
    assert error.code == "model.too_new"
    assert words in error.why
    assert "onnxruntime" in error.why
    assert error.why.rpartition(" ")[2].isdigit()


def test_operators_of_other_libraries_are_named(tmp_path: Path) -> None:
    proto = model([node("Special", "x", "y", domain="org.example")], {"x": [1, 4]}, {"y": [1, 4]}, domains=["org.example"])
    error = refusal(proto, tmp_path)
    assert (error.code, "org.example.Special" in error.why) == ("model.operator", True)


def test_an_already_quantized_model_is_refused(tmp_path: Path) -> None:
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")]
    proto = model(nodes, {"x": [1, 4]}, {"y": [1, 4]}, {"s": np.float32(0.1), "z": np.uint8(3)})
    error = refusal(proto, tmp_path)
    assert (error.code, "QuantizeLinear" in error.why) == ("model.quantized", True)


def test_half_precision_is_refused(tmp_path: Path) -> None:
    kinds = {"x": onnx.TensorProto.FLOAT16, "y": onnx.TensorProto.FLOAT16}
    proto = model([node("MatMul", "x w", "y")], {"x": [1, 8]}, {"y": [1, 4]}, {"w": numbers(8, 4).astype(np.float16)}, dtypes=kinds)
    assert refusal(proto, tmp_path).code == "model.quantized"


def test_a_batch_fixed_to_four_is_refused(tmp_path: Path) -> None:
    error = refusal(dense(batch=4), tmp_path)
    assert (error.code, "[4, 8]" in error.what) == ("model.batch", True)


def test_what_is_no_onnx_is_told_at_the_front_door(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x07\xff\xff not protobuf")
    done = run_edgekit("convert", "m.onnx")
    assert (done.returncode, "model.damaged" in done.stderr) == (5, True)


def family(proto: Any) -> str:
    return family_of(canonical(proto)[0])


def test_names_order_and_weights_do_not_change_the_family() -> None:
    one = dense()
    other = model(
        [node("MatMul", "in k", "p"), node("Tanh", "p", "b"), node("Relu", "p", "a")],
        *({"in": ["batch", 8]}, {"a": ["batch", 4], "b": ["batch", 4]}, {"k": numbers(8, 4, seed=5)}),
    )
    assert family(one) == family(other)


@pytest.mark.parametrize("settings", [{"order": "yz"}, {"second": "Sigmoid"}, {"width": 5}])
def test_what_changes_the_arithmetic_changes_the_family(settings: dict[str, Any]) -> None:
    assert family(dense(**settings)) != family(dense())


def prepared(proto: Any, shapes: dict[str, list[int]], folder: Path) -> Any:
    prepare(proto, shapes, folder / "prepared.onnx")
    return onnx.load(folder / "prepared.onnx")


def agree(proto: Any, made: Path, inputs: dict[str, Any], folder: Path) -> None:
    before, after = OrtModel(saved(proto, folder / "before.onnx")).run(inputs), OrtModel(made).run(inputs)
    for one, other in zip(before, after, strict=True):
        assert np.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("middle", [[], [6], [2, 3]], ids=["rows", "three axes", "four axes"])
def test_a_product_with_a_constant_becomes_gemm(tmp_path: Path, middle: list[int]) -> None:
    proto = model([node("MatMul", "x w", "y")], {"x": ["N", *middle, 8]}, {"y": ["N", *middle, 4]}, {"w": numbers(8, 4)})
    made = prepared(proto, {"x": [*middle, 8]}, tmp_path)
    kinds = [item.op_type for item in made.graph.node]
    assert ("Gemm" in kinds, "MatMul" in kinds) == (True, False)
    assert (kinds[-2:] == ["Reshape", "Reshape"]) == bool(middle)  # pins the layout of what could be images
    agree(proto, tmp_path / "prepared.onnx", {"x": numbers(1, *middle, 8)}, tmp_path)


def test_a_product_of_two_computed_matrices_stays(tmp_path: Path) -> None:
    proto = model([node("MatMul", "a b", "y")], {"a": ["N", 2, 3], "b": ["N", 3, 2]}, {"y": ["N", 2, 2]})
    assert prepared(proto, {"a": [2, 3], "b": [3, 2]}, tmp_path).graph.node[0].op_type == "MatMul"


def test_batch_normalisation_is_folded_and_no_size_stays_free(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "c"),
        node("BatchNormalization", "c s b m v", "n"),
        node("Shape", "n", "size"),
        node("Reshape", "n size", "y"),
    ]
    stats = {"s": numbers(4), "b": numbers(4, seed=1), "m": numbers(4, seed=2), "v": abs(numbers(4, seed=3)) + 1}
    proto = model(nodes, {"x": ["N", 3, "h", 5]}, {"y": ["N", 4, "h2", 3]}, {"w": numbers(4, 3, 3, 3), **stats})
    made = prepared(proto, {"x": [3, 5, 5]}, tmp_path)
    kinds = [item.op_type for item in made.graph.node]
    assert "Conv" in kinds
    assert not {"BatchNormalization", "Shape"} & set(kinds)
    assert [size.dim_value for size in made.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 5, 5]
    agree(proto, tmp_path / "prepared.onnx", {"x": numbers(1, 3, 5, 5)}, tmp_path)
