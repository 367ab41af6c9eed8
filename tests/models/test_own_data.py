"""Models are trained on a user's folder, and what cannot be trained on is refused before TensorFlow is loaded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.core.errors import UsageError
from edgekit.flows.models import ReferenceModel, list_models
from edgekit.flows.models.data import require_data
from tests.conftest import Completed
from tests.models.built import Built, needs_tensorflow, together

MODELS = {model.name: model for model in list_models()}
WORDS, IMAGES, SOUNDS = MODELS["kws_dscnn"], MODELS["ic_resnet8"], MODELS["ad_autoencoder"]


def png(path: Path, level: int) -> None:
    """Write an image of 12 x 10 pixels of one grey."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([level]) * 12 for _ in range(10))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 12, 10, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def album(folder: Path, counts: dict[str, int]) -> Path:
    """Return a folder with one folder of grey images per class, each class of its own grey."""
    for label, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            png(folder / name / f"{index}.png", (40 + 100 * label + index) % 256)
    return folder


def arrays(folder: Path, **stored: Any) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / "train.npz", **stored)
    return folder


def words(count: int = 8) -> Any:
    return np.zeros((count, 49, 10, 1), np.float32)


def test_arrays_and_images_that_fit_are_taken(tmp_path: Path) -> None:
    require_data(arrays(tmp_path / "a", x=words(), y=np.arange(8)), WORDS)
    require_data(arrays(tmp_path / "b", mfcc=words(12), y=np.eye(12)), WORDS)
    require_data(arrays(tmp_path / "c", x=np.zeros((8, 640))), SOUNDS)
    require_data(album(tmp_path / "d", {"cat": 3, "dog": 3}), IMAGES)


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        ({"x": words()}, "no labels y"),
        ({"y": np.arange(8)}, "the model's input is x or mfcc"),
        ({"x": words(), "y": np.arange(8) + 5}, "from 0 to 11"),
        ({"x": words(), "y": np.arange(8) - 1}, "from 0 to 11"),
        ({"x": words(), "y": np.arange(8) / 2}, "from 0 to 11"),
        ({"x": words(), "y": np.arange(7)}, "one per sample"),
        ({"x": words(4), "y": np.arange(4)}, "too few"),
        ({"x": words(0), "y": np.arange(0)}, "no samples"),
        ({"x": words()[..., 0], "y": np.arange(8)}, "the channel axis is missing"),
        ({"x": np.full((8, 49, 10, 1), np.nan), "y": np.arange(8)}, "not finite"),
        ({"x": np.array([None] * 8), "y": np.arange(8)}, "Python objects"),
        ({"x": np.array(["a"] * 8), "y": np.arange(8)}, "expected"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, stored: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_data(arrays(tmp_path / "a", **stored), WORDS)
    assert why in caught.value.why
    assert caught.value.do


def test_the_test_data_is_checked_too(tmp_path: Path) -> None:
    folder = arrays(tmp_path / "a", x=words(), y=np.arange(8))
    np.savez(folder / "test.npz", x=words(3), y=np.arange(3) + 11)
    with pytest.raises(UsageError) as caught:
        require_data(folder, WORDS)
    assert "test.npz" in caught.value.what


def damaged(folder: Path) -> Path:
    (arrays(folder, x=words(), y=np.arange(8)) / "train.npz").write_bytes(b"PK\3\4 and then nothing")
    return folder


def named(folder: Path) -> Path:
    (folder / "train.npz").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("make", "model", "code", "why"),
    [
        (lambda path: path, WORDS, "file.missing", "no file or folder"),
        (lambda path: (path.mkdir(), path)[1], WORDS, "models.data", "no train.npz"),
        (lambda path: (path.mkdir(), path)[1], IMAGES, "models.data", "neither train.npz nor"),
        (lambda path: (path.write_text("x"), path)[1], WORDS, "file.unreadable", "Not a directory"),
        (damaged, WORDS, "samples.format", "damaged"),
        (named, WORDS, "samples.folder", "it is a folder"),
        (lambda path: album(path, {"cat": 9}), IMAGES, "models.data", "at least two classes"),
        (lambda path: album(path, {"cat": 9, "dog": 0}), IMAGES, "models.data", "no PNG or JPEG image in 'dog'"),
        (lambda path: album(path, {"cat": 2, "dog": 2}), IMAGES, "models.data", "too few"),
        (lambda path: album(path, {f"c{index}": 1 for index in range(11)}), IMAGES, "models.data", "tells 10 classes apart"),
        (lambda path: album(path, {"cat": 3, "dog": 3}), WORDS, "models.data", "no train.npz"),
    ],
)
def test_folders_that_hold_no_data_are_refused(
    tmp_path: Path, make: Callable[[Path], Path], model: ReferenceModel, code: str, why: str
) -> None:
    with pytest.raises(UsageError) as caught:
        require_data(make(tmp_path / "my data"), model)
    assert (caught.value.code, why in caught.value.why) == (code, True), caught.value.why


