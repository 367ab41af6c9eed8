"""`bench --prepare` holds the machine still for a run and puts everything back, whatever ends the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Completed, clean_environment
from tests.powercap import drawing
from tests.processes import wait_until
from tests.stillness import GOVERNOR, Machine
from tests.tiny import write_onnx

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="governors and systemd are Linux's")
PLAN = ("--windows", "1", "--idle", "0.2", "--warmup", "0.1", "--cooldown", "0", "--cold-starts", "0", "--meter", "rapl")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    made = Machine(tmp_path / "machine")
    options = {f"{name}_root": path for name, path in made.roots.items()} | {"powercap_root": str(tmp_path / "powercap")}
    rows = ", ".join(f"{name} = {json.dumps(value)}" for name, value in options.items())
    (tmp_path / "edgekit.toml").write_text(f'[devices.box]\naddress = "local:"\nservices = ["cron"]\noptions = {{ {rows} }}\n')
    write_onnx(tmp_path / "tiny.onnx")
    with drawing(tmp_path / "powercap", 5.0):
        yield made


def command(window: str) -> list[str]:
    words = ("--json", "bench", "tiny.onnx", "--device", "box", "--runs", "runs", "--prepare", "--window", window, *PLAN)
    return [sys.executable, "-m", "edgekit", *words]


@pytest.mark.slow
def test_a_run_is_measured_on_a_machine_held_still_which_is_then_as_it_was(machine: Machine, tmp_path: Path) -> None:
    env = clean_environment({"HOME": str(machine.folder / "home")})
    done = subprocess.run(command("0.3"), cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads(done.stdout)["data"]["runs"][0]
    assert run["facts_before"]["governor"] == run["facts_after"]["governor"] == "performance"
    told = [note["text"] for note in run["notes"] if note["code"] == "prepare.changed"]
    assert told == ["governor ondemand, schedutil set to performance on 2 of its clocks", "cron stopped"]
    assert machine.as_it_was


@pytest.mark.slow
def test_a_benchmark_that_is_killed_leaves_the_machine_as_it_was(machine: Machine, tmp_path: Path) -> None:
    env = clean_environment({"HOME": str(machine.folder / "home")})
    child = subprocess.Popen(command("60"), cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: machine.still or child.poll() is not None, "the preparation")
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    wait_until(lambda: machine.as_it_was, "the machine as it was")


def test_without_the_right_to_set_the_governor_nothing_is_measured_and_the_remedy_can_be_pasted(
    machine: Machine, as_ordinary_user: Callable[..., Completed], tmp_path: Path
) -> None:
    for number in (0, 4):
        (machine.folder / GOVERNOR.format(number)).chmod(0o444)
    done = as_ordinary_user(command("0.3"), cwd=tmp_path, env={"HOME": str(machine.folder / "home")})
    error: dict[str, Any] = json.loads(done.stdout)["data"]
    assert (done.returncode, error["code"]) == (4, "prepare.refused"), done.stderr
    assert "Permission denied" in error["why"]
    assert any("scaling_governor" in step["command"] and "sudo" in step["command"] for step in error["do"])
    assert machine.as_it_was
    assert not list((tmp_path / "runs").glob("*")) if (tmp_path / "runs").exists() else True


def test_a_device_that_has_nothing_to_set_says_so(run_edgekit: Callable[..., Completed], model_file: Path) -> None:
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", "--prepare")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "device.no_prepare")
