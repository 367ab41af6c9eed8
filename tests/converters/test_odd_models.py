"""Load what Keras and TensorFlow users bring along beside ordinary models: each loads, or is refused with the reason and a way out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import REPOSITORY, clean_environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("odd models")]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what loading each model gave: its facts and outputs, or the error."""
    pytest.importorskip("tensorflow", reason="the convert extra is not installed")
    root = tmp_path_factory.mktemp("odd")
    (root / "models").mkdir()
    environment = clean_environment({"PYTHONPATH": os.fspath(REPOSITORY)})
    command = [sys.executable, "-m", "tests.converters.odd_models", str(root / "models")]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads((root / "said.json").read_text())
    answers["left behind"] = sorted(path.name for path in root.iterdir())
    return answers


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("scale.keras", "model.custom", "scale.keras needs Scale, which is not part of Keras"),
        ("scale.h5", "model.custom", "scale.h5 needs Scale, which is not part of Keras"),
        ("bent.keras", "model.custom", "bent.keras needs bent, which is not part of Keras"),
        ("twins.keras", "model.custom", "twins.keras needs Twins, which is not part of Keras"),
        ("unbuilt.keras", "model.unbuilt", "was never built"),
        ("eight.keras", "model.batch", "has the shape [8, 4]"),
        ("summed.keras", "model.output", "it has no axis of samples"),
        ("option.h5", "model.version", "in which a Dense has {'sparsity': 0.5}"),
        ("function.h5", "model.version", "it was saved by Keras 2 and calls a TensorFlow function"),
        ("quantized.keras", "model.quantized", "Keras has quantized its layers to int8"),
        ("many", "model.signature", "its signatures are double, predict, and none is called serving_default"),
        ("none", "model.signature", "it was saved without any"),
        ("unranked", "model.shape", "the number of its dimensions is not stated"),
        ("words", "model.dtype", "its data type is string"),
        ("leaking", "model.unsafe", "its graph holds WriteFile"),
        ("saving", "model.unsafe", "its graph holds SaveV2"),
        ("cut", "model.damaged", "is not a whole SavedModel"),
        ("scale.keras no_such_module:Scale", "custom.import", "importing no_such_module failed"),
        ("scale.keras tests.converters.odd_layers:Missing", "custom.import", "holds no Missing"),
        ("scale.keras Scale", "custom.import", "does not name a module and something in it"),
    ],
)
def test_what_cannot_be_loaded_is_explained(name: str, code: str, words: str, said: dict[str, Any]) -> None:
    error = said[name]
    assert error["code"] == code
    assert words in f"{error['what']}: {error['why']}"
    assert error["do"]
    assert all(advice for advice, _ in error["do"])


@pytest.mark.parametrize(
    ("name", "wanted"), [("scale.keras", "Scale"), ("scale.h5", "Scale"), ("bent.keras", "bent"), ("twins.keras", "Twins")]
)
def test_the_flag_for_what_is_missing_is_told(name: str, wanted: str, said: dict[str, Any]) -> None:
    assert said[name]["do"][0][1] == f"edgekit convert ... --custom-objects MODULE:{wanted}"


def test_classes_of_ones_own_are_used_when_they_are_named(said: dict[str, Any]) -> None:
    assert said["scale.keras own"]["family"] == said["scale.h5 own"]["family"]
    for name in ("scale.keras own", "scale.h5 own", "bent.keras own"):
        assert len(said[name]["ran"][0]) == 3


def test_a_model_of_ones_own_class_takes_any_batch_and_keeps_the_names_of_its_outputs(said: dict[str, Any]) -> None:
    found = said["twins.keras own"]
    assert found["ports"] == [["x", [None, 5]]]
    assert [(port["name"], port["shape"]) for port in found["outputs"]] == [("a", [-1, 2]), ("b", [-1, 3])]
    assert len(found["family"]) == 16


def test_what_keras_2_wrote_is_put_right(said: dict[str, Any]) -> None:
    assert said["keras2.h5"]["parameters"] == 92
    assert len(said["keras2.h5"]["ran"][0]) == 3


def test_a_model_trained_in_mixed_precision_computes_in_float32_and_says_so(said: dict[str, Any]) -> None:
    for name in ("mixed.keras", "mixed.h5"):
        texts = [note["text"] for note in said[name]["notes"]]
        assert texts == [f"trained in {policy}; converted and compared in float32" for policy in ("mixed_float16", "mixed_bfloat16")]
        assert [port["dtype"] for port in said[name]["outputs"]] == ["float32"]
    assert said["mixed.keras"]["ran"] == said["mixed.h5"]["ran"]
    assert said["suffix.keras"]["notes"] == []


def test_a_file_is_loaded_by_its_content_whatever_its_suffix(said: dict[str, Any]) -> None:
    assert said["suffix.model"]["weights_sha256"] == said["suffix.keras"]["weights_sha256"]


def test_an_output_called_like_an_input_gets_a_name_that_onnx_can_tell_apart(said: dict[str, Any]) -> None:
    assert [port["name"] for port in said["echo.keras"]["outputs"]] == ["x_00", "y"]


def test_the_usual_signature_or_the_only_one_is_taken(said: dict[str, Any]) -> None:
    assert said["one"]["ports"] == [["bias", [None, 3]], ["x", [None, 4]]]
    assert said["usual"]["ports"] == [["x", [None, 4]]]
    assert said["usual"]["ran"] == [[[1.0] * 4] * 3]


def test_the_family_of_a_saved_model_is_that_of_its_graph(said: dict[str, Any]) -> None:
    one, again, retrained, steeper = (said[name] for name in ("one", "again", "retrained", "steeper"))
    assert (one["family"], one["weights_sha256"]) == (again["family"], again["weights_sha256"])
    assert one["family"] == retrained["family"]
    assert one["weights_sha256"] != retrained["weights_sha256"]
    assert one["family"] != steeper["family"], "a slope is not a weight"
    assert one["parameters"] == 12


def test_a_program_that_writes_files_runs_only_when_it_is_trusted(said: dict[str, Any]) -> None:
    assert said["leaking allowed"]["ports"] == [["x", [None, 4]]]
    assert said["left behind"] == ["leaked.txt", "models", "said.json"], "written by the one that was allowed"
