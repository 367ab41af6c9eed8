"""On a machine with an NVIDIA GPU: the self-test on the real sensor; its raw ticks are kept in tests/captures (opt in: --hardware)."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.store.calibrations import CALIBRATION, read_recording
from tests.conftest import Completed

CAPTURES = Path(__file__).parents[1] / "captures"


@pytest.mark.hardware
def test_the_real_sensor_tells_its_update_period_and_what_it_looks_at(run_edgekit: Callable[..., Completed], tmp_path: Path) -> None:
    if shutil.which("nvidia-smi") is None or subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).returncode:
        pytest.skip("no NVIDIA GPU answers on this machine")
    load = "cuda" if importlib.util.find_spec("torch") else "none"
    kept, data = tmp_path / "kept", tmp_path / "data"
    arguments = ("meters", "selftest", "nvml", "--load", load, "--seconds", "40", "--keep", str(kept))
    done = run_edgekit("--json", *arguments, env={"EDGEKIT_DATA": str(data)})
    assert done.returncode == 0, done.stderr
    calibration = done.json()["data"]["calibration"]
    assert not calibration["identity"].startswith("emulated")
    energy = calibration["channels"][0]
    period = energy["update_period_s"]
    assert period["origins"] == ["measured"], period
    assert 0.005 < period["low"] < period["high"] < 0.5
    if load == "cuda":
        assert energy["sampled_fraction"]["value"] is not None, energy["sampled_fraction"]
        assert energy["counter_ratio"]["value"] is not None, energy["counter_ratio"]
    (stored,) = data.glob(f"calibrations/*/{CALIBRATION}")
    shutil.copy(stored, kept / CALIBRATION)
    board = re.sub(r"[^a-z0-9]+", "-", read_recording(kept)[0].meter.detail.lower()).strip("-")
    shutil.copytree(kept, CAPTURES / f"{board}-{calibration['created'][:10]}", dirs_exist_ok=True)
