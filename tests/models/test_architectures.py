"""The graphs are what model.toml states, and those of MLPerf Tiny are the published ones, layer by layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.flows.models import ReferenceModel, list_models
from tests.models.built import Built, together

pytestmark = [pytest.mark.slow, together]
MODELS = {model.name: model for model in list_models()}
OURS = [name for name in MODELS if name != "digits_cnn"]
PUBLISHED = {"ad_autoencoder": "ad01.h5", "ic_resnet8": "pretrainedResnet.h5", "vww_mobilenet_v1": "vww_96.h5"}


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def stated(request: pytest.FixtureRequest) -> ReferenceModel:
    return request.param


def test_the_graph_is_what_is_stated(built: Built, stated: ReferenceModel) -> None:
    said = built.said[stated.name]
    assert said["name"] == stated.name
    assert (said["parameters"], said["family"]) == (stated.parameters, stated.family)
    assert said["inputs"] == [[port.name, list(port.shape), port.dtype] for port in stated.inputs]
    assert said["outputs"] == [list(port.shape) for port in stated.outputs]
    assert said["last"] == stated.outputs[0].name
    assert (said["pixels"] is not None, said["reconstructing"]) == (stated.images, stated.kind == "autoencoder")


@pytest.mark.parametrize("name", OURS)
def test_a_build_writes_the_stated_files_with_inputs_that_fit(built: Built, name: str) -> None:
    stated = MODELS[name]
    assert {path.name for path in built.folder.glob(f"{name}.*")} == set(stated.files)
    with np.load(built.folder / f"{name}.calib.npz") as calibration:
        x = calibration["x"]
    assert x.shape[1:] == stated.inputs[0].shape
    assert x.dtype == np.float32
    assert np.isfinite(x).all()
    assert x.std() > 0


@pytest.mark.parametrize("name", [name for name in OURS if MODELS[name].training])
def test_what_was_trained_is_judged_on_data_it_has_not_seen(built: Built, name: str) -> None:
    facts = built.said[name]["facts"]
    assert facts["test_accuracy"] > 0.95
    with np.load(built.folder / f"{name}.test.npz") as test, np.load(built.folder / f"{name}.calib.npz") as calibration:
        seen = {image.tobytes() for image in calibration["x"]}
        assert not seen & {image.tobytes() for image in test["x"]}
        assert len(test["y"]) == facts["test_samples"] == 597


@pytest.mark.parametrize("name", [name for name in OURS if not MODELS[name].training])
def test_what_was_not_trained_makes_no_claim(built: Built, name: str) -> None:
    facts = built.said[name]["facts"]
    assert not facts["trained"]
    assert not any(key.startswith("test_") for key in facts)
    assert MODELS[name].accuracy == "none: untrained weights"


@pytest.mark.parametrize(("name", "file"), PUBLISHED.items())
def test_each_layer_is_that_of_the_published_file(built: Built, shared_data: Path, name: str, file: str) -> None:
    assert (shared_data / "mlperf_tiny" / "models" / file).is_file()
    ours, theirs = built.said[name], built.said[file]
    for own, other in zip(ours["graph"][0], theirs["graph"][0], strict=True):
        assert own == other
    assert ours["graph"][1:] == theirs["graph"][1:], "the layers are wired in another way"
    assert ours["weights"] == theirs["weights"]
    assert ours["parameters"] == theirs["parameters"]
    assert ours["family"] == theirs["family"]