@needs_tensorflow
def test_the_command_refuses_at_once_and_writes_nothing(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    done = run_edgekit("models", "build", "kws_dscnn", "--data", tmp_path, "--out", "out")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("[models.data]")
    assert not (tmp_path / "out").exists()


@needs_tensorflow
def test_epochs_are_refused_where_nothing_is_trained(run_edgekit: Callable[..., Completed]) -> None:
    done = run_edgekit("models", "build", "kws_dscnn", "--epochs", "3")
    assert done.returncode == 2
    assert "edgekit models build kws_dscnn --data FOLDER --epochs 3" in done.stderr


@pytest.mark.slow
@needs_tensorflow
def test_a_folder_of_images_trains_a_model(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    folder = album(tmp_path / "my images", {"bright": 0, "dark": 0})
    for index in range(30):
        png(folder / "bright" / f"{index}.png", 200 + index)
        png(folder / "dark" / f"{index}.PNG", 20 + index)
    done = run_edgekit("models", "build", "ic_resnet8", "--data", folder, "--out", "out", "--epochs", "3", "--json")
    assert done.returncode == 0, done.stderr
    data = done.json()["data"]
    assert (data["train_samples"], data["test_samples"], data["classes"]) == (48, 12, ["bright", "dark"])
    assert data["test_accuracy"] == 1.0
    assert data["family"] == IMAGES.family
    assert data["data"] == str(folder)
    assert [note["code"] for note in done.json()["notes"]] == ["models.classes"]
    assert (tmp_path / "out" / "ic_resnet8.classes.txt").read_text() == "bright\ndark\n"
    with np.load(tmp_path / data["calibration"]) as calibration, np.load(tmp_path / data["evaluation"]) as held_out:
        assert (calibration["x"].shape, held_out["x"].shape) == ((48, 32, 32, 3), (12, 32, 32, 3))
        assert 20 <= calibration["x"].min() < calibration["x"].max() <= 230


@together
@pytest.mark.slow
def test_an_autoencoder_learns_what_is_normal_and_is_judged_by_what_is_not(built: Built) -> None:
    facts = built.said["own"]["machine"]
    assert (facts["train_samples"], facts["test_samples"]) == (600, 100)
    assert 0.9 < facts["test_auc"] <= 1.0
    assert facts["test_mse"] > 0
    assert "test_accuracy" not in facts


@together
@pytest.mark.slow
def test_every_fifth_sample_is_held_out_where_no_test_data_is_given(built: Built) -> None:
    facts = built.said["own"]["words"]
    assert (facts["train_samples"], facts["test_samples"]) == (80, 20)
    assert facts["test_accuracy"] > 0.9, "few steps do not leave the moving averages where they began"


@together
@pytest.mark.slow
def test_a_script_run_by_hand_refuses_in_words(built: Built) -> None:
    refused = built.said["own"]["refused"]
    assert "too few" in refused["few"]
    assert "each sample must be (30, 1, 40)" in refused["shape"]
    assert "torn.jpg cannot be read as an image" in refused["torn"]
