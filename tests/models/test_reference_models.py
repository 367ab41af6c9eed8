"""The reference models build from code, and are what their model.toml says."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edgekit.config import BUILT_IN_DEVICES
from edgekit.converters.family import family_of, keras_graph
from edgekit.converters.source import keras_config
from edgekit.core.errors import ModelError, UsageError
from edgekit.core.jsonio import load_record
from edgekit.core.run import TrainingRecord
from edgekit.flows.measure import ProcessMeter
from edgekit.flows.models import BuildRequest, build_model, list_models, record_training
from edgekit.links.files import bundled, sha256_of
from edgekit.registry import open_device
from tests.conftest import Completed
from tests.converters.digits import Digits
from tests.fakes import QuietProgress
from tests.models.built import needs_tensorflow


@pytest.mark.parametrize("folder", [path.parent for path in sorted(bundled("models").glob("*/model.toml"))], ids=lambda path: path.name)
def test_what_is_stated_is_complete(folder: Path) -> None:
    stated = tomllib.loads((folder / "model.toml").read_text())
    assert stated["name"] == folder.name
    assert stated["data"]["licence"]
    assert (folder / "build.py").is_file()
    assert not stated["accuracy"][0].isdigit(), "an accuracy is a figure of one build, not of the model"


@pytest.mark.slow
def test_the_digits_network_is_what_is_stated_of_it(digits: Digits) -> None:
    stated = next(model for model in list_models() if model.name == "digits_cnn")
    assert digits.said["family"] == stated.family
    assert family_of(keras_graph(keras_config(digits.model))) == stated.family
    assert digits.said["test_accuracy"] > 0.97
    assert {path.name for path in digits.folder.iterdir()} == set(stated.files)
    with np.load(digits.folder / "digits_cnn.test.npz") as test, np.load(digits.folder / "digits_cnn.calib.npz") as calibration:
        assert (test["x"].shape, calibration["x"].shape) == ((597, 8, 8, 1), (128, 8, 8, 1))
        held_out = {image.tobytes() for image in test["x"]}
        assert sum(image.tobytes() in held_out for image in calibration["x"]) == 0


@pytest.mark.slow
@needs_tensorflow
def test_an_untrained_model_comes_through_the_front_door_without_a_claim(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    done = run_edgekit("models", "build", "ad_autoencoder")
    assert done.returncode == 0, done.stderr
    stated = next(model for model in list_models() if model.name == "ad_autoencoder")
    assert f"built in {int(done.stdout.split('built in ')[1].split()[0])} s; family {stated.family}" in done.stdout
    assert "the weights of ad_autoencoder are random: nothing can be said of its accuracy" in done.stderr
    assert {path.name for path in (tmp_path / "ad_autoencoder").iterdir()} == set(stated.files)
    [command] = [line for line in done.stdout.splitlines() if "edgekit convert" in line]
    assert "--min-sqnr int8=10" in command, "the usual floor is that of trained networks"
    assert "--eval" not in command


MODEL = """
name = "{name}"
title = "t"
task = "t"
architecture = "a"
kind = "classifier"
images = false
parameters = 1
family = "f"
recipes = ["fp32"]
training = true
seconds = 1
accuracy = "none"
needs = []
files = ["{name}.keras"]
inputs = [{{name = "x", shape = [3], dtype = "float32", meaning = "m"}}]
outputs = [{{name = "y", shape = [3], dtype = "float32", meaning = "m"}}]
[data]
name = "n"
source = "s"
licence = "l"
split = "s"
"""

BUILD = """
import json, pathlib, sys, zipfile
sys.stdin.readline()
print("noise of a library")
print(json.dumps({"step": "training", "total": 2}), flush=True)
print(json.dumps({"advance": 1, "text": "half"}), flush=True)
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
layers = [{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 3]}, "inbound_nodes": []}]
config = {"class_name": "Functional", "config": {"layers": layers, "input_layers": ["x", 0, 0], "output_layers": ["x", 0, 0]}}
with zipfile.ZipFile(out / "small.keras", "w") as archive:
    archive.writestr("config.json", json.dumps(config))
