"""The whole path on a Raspberry Pi that is not there: aarch64 engines under qemu behind ssh, with an emulated USB tester beside it.

The tester's load is scripted: 3.5 W all the time, for a Pi whose inferences cost next to nothing beside the rest. It is steady because a
tester that reads twice a second cannot tell bursts of once a second, which keep step with it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.core.hardware import DeviceSpec
from edgekit.core.run import RunPlan
from edgekit.devices.local import LocalDevice
from edgekit.devices.ssh import SshDevice
from edgekit.flows.emulate import Emulation, EmulationRequest, emulated
from tests.conftest import clean_environment
from tests.converters.digits import Digits
from tests.emulated_pi import MODEL, Pi, emulated_pi

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("emulated pi")]
LOAD = "idle 3.5 W"
# A UM25C answers 0.05 to 0.3 s after it was asked, so that the ends of a window are known to about 0.1 s. That is 1 % of a window of 11 s,
# the least by default; windows of 3 s are enough to see the whole path, and 8 % allows them.
QUICK = (
    "--windows",
    "3",
    "--window",
    "3",
    "--idle",
    "2",
    "--warmup",
    "0.5",
    "--cooldown",
    "0.2",
    "--idle-between",
    "0",
    "--cold-starts",
    "1",
)
LENIENT = ("--max-sync-error", "8%")
PLAN = RunPlan(windows=1, window_s=0.1, min_inferences=10, idle_s=0.1, warmup_s=0.1, cooldown_s=0.0)
SAME = 10  # inputs whose outputs are compared


@dataclass(frozen=True)
class Desk:
    """Hold a Pi that was set up, the folder that edgekit is started in, and what setting up said."""

    pi: Pi
    folder: Path
    installed: dict[str, str]

    def edgekit(self, *words: str | Path, ends: tuple[int, ...] = (0,)) -> Any:
        """Run a command and return its data."""
        return edgekit(*words, cwd=self.folder, ends=ends)


def edgekit(*words: str | Path, cwd: Path, ends: tuple[int, ...] = (0,)) -> Any:
    command = [sys.executable, "-m", "edgekit", "--json", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, env=clean_environment(), capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode in ends, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout)["data"]


@pytest.fixture(scope="module")
def desk(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Start a bare Pi, add it and set it up from a folder of wheels, as a user would."""
    cache = pytestconfig.cache.mkdir("emulated-pi") if pytestconfig.cache is not None else tmp_path_factory.mktemp("cache")
    folder = tmp_path_factory.mktemp("a desk")
    with emulated_pi(cache, tmp_path_factory.mktemp("a pi")) as pi:
        options = [word for key, value in pi.options.items() for word in ("-o", f"{key}={value}")]
        edgekit("devices", "add", "pi", pi.server.address, "--meter", "um25c", *options, cwd=folder)
        done = edgekit("devices", "setup", "pi", "--wheels", pi.wheels, "--yes", cwd=folder)
        yield Desk(pi, folder, done["installed"])
        assert pi.server.sessions() == {}


def test_a_bare_pi_gets_engines_from_a_folder_of_wheels(desk: Desk) -> None:
    assert set(desk.installed) >= {"ai-edge-litert", "onnxruntime"}
    looked = desk.edgekit("doctor", "--device", "pi", ends=(0, 6))["checks"]  # 6: no tester is plugged in yet
    engine = next(check["found"] for check in looked if check["name"] == "engine")
    assert all(f"{name} {desk.installed[name]}" in engine for name in ("ai-edge-litert", "onnxruntime"))


def test_a_model_gives_on_aarch64_what_it_gives_here(desk: Desk, digits: Digits) -> None:
    samples = digits.folder / "digits_cnn.test.npz"
    float_onnx = digits.artifacts / "digits_cnn.fp32.onnx"
    artifacts = [*sorted(digits.artifacts.glob("*.tflite")), float_onnx, digits.artifacts / "digits_cnn.int8.onnx"]
    assert len(artifacts) >= 5
    far = SshDevice(
        DeviceSpec(name="pi", kind="pi", address=desk.pi.server.address, options=desk.pi.options), cache_dir=desk.folder / "cache"
    )
    near = LocalDevice(DeviceSpec(name="local", kind="local"), cache_dir=desk.folder / "cache")
    there, here = (outputs(device, artifacts, samples) for device in (far, near))
    for artifact in artifacts:
        within = 0.01 if artifact.name.endswith("int8.onnx") else 0.0 if "int8" in artifact.name else 1e-5
        np.testing.assert_allclose(there[artifact], here[artifact], rtol=1e-4 if within else 0, atol=within, err_msg=artifact.name)
        assert np.array_equal(there[artifact].argmax(-1), here[artifact].argmax(-1)), artifact.name


def outputs(device: SshDevice | LocalDevice, artifacts: list[Path], samples: Path) -> dict[Path, Any]:
    """Return what each artifact gives for the first samples."""
    found = {}
    with device.connect() as session:
        for artifact in artifacts:
            with contextlib.closing(session.load(artifact, samples=samples, plan=PLAN)) as model:
                answers = [model._client.ask("answer", index=index, timeout_s=60) for index in range(SAME)]
                found[artifact] = np.array([[output["values"] for output in answer["outputs"]] for answer in answers])
    return found


def test_convert_bench_compare_and_report_on_a_pi_with_a_tester_in_its_supply(desk: Desk, digits: Digits) -> None:
    artifacts = [digits.artifacts / f"digits_cnn.{recipe}.tflite" for recipe in ("fp32", "int8")]
    with emulated(EmulationRequest(kind="um25c", load=LOAD, link=desk.folder / "tester")) as tester:
        runs = desk.edgekit("bench", *artifacts, "--device", "pi", "--meter", tester.meter, *QUICK, *LENIENT)["runs"]
    assert [run["status"] for run in runs] == ["complete", "complete"]
    for run in runs:
        facts = run["facts_before"]
        assert (facts["arch"], facts["model"], facts["governor"]) == ("aarch64", MODEL, "ondemand")
        assert (facts["throttled"], facts["under_voltage"], facts["temperature_c"]) == (False, False, 48.2)
        stated = run["analysis"]["energy_j_per_inference"]
        assert (stated["boundary"], stated["origins"]) == ("usb_input", ["emulated"])
        assert stated["low"] <= drawn(run, tester) <= stated["high"]
    compared = desk.edgekit("compare", *(run["id"] for run in runs))
    assert [row["run"] for row in compared["rows"]] == [runs[1]["id"]]
    desk.edgekit("report", *(run["id"] for run in runs), "--out", desk.folder / "made")
    assert "Raspberry Pi 4" in (desk.folder / "made.html").read_text(encoding="utf-8")


def drawn(run: Any, tester: Emulation) -> float:
    """Return the joules that the tester's circuit drew for each inference: the Pi's monotonic clock is this machine's."""
    windows = [window for window in run["windows"] if window["phase"] == "measure"]
    joules = sum(tester.circuit.energy_j(window["start_ns"], window["end_ns"]) for window in windows)
    return joules / sum(window["inferences"] for window in windows)
