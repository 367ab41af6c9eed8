"""Compare the runner behind an ssh connection with the runner started locally: the same machine, the same Python, the same artifact.

    python benchmarks/links/run.py [--artifacts FOLDER] [--check]

FOLDER holds digits_cnn.int8.tflite and its samples (`edgekit models build`, `edgekit convert`); without it they are built first. An ssh
server of its own is started on this machine for the time. Every round starts fresh processes on both sides, which then take turns in short
slices. A round's ratio is the median over its pairs of slices. With --check the exit status is 1 when the median of the rounds' ratios is
further than 2 % from 1. On a machine that does other work meanwhile:
`sudo chrt --fifo 10 taskset --cpu-list 1 python benchmarks/links/run.py`.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edgekit.core.hardware import DeviceSpec
from edgekit.core.run import RunPlan
from edgekit.core.window import Phase
from edgekit.devices.base import RunnerModel
from edgekit.devices.local import LocalDevice
from edgekit.devices.ssh import SshDevice

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.machine import machine
from tests.loopback import Loopback, loopback

ROUNDS, SLICES, SLICE_S = 7, 20, 0.1
LIMIT = 0.02
RESULTS = Path(__file__).resolve().parents[1] / "results"
PLAN = RunPlan(windows=1, window_s=1.0, min_inferences=1, idle_s=0.0, warmup_s=0.0, cooldown_s=0.0)


def build(folder: Path) -> None:
    """Build and convert the model with edgekit itself."""
    edgekit, name = [sys.executable, "-m", "edgekit"], "digits_cnn"
    subprocess.run([*edgekit, "models", "build", name, "--out", str(folder / name)], check=True, stdout=subprocess.DEVNULL)
    model, data = folder / name / f"{name}.keras", folder / name / f"{name}.calib.npz"
    options = ["-r", "int8", "--to", "tflite", "--calib", str(data), "--out", str(folder)]
    subprocess.run([*edgekit, "convert", str(model), *options], check=True, stdout=subprocess.DEVNULL)


def of(model: RunnerModel, seconds: float) -> float:
    """Return the mean nanoseconds per inference of one slice."""
    window = model.run(Phase.MEASURE, 0, seconds=seconds, min_inferences=1)
    assert window.inferences
    return (window.end_ns - window.start_ns) / window.inferences


def one_round(model: Path, samples: Path | None, server: Loopback, *, slices: int, seconds: float) -> tuple[float, float, float]:
    """Return (median ns locally, median ns over ssh, median of the ratios) over slices taken in turns."""
    here = LocalDevice(DeviceSpec(name="local", kind="local"))
    there = SshDevice(DeviceSpec(name="there", kind="ssh", address=server.address, options={**server.options, "python": sys.executable}))
    local, remote = [], []
    with here.connect() as near, there.connect() as far:
        one, other = (session.load(model, samples=samples, plan=PLAN) for session in (near, far))
        of(one, seconds), of(other, seconds)  # warm up
        for turn in range(slices):
            if turn % 2:
                remote.append(of(other, seconds))
            local.append(of(one, seconds))
            if not turn % 2:
                remote.append(of(other, seconds))
    ratio = statistics.median(far_ns / near_ns for far_ns, near_ns in zip(remote, local, strict=True))
    return statistics.median(local), statistics.median(remote), ratio


def page(result: dict[str, object], ratios: list[float]) -> str:
    return (
        "# Local beside ssh\n\n"
        f"Mean time per inference of digits_cnn.int8, one thread, median of {ROUNDS} interleaved rounds, {result['date']}.\n"
        f"Python {result['python']}, {result['machine']}; the ssh server runs on the same machine.\n"
        f"The limit is {1 - LIMIT:.2f} to {1 + LIMIT:.2f} (`python benchmarks/links/run.py --check`).\n\n"
        "| link | time per inference | ssh / local | range of the rounds |\n|---|---:|---:|---:|\n"
        f"| local | {float(str(result['local_ns'])) / 1e3:.4g} µs | | |\n"
        f"| ssh | {float(str(result['ssh_ns'])) / 1e3:.4g} µs | **{statistics.median(ratios):.3f}** "
        f"| {min(ratios):.3f} to {max(ratios):.3f} |\n"
    )


def main() -> int:
    """Measure, write the results, and compare with the limit when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--artifacts", type=Path, help="folder with the converted model")
    parser.add_argument("--check", action="store_true", help="exit with status 1 when the ratio is beyond the limit")
    asked = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as temporary, loopback() as server:
        folder = asked.artifacts or Path(temporary)
        if asked.artifacts is None:
            build(folder)
        for number in range(ROUNDS):
            samples = folder / "digits_cnn.samples.npz"
            rounds.append(one_round(folder / "digits_cnn.int8.tflite", samples, server, slices=SLICES, seconds=SLICE_S))
            print(f"round {number + 1}: {rounds[-1][0] / 1e3:.2f} us locally, {rounds[-1][2]:.3f} of that over ssh", file=sys.stderr)
    ratios = [ratio for _, _, ratio in rounds]
    result: dict[str, object] = {
        "schema": "edgekit.benchmark.links/1",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "rounds": ROUNDS,
        "limit": LIMIT,
        "python": platform.python_version(),
        "machine": machine(),
        "local_ns": statistics.median(local for local, _, _ in rounds),
        "ssh_ns": statistics.median(remote for _, remote, _ in rounds),
        "median_ratio": statistics.median(ratios),
        "ratios": ratios,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "links.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "links.md").write_text(page(result, ratios))
    print((RESULTS / "links.md").read_text())
    return int(asked.check and abs(statistics.median(ratios) - 1) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
