"""A batch sweep and a recorded reference on an emulated GPU, which the processor rehearses: joules of the plant, clocks, host, memory."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.instruments import plants
from tests.instruments.emulated import run_on
from tests.tiny import write_onnx

pytestmark = pytest.mark.slow

PLAN = ("--windows", "3", "--window", "0.8", "--idle", "0.8", "--warmup", "0.2", "--cooldown", "0.1", "--cold-starts", "0")
LIMIT_KB = 6 << 20  # of address space: a batch that is larger than this runs out of memory


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a model of 4096 inputs and a GPU that the processor rehearses, with little memory."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    folder = tmp_path / "a folder"
    folder.mkdir()
    write_onnx(folder / "wide.onnx", width=4096)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nulimit -v {LIMIT_KB}\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    options = f'{{ rehearsal = "cpu", python = "{python}" }}'
    (folder / "edgekit.toml").write_text(f'[devices.gpu]\nkind = "cuda"\noptions = {options}\n')
    return folder


def edgekit(here: Path, spec: dict[str, Any], *words: str, env: dict[str, str] | None = None) -> tuple[Any, Any]:
    """Run a command in the folder on a plant; return (its document, the plant)."""
    script = "import os, sys; os.chdir(sys.argv[1]); os.execv(sys.executable, [sys.executable, '-m', 'edgekit', '--json', *sys.argv[2:]])"
    done = run_on(spec, [sys.executable, "-c", script, str(here), *words], here / "emulated", env=env)
    assert done.returncode == 0, done.stderr
    return done.json(), done.plant


def test_a_sweep_gives_the_plants_joules_until_the_memory_ends(here: Path) -> None:
    spec = plants.named("workstation")
    spec["nvml"]["gpus"][0]["throttle"] = 0x4
    document, plant = edgekit(here, spec, "bench", "wide.onnx", "--device", "gpu", "--batch", "1,256,1000000", *PLAN)
    data = document["data"]
    assert [run["plan"]["batch"] for run in data["runs"]] == [1, 256]
    assert (data["ended"]["batch"], data["ended"]["code"]) == (1_000_000, "model.memory")
    assert "sweep.ended" in {note["code"] for note in document["notes"]}
    for run in data["runs"]:
        windows = [window for window in run["windows"] if window["phase"] == "measure"]
        truth = sum(plant.energy_j("gpu", window["start_ns"], window["end_ns"]) for window in windows)
        stated = run["analysis"]["energy_j_per_inference"]
        assert (stated["boundary"], stated["origins"], stated["quality"]) == ("gpu_board", ["emulated"], "caveats")
        assert stated["low"] <= truth / sum(window["inferences"] for window in windows) <= stated["high"]
        assert {"gpu_board", "cpu_package"} <= {row["boundary"] for row in run["analysis"]["channels"]}, "the host is read beside the GPU"
        sampler = run["sampler"]
        assert sampler["nvml.gpu0.looks"] == sampler["nvml.gpu0.throttled.sw_power_cap"] >= 4
        assert sampler["nvml.gpu0.sm_clock_mean_hz"] == 1.98e9
        held = [note["text"] for note in run["analysis"]["notes"] if note["code"] == "run.throttled"]
        assert any("power limit in 100 % of the looks" in text for text in held)


def test_references_of_a_model_are_recorded_by_one_command_and_are_marked(here: Path) -> None:
    env = {"EDGEKIT_BENCH_WARMUP": "0.2", "EDGEKIT_BENCH_COLD_STARTS": "0"}
    words = ("models", "record", "wide", "--artifact", "wide.onnx", "--device", "gpu", "--into", "refs", "--batch", "1,64")
    document, _ = edgekit(here, plants.named("gpu"), *words, "--windows", "3", "--window", "0.5", "--idle", "0.5", env=env)
    assert [Path(folder).name for folder in document["data"]["folders"]] == [f"emulated-h100-driver-580.65.06-b{size}" for size in (1, 64)]
    for folder in document["data"]["folders"]:
        stored = json.loads((here / folder / "run.json").read_text())
        assert stored["analysis"]["energy_j_per_inference"]["origins"] == ["emulated"]
        assert "run.rehearsal" in {note["code"] for note in stored["notes"]}
