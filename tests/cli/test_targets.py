from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Completed

Run = Callable[..., Completed]


def test_targets_are_listed_with_their_recipes(run_edgekit: Run) -> None:
    done = run_edgekit("--json", "targets")
    names = {target["name"] for target in done.json()["data"]["targets"]}
    assert {"pi5", "cortex-m4", "ethos-u55"} <= names
    assert "int8-full.tflite" in run_edgekit("targets").stdout


def test_a_target_can_be_shown_and_be_the_start_of_ones_own(run_edgekit: Run, tmp_path: Path) -> None:
    shown = run_edgekit("targets", "show", "pi-legacy")
    assert "tflite-runtime 2.14.0" in shown.stdout
    own = tmp_path / "mine.toml"
    own.write_text(run_edgekit("targets", "show", "pi-legacy", "--toml").stdout)
    assert tomllib.loads(own.read_text())["kind"] == "cpu"
    again = run_edgekit("--json", "targets", "show", own)
    assert again.json()["data"]["target"]["name"] == "mine"


def test_an_unknown_target_is_answered_before_anything_is_loaded(run_edgekit: Run, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"\x08\x07")
    done = run_edgekit("convert", model, "--target", "pi6")
    assert done.returncode == 2
    assert "did you mean pi5?" in done.stderr
