from __future__ import annotations

import zipfile
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import pytest

from edgekit.converters.source import Port, recognise
from edgekit.core.errors import ModelError, UsageError
from tests.converters.graphs import functional, image, layer, write_keras


def refusal(path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        recognise(path)
    assert caught.value.do
    return caught.value


def test_the_inputs_of_a_keras_model_are_known_without_keras(tmp_path: Path) -> None:
    source = recognise(write_keras(tmp_path / "m.keras"))
    assert source.format == "keras"
    assert source.ports == (Port(name="image", shape=(None, 8, 8, 1), dtype="float32"),)


def test_several_inputs_keep_the_order_of_the_model(tmp_path: Path) -> None:
    config = functional(image("b"), image("a", (3,), "int32"), layer("Concatenate", "c", ["a", "b"]), output="c")
    config["config"]["input_layers"] = [["a", 0, 0], ["b", 0, 0]]
    ports = recognise(write_keras(tmp_path / "m.keras", config)).ports
    assert ports is not None
    assert [(port.name, port.dtype) for port in ports] == [("a", "int32"), ("b", "float32")]


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        recognise(tmp_path / "absent.keras")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.keras", b"hello world, this is text", "text that begins 'hello world,'"),
        ("a.tflite", b"", "empty"),
        ("a.tflite", b"\x00\x01\x02\x03\x04\x05\x06\x07\x08", "00 01 02"),
        ("a.onnx", b"", "empty"),
        ("a.onnx", b"PK\x03\x04 this is a zip archive", "begins with the bytes"),
        ("a.bin", b"\x08\x08\x12\x04", "begins with the bytes"),
        ("a.h5", b"text", "text"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert why in refusal(tmp_path / name).why


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).code == "model.folder"


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    whole = write_keras(tmp_path / "m.keras").read_bytes()
    (tmp_path / "m.keras").write_bytes(whole[: len(whole) // 2])
    assert refusal(tmp_path / "m.keras").code == "model.damaged"


def test_an_archive_without_a_graph_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("other.json", "{}")
    assert refusal(tmp_path / "m.keras").code == "model.damaged"


@pytest.mark.parametrize(
    "graph",
    [
        "null",
        "[]",
        '"text"',
        '{"config": null}',
        '{"config": {"layers": [1]}}',
        '{"class_name": "Lambda", "config": [1]}',
        '{"config": {"layers": [{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": 5}}]}}',
        '{"config": {"layers": [{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [null, -4]}}]}}',
        "[" * 100_000,
    ],
)
def test_a_graph_that_keras_never_wrote_is_refused(tmp_path: Path, graph: str) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", graph)
    assert refusal(tmp_path / "m.keras").code in ("model.damaged", "model.lambda")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = graph if len(graph) < 60_000 else 5
    assert refusal(tmp_path / "m.h5").code in ("model.damaged", "model.lambda")


def test_inputs_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    config = functional(image(dtype="string"), layer("Flatten", "flat", "image"), output="flat")
    assert refusal(write_keras(tmp_path / "m.keras", config)).code == "model.dtype"


@pytest.mark.parametrize("nested", [False, True])
def test_a_lambda_layer_is_refused_by_name_before_anything_is_loaded(tmp_path: Path, nested: bool) -> None:
    config = functional(image(), layer("Lambda", "twice", "image", function={"class_name": "__lambda__", "config": {}}), output="twice")
    if nested:
        config = functional(image("outer"), {**config, "name": "inner", "inbound_nodes": []}, output="inner")
    error = refusal(write_keras(tmp_path / "m.keras", config))
    assert error.code == "model.lambda"
    assert "(twice)" in error.what