print(json.dumps({"facts": {"test_accuracy": 0.5}}), flush=True)
"""


class Listening(QuietProgress):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def step(self, title: str, total: float | None = None, *, still: bool = False) -> None:
        self.heard.append(title)

    def advance(self, done: float, text: str = "") -> None:
        self.heard.append(f"{done:g} {text}")


def shelf(tmp_path: Path, build: str = BUILD) -> Path:
    """Return a folder of models that holds one, whose build takes no time."""
    folder = tmp_path / "shelf" / "small"
    (folder / "references" / "a").mkdir(parents=True)
    (folder / "references" / "a" / "run.json").write_text("{}")
    (folder / "model.toml").write_text(MODEL.format(name="small"))
    (folder / "build.py").write_text(build)
    return tmp_path / "shelf"


def test_stored_runs_are_counted(tmp_path: Path) -> None:
    assert [(model.name, model.references) for model in list_models(shelf(tmp_path))] == [("small", 1)]


def test_a_build_is_followed_and_its_process_can_be_watched(tmp_path: Path) -> None:
    pids: list[int] = []

    @contextmanager
    def watch(pid: int) -> Iterator[None]:
        pids.append(pid)
        yield

    progress = Listening()
    request = BuildRequest(name="small", out=tmp_path / "out")
    built = build_model(request, progress=progress, on_process=watch, root=shelf(tmp_path))
    assert progress.heard == ["starting the build of small", "training", "1 half"]
    assert len(pids) == 1
    assert built.test_accuracy == 0.5
    assert built.source_sha256 == sha256_of(tmp_path / "out" / "small.keras")


@pytest.mark.parametrize(("build", "why"), [(BUILD + "\nraise SystemExit(3)", "status 3"), ("", "did not write small.keras")])
def test_a_build_that_fails_leaves_nothing(tmp_path: Path, build: str, why: str) -> None:
    with pytest.raises(ModelError) as caught:
        build_model(BuildRequest(name="small", out=tmp_path / "out"), progress=QuietProgress(), root=shelf(tmp_path, build))
    assert why in caught.value.why
    assert not (tmp_path / "out").exists()


REFUSING = """
import json, sys
sys.stdin.readline()
print(json.dumps({"refused": "torn.jpg cannot be read as an image"}), flush=True)
raise SystemExit("torn.jpg cannot be read as an image")
"""


def own_data(tmp_path: Path) -> Path:
    folder = tmp_path / "--my data"
    folder.mkdir()
    np.savez(folder / "train.npz", x=np.zeros((9, 3)), y=np.zeros(9, int))
    return folder


def test_data_that_only_the_build_can_judge_is_refused_as_the_users(tmp_path: Path) -> None:
    request = BuildRequest(name="small", out=tmp_path / "out", data=own_data(tmp_path))
    with pytest.raises(UsageError) as caught:
        build_model(request, progress=QuietProgress(), root=shelf(tmp_path, REFUSING))
    assert (caught.value.code, caught.value.why) == ("models.data", "torn.jpg cannot be read as an image")
    assert not (tmp_path / "out").exists()


def test_the_folder_and_the_epochs_reach_the_build(tmp_path: Path) -> None:
    echo = BUILD + "\n(out / 'small.classes.txt').write_text(repr(sys.argv[1:]))\n"
    folder = own_data(tmp_path)
    built = build_model(
        BuildRequest(name="small", out=tmp_path / "out", data=folder, epochs=7), progress=QuietProgress(), root=shelf(tmp_path, echo)
    )
    words = (tmp_path / "out" / "small.classes.txt").read_text()
    assert repr(f"--data={folder}") in words
    assert "'--epochs=7'" in words
    assert built.data == str(folder)
    assert built.stale == ()


def test_files_of_an_earlier_build_are_named(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "small.test.npz").write_text("of an earlier build")
    built = build_model(BuildRequest(name="small", out=tmp_path / "out"), progress=QuietProgress(), root=shelf(tmp_path))
    assert built.stale == ("small.test.npz",)
    assert built.evaluation is None


@pytest.mark.skipif(sys.platform != "linux", reason="the CPU-time estimate reads /proc")
def test_the_energy_of_a_build_is_kept_beside_the_model(tmp_path: Path) -> None:
    busy = "import time\nend = time.monotonic() + 0.5\nwhile time.monotonic() < end: pass\n"
    meter = ProcessMeter(open_device(BUILT_IN_DEVICES["local"]), meters=["cputime"], progress=QuietProgress())
    request = BuildRequest(name="small", out=tmp_path / "out")
    built = build_model(request, progress=QuietProgress(), on_process=meter.around, root=shelf(tmp_path, BUILD + busy))
    assert meter.result is not None
    path = record_training(built, meter.result, created="2026-01-01T00:00:00Z")
    record = load_record(TrainingRecord, path.read_text(), where=str(path))
    assert path == tmp_path / "out" / "small.training.json"
    assert record.energy_j.value is not None
    assert record.energy_j.low < record.energy_j.value < record.energy_j.high  # type: ignore[operator]
    assert record.energy_j.boundary is not None
    assert [str(origin) for origin in record.energy_j.origins] == ["estimated"]
    assert (record.family, record.source_sha256) == (built.family, built.source_sha256)
