"""Measure what reading energy counters costs: the sampler's own processor time, as it prints it in every record.

    python benchmarks/sampling/run.py [--seconds 10] [--root FOLDER] [--check]

Without --root the counters are ordinary files laid out like powercap, kept still: what is measured is the sampler, not the hardware behind
it. --root names another tree, /sys/class/powercap or one that FUSE serves. Every case is run several times in turns; the median counts.
Beside it stands a bare loop that sleeps and reads one file: what waking up and reading costs any Python program on this machine.
With --check the exit status is 1 when reading one package a hundred times a second takes more than 1 % of one core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from edgekit.core.hardware import DeviceSpec
from edgekit.core.trace import Reading
from edgekit.devices.local import LocalDevice

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.machine import machine

ROUNDS = 5
LIMIT = 0.01
LIMIT_CASE = ("one package", 100.0)
RESULTS = Path(__file__).resolve().parents[1] / "results"
PACKAGE = {"intel-rapl:0": "package-0"}
LAPTOP = {**PACKAGE, "intel-rapl:0:0": "core", "intel-rapl:0:1": "uncore", "intel-rapl:0:2": "dram", "intel-rapl:1": "psys"}
TREES = {"one package": PACKAGE, "a laptop's five zones": LAPTOP}
BARE = "a bare loop, one file"
RATES_HZ = (10.0, 100.0, 1000.0)


def lay_out(folder: Path, zones: dict[str, str]) -> Path:
    """Write a powercap tree that stands still."""
    for zone, name in zones.items():
        (folder / zone).mkdir(parents=True)
        for file, text in {"name": name, "energy_uj": "123456789012", "max_energy_range_uj": "262143328850"}.items():
            (folder / zone / file).write_text(f"{text}\n")
    return folder


def share(root: Path, hz: float, seconds: float) -> tuple[float, float]:
    """Return the sampler's processor time as a share of one core, and its readings a second."""
    seen = 0

    def sink(readings: Sequence[Reading]) -> None:
        nonlocal seen
        seen += len(readings)

    spec = DeviceSpec(name="box", kind="local", options={"powercap_root": str(root)})
    with LocalDevice(spec).connect() as session:
        with session.sample(["rapl"], hz=hz, sink=sink, pids=[]) as cost:
            time.sleep(seconds)
        return cost["cpu_s"] / cost["wall_s"], seen / cost["wall_s"]


def bare(root: Path, hz: float, seconds: float) -> tuple[float, float]:
    """Return the same for a loop that sleeps until the next reading and reads one file."""
    handle = os.open(root / "intel-rapl:0" / "energy_uj", os.O_RDONLY)
    start, spent = time.monotonic(), time.process_time()
    count = int(hz * seconds)
    for place in range(count):
        time.sleep(max(0.0, start + place / hz - time.monotonic()))
        int(os.pread(handle, 64, 0))
    wall_s, cpu_s = time.monotonic() - start, time.process_time() - spent
    os.close(handle)
    return cpu_s / wall_s, count / wall_s


def page(result: dict[str, object], cases: list[dict[str, float | str]]) -> str:
    rows = [
        f"| {case['tree']} | {case['hz']:g} | {case['readings_hz']:.0f} | **{100 * float(case['share']):.2f} %** |"
        f" {100 * float(case['least']):.2f} to {100 * float(case['most']):.2f} % | {1e6 * float(case['cpu_s_per_reading']):.0f} µs |"
        for case in cases
    ]
    return (
        "# What sampling costs\n\n"
        f"Processor time of the sampling process, median of {ROUNDS} runs of {result['seconds']:g} s, {result['date']}.\n"
        f"Python {result['python']}, {result['machine']}; counters: {result['counters']}.\n"
        f"The limit is {LIMIT:.0%} of one core for one package at 100 Hz (`python benchmarks/sampling/run.py --check`). Every\n"
        "run record holds the same figure for its own sampler (`analysis.sampler_cpu_share`). At a low rate each reading wakes a core\n"
        "with cold caches, which the bare loop pays too; on a machine that does other work meanwhile, repeat with\n"
        "`sudo chrt --fifo 10 taskset --cpu-list 1 python benchmarks/sampling/run.py`.\n\n"
        "| counters | asked for, Hz | readings a second | share of one core | range | processor time per reading |\n"
        "|---|---:|---:|---:|---|---:|\n" + "\n".join(rows) + "\n"
    )


def measured(roots: dict[str, Path], seconds: float) -> list[dict[str, float | str]]:
    """Return every case, its rounds taken in turns with those of the others."""
    found: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for number in range(ROUNDS):
        for name, root in roots.items():
            for hz in RATES_HZ:
                found.setdefault((name, hz), []).append(share(root, hz, seconds))
                found.setdefault((BARE, hz), []).append(bare(root, hz, seconds / len(roots)))
                print(f"round {number + 1}, {name}, {hz:g} Hz: {found[name, hz][-1][0]:.3%} of one core", file=sys.stderr)
    return [
        {
            "tree": name,
            "hz": hz,
            "readings_hz": statistics.median(rate for _, rate in runs),
            "share": statistics.median(cost for cost, _ in runs),
            "least": min(cost for cost, _ in runs),
            "most": max(cost for cost, _ in runs),
            "cpu_s_per_reading": statistics.median(cost / rate for cost, rate in runs),
        }
        for (name, hz), runs in found.items()
    ]


def main() -> int:
    """Measure, write the results, and compare with the limit when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each run")
    parser.add_argument("--root", type=Path, help="a powercap tree to read instead of still files")
    parser.add_argument("--check", action="store_true", help="exit with status 1 when the share is above the limit")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        still = {name: lay_out(Path(temporary, str(place)), zones) for place, (name, zones) in enumerate(TREES.items())}
        cases = measured(still if asked.root is None else {str(asked.root): asked.root}, asked.seconds)
    result = {
        "schema": "edgekit.benchmark.sampling/1",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "rounds": ROUNDS,
        "seconds": asked.seconds,
        "limit": LIMIT,
        "python": platform.python_version(),
        "machine": machine(),
        "counters": "files that stand still" if asked.root is None else str(asked.root),
    }
    if asked.root is None:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "sampling.json").write_text(json.dumps({**result, "cases": cases}, indent=1) + "\n")
        (RESULTS / "sampling.md").write_text(page(result, cases))
    print(page(result, cases))
    judged = [float(case["share"]) for case in cases if (case["tree"], case["hz"]) == LIMIT_CASE or (asked.root and case["hz"] == 100.0)]
    return int(asked.check and max(judged) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
