from __future__ import annotations

import json
import os
import stat
import zipfile
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import pytest

from edgekit.converters.source import Port, recognise, stem
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


def test_weights_that_do_not_match_their_checksum_are_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "m.keras")
    weights = bytes(range(256)) * 64
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model.weights.h5", weights)
    assert recognise(path).format == "keras"
    whole = bytearray(path.read_bytes())
    whole[whole.index(weights) + 5000] ^= 1
    path.write_bytes(whole)
    error = refusal(path)
    assert error.code == "model.damaged"
    assert "CRC" in error.why


@pytest.mark.parametrize("method", [8, 12, 14, 99])
def test_an_archive_that_cannot_be_unpacked_is_refused(tmp_path: Path, method: int) -> None:
    path = write_keras(tmp_path / "m.keras")
    whole = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):  # in each header of a member and in the directory
        at = whole.find(mark)
        while at >= 0:
            whole[at + place] = method
            at = whole.find(mark, at + 1)
    path.write_bytes(whole)
    assert refusal(path).code == "model.damaged"


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


CODE = functional(image(), layer("Lambda", "twice", "image", function={"class_name": "__lambda__", "config": {}}), output="twice")


def test_a_lambda_layer_is_read_when_the_user_trusts_it(tmp_path: Path) -> None:
    source = recognise(write_keras(tmp_path / "m.keras", CODE), allow_unsafe=True)
    assert source.ports == (Port(name="image", shape=(None, 8, 8, 1), dtype="float32"),)
    assert ("or, if you trust who made it:", "edgekit convert ... --allow-unsafe-model") in refusal(tmp_path / "m.keras").do


@pytest.mark.parametrize("kind", ["TorchModuleWrapper", "TFSMLayer"])
def test_other_layers_that_carry_code_are_refused_too(tmp_path: Path, kind: str) -> None:
    error = refusal(write_keras(tmp_path / "m.keras", functional(image(), layer(kind, "odd", "image"), output="odd")))
    assert error.code == "model.lambda"
    assert f"a {kind} layer (odd)" in error.what
    assert kind in error.why


@pytest.mark.parametrize("member", ["../outside", "/etc/outside", "a/../../outside", "..\\outside", "C:/outside"])
def test_an_archive_that_reaches_outside_its_folder_is_refused(tmp_path: Path, member: str) -> None:
    path = write_keras(tmp_path / "m.keras")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, "")
    error = refusal(path)
    assert (error.code, "outside the folder" in error.why) == ("model.config", True)


def test_an_archive_that_holds_a_link_is_refused(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "m.keras")
    link = zipfile.ZipInfo("model.weights.h5")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "link to another file" in refusal(path).why


def test_an_archive_that_grows_a_thousandfold_is_refused(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "m.keras")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(65 << 20))
    error = refusal(path)
    assert (error.code, "claim to unpack to" in error.why) == ("model.config", True)


def hdf5(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(functional(image(), layer("Flatten", "flat", "image"), output="flat"))
        file.create_group("model_weights").create_dataset("kernel", data=[1.0, 2.0])
    return path


def test_an_h5_model_is_known_without_keras(tmp_path: Path) -> None:
    assert recognise(hdf5(tmp_path / "m.h5")).ports == (Port(name="image", shape=(None, 8, 8, 1), dtype="float32"),)


def test_an_h5_whose_weights_lie_in_another_file_is_refused(tmp_path: Path) -> None:
    other = hdf5(tmp_path / "other.h5")
    with h5py.File(hdf5(tmp_path / "link.h5"), "a") as file:
        file["model_weights"]["bias"] = h5py.ExternalLink(other, "/model_weights/kernel")
    assert "link into another file" in refusal(tmp_path / "link.h5").why
    with h5py.File(hdf5(tmp_path / "external.h5"), "a") as file:
        file.create_dataset("bias", (2,), "f4", external=[(str(other), 0, 8)])
    error = refusal(tmp_path / "external.h5")
    assert (error.code, "lie in another file" in error.why) == ("model.config", True)
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource(str(other), "model_weights/kernel", (2,))
    with h5py.File(hdf5(tmp_path / "virtual.h5"), "a") as file:
        file.create_virtual_dataset("bias", layout)
    assert "lie in another file" in refusal(tmp_path / "virtual.h5").why


def test_an_h5_whose_weights_claim_more_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    with h5py.File(hdf5(tmp_path / "m.h5"), "a") as file:
        file.create_dataset("bias", (1 << 34,), "f4", chunks=(1 << 20,), compression="gzip")
    assert "68,719,476,736 bytes" in refusal(tmp_path / "m.h5").why


def saved(folder: Path) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"\x08\x01")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    return folder


def test_a_saved_model_is_known_by_its_files(tmp_path: Path) -> None:
    found = recognise(saved(tmp_path / "a"))
    assert (found.format, found.ports, found.name) == ("saved_model", None, "a")
    assert recognise(saved(tmp_path / "b.1.0")).sha256 == found.sha256, "where it lies does not matter"
    assert recognise(tmp_path / "a" / "saved_model.pb").sha256 == found.sha256
    (tmp_path / "a" / "notes.txt").write_text("what TensorFlow does not read does not matter")
    assert recognise(tmp_path / "a").sha256 == found.sha256
    (tmp_path / "a" / "variables" / "variables.index").write_bytes(b"other")
    assert recognise(tmp_path / "a").sha256 != found.sha256


def test_a_saved_model_whose_parts_lie_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "a")
    (tmp_path / "weights").write_bytes(b"weights")
    (folder / "variables" / "variables.data").symlink_to(tmp_path / "weights")
    error = refusal(folder)
    assert (error.code, "variables/variables.data" in error.why) == ("model.config", True)
    assert error.do[0][1] == f"cp -rL {folder} copy"


@pytest.mark.parametrize(("name", "wanted"), [("m.keras", "m"), ("net.v2.h5", "net.v2"), ("folder.1.0", "folder.1.0"), ("a/b/net", "net")])
def test_artifacts_are_named_after_the_model(tmp_path: Path, name: str, wanted: str) -> None:
    path = tmp_path / name
    if "." not in name or name.startswith("folder"):
        path.mkdir(parents=True)
    assert stem(path) == wanted


def test_the_folder_one_stands_in_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved(tmp_path / "net"))
    assert recognise(Path(os.curdir)).name == "net"
