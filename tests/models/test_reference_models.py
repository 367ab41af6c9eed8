"""The reference models build from code, and are what their model.toml says."""

from __future__ import annotations

import json
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
from edgekit.core.errors import ModelError
from edgekit.core.jsonio import load_record
from edgekit.core.run import TrainingRecord
from edgekit.flows.measure import ProcessMeter
from edgekit.flows.models import BuildRequest, build_model, list_models, record_training
from edgekit.links.files import bundled, sha256_of
from edgekit.registry import open_device
from tests.conftest import Completed
from tests.converters.digits import Digits
from tests.fakes import QuietProgress


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
def test_mobilenet_has_the_stated_family_and_makes_no_claim_of_accuracy(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    pytest.importorskip("tensorflow", reason="the convert extra is not installed")
    done = run_edgekit("models", "build", "mobilenet_v2", "--out", tmp_path / "m", "--json")
    assert done.returncode == 0, done.stderr
    stated = next(model for model in list_models() if model.name == "mobilenet_v2")
    assert done.json()["data"]["family"] == stated.family
    assert done.json()["data"]["test_accuracy"] is None
    assert done.json()["data"]["evaluation"] is None
    assert "random" in json.dumps(done.json()["notes"])


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
