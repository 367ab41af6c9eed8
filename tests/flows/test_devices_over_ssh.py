"""A machine reached over ssh is added, looked at, set up from a folder of wheels, held still and put back, all through the front door."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgekit.core.hardware import DeviceSpec
from edgekit.devices.ssh import SshDevice
from tests.conftest import Completed, clean_environment
from tests.environments.wheels import offline, wheel
from tests.loopback import Loopback, loopback
from tests.powercap import drawing
from tests.processes import wait_until
from tests.stillness import Machine
from tests.tiny import write_onnx

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the folders are those of Linux")]
Run = Callable[..., Completed]


@pytest.fixture
def pi(tmp_path: Path) -> Iterator[Loopback]:
    with loopback(env=offline(tmp_path / "none")) as far:
        yield far


def test_a_bare_machine_becomes_one_that_can_be_used(run_edgekit: Run, tmp_path: Path, pi: Loopback) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel(folder, "onnxruntime", "1.31.1", modules={"onnxruntime/__init__.py": ""})
    added = run_edgekit("devices", "add", "pi", pi.address, "-o", f"ssh_config={pi.config}", "--meter", "um25c")
    assert "added pi (pi" in added.stdout, added.stderr
    shown = run_edgekit("devices", "setup", "pi", "--engine", "onnxruntime", "--wheels", folder, "--plan")
    assert "-m venv --clear" in shown.stdout, shown.stderr
    assert "onnxruntime-1.31.1-py3-none-any.whl" in " ".join(shown.stdout.split())
    assert not (pi.home / ".cache/edgekit/venv").exists()
    command = ("--json", "devices", "setup", "pi", "--engine", "onnxruntime", "--wheels", folder, "--yes")
    spec = DeviceSpec(name="pi", kind="pi", address=pi.address, options={"ssh_config": str(pi.config)})
    with SshDevice(spec, cache_dir=tmp_path / "cache").connect():
        held = run_edgekit(*command)
    assert (held.returncode, held.json()["data"]["code"]) == (4, "device.busy"), "a benchmark that runs there is not disturbed"
    assert not (pi.home / ".cache/edgekit/venv").exists()
    done = run_edgekit(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.json()["data"]["installed"] == {"onnxruntime": "1.31.1"}
    assert (pi.home / ".cache/edgekit/venv/bin/python").exists()
    looked = run_edgekit("--json", "doctor", "--device", "pi").json()["data"]["checks"]
    found = {check["name"]: check["found"] for check in looked}
    assert found["engine"] == "onnxruntime 1.31.1"
    assert found["meter"].startswith("um25c")
    assert pi.sessions() == {}


def test_a_machine_with_a_gpu_gets_the_engine_for_it_from_a_folder_of_wheels(run_edgekit: Run, tmp_path: Path, pi: Loopback) -> None:
    """The wheels are stand-ins without a line of CUDA: what is shown is what is done, and the build for processors is gone afterwards."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel(folder, "onnxruntime", "1.31.1", modules={"onnxruntime/__init__.py": ""})
    wheel(folder, "onnxruntime-gpu", "1.31.1", modules={"onnxruntime/__init__.py": "gpu = True"})
    wheel(folder, "nvidia-ml-py", "13.580.65", modules={"pynvml.py": ""})
    (tmp_path / "edgekit.toml").write_text(pi.toml("rack", kind="cuda"))
    words = ("--json", "devices", "setup", "rack", "--wheels", folder, "--yes")
    assert run_edgekit(*words, "--engine", "onnxruntime").json()["data"]["installed"] == {"onnxruntime": "1.31.1"}
    done = run_edgekit(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.json()
    assert told["data"]["installed"] == {"onnxruntime-gpu": "1.31.1", "nvidia-ml-py": "13.580.65"}
    assert [step["title"].split()[0] for step in told["data"]["plan"]["steps"] if not step["done"]] == ["send", "remove", "install", "see"]


@pytest.mark.parametrize("how", ["the benchmark is killed", "everything there is killed"])
def test_what_a_run_changed_on_a_machine_far_away_is_put_back(run_edgekit: Run, tmp_path: Path, pi: Loopback, how: str) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    machine = Machine(tmp_path / "machine")
    options = {f"{name}_root": path for name, path in machine.roots.items()} | {"powercap_root": str(tmp_path / "powercap")}
    (tmp_path / "edgekit.toml").write_text(pi.toml("pi", **options).replace("\n\n", '\nservices = ["cron"]\n\n', 1))
    write_onnx(tmp_path / "tiny.onnx")
    words = ("bench", "tiny.onnx", "--device", "pi", "--meter", "rapl", "--prepare", "--idle", "0.2", "--warmup", "0.1", "--window", "60")
    with drawing(tmp_path / "powercap", 5.0):
        child = subprocess.Popen(
            [sys.executable, "-m", "edgekit", *words],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        wait_until(lambda: machine.still or child.poll() is not None, "the preparation")
        assert child.poll() is None, child.communicate()[1]
        if how == "the benchmark is killed":
            os.killpg(child.pid, signal.SIGKILL)
        else:
            for pid in [pid for pid, command in pi.sessions().items() if command.endswith(".pyz prepare")]:  # it, and the shell that waits
                os.kill(pid, signal.SIGKILL)
            pi.reset()
        child.communicate()
    if how == "the benchmark is killed":
        wait_until(lambda: machine.as_it_was, "the machine as it was")
        return
    assert machine.still, "nobody was left to put anything back"
    checks = {check["name"]: check for check in run_edgekit("--json", "doctor", "--device", "pi").json()["data"]["checks"]}
    assert "governor ondemand, schedutil; cron started" in checks["earlier run"]["found"]
    assert machine.as_it_was
