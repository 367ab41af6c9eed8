"""What a conversion says where it could do better, or where its proof proves little; a command that it gives works when pasted."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit.cli.converted import npu_facts
from edgekit.core.artifact import NpuReport
from tests.conftest import Completed
from tests.converters.onnx_models import model, node, saved
from tests.tiny import write_onnx

Run = Callable[..., Completed]


def noted(done: Completed, code: str) -> dict[str, str]:
    """Return the remark with this code."""
    return next(note for note in done.json()["notes"] if note["code"] == code)


@pytest.mark.slow
def test_what_is_left_out_without_data_is_named_and_the_command_makes_it(tmp_path: Path, run_edgekit: Run) -> None:
    write_onnx(tmp_path / "tiny.onnx")
    note = noted(run_edgekit("convert", "tiny.onnx", "--json", cwd=tmp_path), "calibration.missing")
    assert note["text"].startswith("int8.onnx left out")
    np.savez(tmp_path / "inputs.npz", x=np.random.default_rng(0).uniform(-1, 1, size=(60, 8)).astype(np.float32))
    done = run_edgekit(*shlex.split(note["advice"].partition(": edgekit ")[2]), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {row["recipe"] for row in done.json()["data"]["rows"]} == {"fp32", "int8"}


@pytest.mark.slow
def test_a_conversion_that_was_asked_for_leaves_nothing_out(tmp_path: Path, run_edgekit: Run) -> None:
    write_onnx(tmp_path / "tiny.onnx")
    done = run_edgekit("convert", "tiny.onnx", "-r", "fp32", "--json", cwd=tmp_path)
    assert "calibration.missing" not in {note["code"] for note in done.json()["notes"]}


def test_calibrating_and_proving_on_one_sample_many_times_over_is_said(tmp_path: Path, run_edgekit: Run) -> None:
    write_onnx(tmp_path / "tiny.onnx")
    np.savez(tmp_path / "zeros.npz", x=np.zeros((50, 8), np.float32))
    done = run_edgekit("convert", "tiny.onnx", "-r", "int8", "--calib", "zeros.npz", "--json", cwd=tmp_path)
    assert "agreement with it proves little" in noted(done, "proof.still")["text"]


@pytest.mark.parametrize("shape", [None, [1, 0, 3]])
def test_a_model_that_nothing_can_be_fed_to_is_refused(shape: list[int] | None, tmp_path: Path, run_edgekit: Run) -> None:
    inputs, name = ({"x": shape}, "x") if shape else ({}, "k")
    constants = {} if shape else {"k": np.ones((1, 3), np.float32)}
    saved(model([node("Relu", name, "y")], inputs, {"y": shape or [1, 3]}, constants), tmp_path / "mute.onnx")
    done = run_edgekit("convert", "mute.onnx", cwd=tmp_path)
    assert (done.returncode, "[model.inputs]" in done.stderr) == (5, True), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mute.onnx"]


def test_a_layer_that_is_not_there_is_answered_with_a_command_that_lists_the_layers(tmp_path: Path, run_edgekit: Run) -> None:
    write_onnx(tmp_path / "tiny.onnx")
    np.savez(tmp_path / "c.npz", x=np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32))
    words = ["convert", "tiny.onnx", "-r", "int8", "--calib", "c.npz", "--mixed", "absent"]
    done = run_edgekit(*words, cwd=tmp_path)
    assert "edgekit convert tiny.onnx -r int8 --calib c.npz --sensitivity\n" in done.stderr


def test_what_an_npu_leaves_to_the_cpu_is_told_with_its_reason() -> None:
    report = NpuReport(
        accelerator="ethos-u55-128",
        tool="vela 5.2.0",
        system="Default",
        on_cpu=("MEAN: Unsupported depth-reduction", *(f"OP{number}: no" for number in range(20))),
        on_cpu_count=21,
        sram_bytes=3712,
        flash_bytes=1888,
        macs=1,
        cycles=4804,
        inference_s=1e-5,
    )
    first, *_, more, estimate = npu_facts(report)
    assert first == "on the CPU: MEAN: Unsupported depth-reduction"
    assert more == "and 9 more reasons, all in --json"
    assert "4,804 cycles" in estimate
    assert "nothing is measured" in estimate
