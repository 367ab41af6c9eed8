"""Convert one small network of each kind for real: each is proved against its source, or refused with the reason and a way out."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Completed

pytestmark = pytest.mark.slow

Run = Callable[..., Completed]
KEYS = ["fp32.tflite", "int8.tflite", "fp32.onnx", "int8.onnx"]


def convert(name: str, zoo: Path, out: Path, run_edgekit: Run, *words: str) -> Completed:
    data = zoo / f"{name}.npz"
    model = zoo / f"{name}.keras"
    return run_edgekit("--json", "convert", model, "--calib", data, "--eval", data, "--out", out, *words, timeout=300)


def rows(done: Completed) -> dict[str, Any]:
    return {f"{row['recipe']}.{row['format']}": row for row in done.json()["data"]["rows"]}


def proofs(done: Completed) -> dict[str, Any]:
    """Return the verification of each artifact, of which all have passed."""
    assert done.returncode == 0, done.stderr
    found = rows(done)
    assert [key for key in found if key != "fp16.tflite"] == KEYS
    assert {row["artifact"]["status"] for row in found.values()} == {"verified"}
    return {key: row["artifact"]["verification"] for key, row in found.items()}


@pytest.mark.parametrize("name", ["mlp", "conv1d", "sigmoid"])
def test_a_sequential_classifier_reaches_both_formats(name: str, zoo: Path, tmp_path: Path, run_edgekit: Run) -> None:
    done = convert(name, zoo, tmp_path, run_edgekit, "-r", "fp32", "-r", "int8")
    for key, proof in proofs(done).items():
        assert proof["source_accuracy"]["value"] == 1.0
        assert proof["accuracy"]["value"] == pytest.approx(1.0, abs=0.15)
        assert proof["top1_agreement"] == proof["accuracy"]["value"], key
    with np.load(zoo / f"{name}.npz") as data:
        assert len(set(data["y"].tolist())) > 1


def test_several_inputs_keep_their_names_in_both_formats(zoo: Path, tmp_path: Path, run_edgekit: Run) -> None:
    done = convert("two", zoo, tmp_path, run_edgekit)
    proofs(done)
    for row in rows(done).values():
        artifact = row["artifact"]
        assert sorted((port["name"], port["shape"][1:]) for port in artifact["inputs"]) == [("left", [8]), ("right", [4])]
        assert [port["name"] for port in artifact["outputs"]] == ["scores"]
    with np.load(tmp_path / "two.samples.npz") as samples:
        assert sorted(samples.files) == ["left", "right"]


def test_a_regression_is_proved_and_has_no_accuracy(zoo: Path, tmp_path: Path, run_edgekit: Run) -> None:
    done = convert("regression", zoo, tmp_path, run_edgekit, "-r", "fp32", "-r", "int8")
    for proof in proofs(done).values():
        assert proof["accuracy"]["value"] is None
        assert "not a classification" in proof["accuracy"]["reason"]
        assert proof["top1_agreement"] is None
        assert proof["sqnr_db"] is None or proof["sqnr_db"] > 20
    told = [note for note in done.json()["notes"] if note["code"] == "accuracy.unknown"]
    assert len(told) == 1
    assert "astype" not in done.stdout + done.stderr


def test_a_recurrent_network_keeps_its_float_forms_and_no_int8_is_claimed(zoo: Path, tmp_path: Path, run_edgekit: Run) -> None:
    done = convert("lstm", zoo, tmp_path / "out", run_edgekit)
    found = rows(done)
    assert done.returncode == 5, done.stderr
    good = ["fp32.tflite", "fp16.tflite", "fp32.onnx"]
    assert {key: row["artifact"]["status"] for key, row in found.items() if row["artifact"]} == {
        **dict.fromkeys(good, "verified"),
        "int8.onnx": "failed",  # ONNX Runtime leaves what the loop holds in float
    }
    failure = found["int8.tflite"]["failure"]
    assert failure["code"] == "recipe.recurrent"
    advised = shlex.split(failure["do"][0][1])
    assert advised[:3] == ["edgekit", "convert", str(zoo / "lstm.keras")]
    assert advised[-4:] == ["--to", "tflite", "-r", "fp16"]
