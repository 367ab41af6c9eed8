"""Run `edgekit bench` on emulated instruments, let something happen at a known moment, and hold what is kept against the truth."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.quantity import Estimate, Origin
from edgekit.core.run import ChannelAnalysis, RunRecord
from edgekit.core.window import Phase, Window
from edgekit.flows.bench import reanalyse
from edgekit.store.runs import read_record
from tests.conftest import REPOSITORY, clean_environment
from tests.instruments import plants
from tests.instruments.emulated import launch
from tests.instruments.plantfile import Plant
from tests.instruments.run import NOTHING
from tests.processes import descendants, wait_until

PLAN = {"--windows": "5", "--window": "0.4", "--cooldown": "0.2", "--idle": "0.5", "--warmup": "0.1", "--idle-between": "0"}


def steady(name: str) -> dict[str, Any]:
    """Return a named machine of constant power: whatever is wrong in a figure then comes from the fault, and not from bursts or load."""
    spec = plants.named(name)
    for rail in spec["rails"].values():
        rail.pop("active_w", None)
        rail["loads"] = [{"kind": "constant", "power_w": load.get("power_w", 6.0)} for load in rail.get("loads", ())]
    return spec


@dataclass(frozen=True)
class Told:
    """Hold what a command said and left behind."""

    returncode: int
    stdout: str
    stderr: str
    runs: Path
    plant: Plant

    @property
    def document(self) -> Any:
        """Return the one JSON document on stdout; text around it would be an error."""
        return json.loads(self.stdout)

    @property
    def record(self) -> RunRecord:
        """Return the one record that was kept."""
        (path,) = self.runs.glob("*/run.json")
        return read_record(path)

    @property
    def codes(self) -> list[str]:
        """Return the codes of the record's notes."""
        return [note.code for note in self.record.notes]


@dataclass
class Bench:
    """Hold a benchmark under way. Faults are set by monotonic time, which the windows in its journal share."""

    process: subprocess.Popen[str]
    folder: Path
    runs: Path
    said: Path
    plan: Mapping[str, str]
    faults: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def plant(self) -> Plant:
        """Return the plant behind its instruments."""
        return Plant(self.folder / "plant")

    def windows(self, phase: Phase = Phase.MEASURE) -> list[Mapping[str, Any]]:
        """Return the windows of a phase that it has recorded so far."""
        lines = [line for path in self.runs.glob(".open/*/journal.jsonl") for line in path.read_text().split("\n")[:-1]]
        placed = [event["value"]["window"] for event in map(json.loads, lines) if event["kind"] == "window"]
        return [window for window in placed if window["phase"] == phase]

    def after(self, count: int) -> int:
        """Wait until `count` windows are recorded; return a moment in the middle of the next one."""
        self.recorded(count, Phase.MEASURE)
        ahead_s = float(self.plan["--cooldown"]) + float(self.plan["--window"]) / 2
        return int(self.windows()[count - 1]["end_ns"] + 1e9 * ahead_s)

    def recorded(self, count: int, phase: Phase) -> None:
        """Wait until `count` windows of a phase are recorded."""
        wait_until(lambda: self._alive() and len(self.windows(phase)) >= count, f"recording {count} windows of {phase}")

    def fault(self, path: str, kind: str, at_ns: int, seconds: float = 1e6) -> None:
        """Let reads of `path` go wrong from `at_ns` on, besides what was set before."""
        from_s = (at_ns - self.plant.epoch_ns) / 1e9
        self.faults.append({"path": path, "kind": kind, "from_s": from_s, "to_s": from_s + seconds})
        whole = self.folder / "plant" / "faults.new"
        whole.write_text(json.dumps(self.faults))
        whole.replace(self.folder / "plant" / "faults.json")

    def sampler(self) -> int:
        """Return the process that reads the counters."""
        return next(pid for pid, line in descendants(self.process.pid).items() if line.split()[-1] == "sample")

    def hears(self, words: str) -> None:
        """Wait until it has said `words` on stderr."""
        wait_until(lambda: words in self.said.read_text() or not self._alive(), f"saying {words!r}", seconds=20)

    def press_ctrl_c(self) -> None:
        """Send what a terminal sends to everything in its foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, seconds: float = 60) -> Told:
        """Wait for its end."""
        stdout, _ = self.process.communicate(timeout=seconds)
        return Told(self.process.returncode, stdout, self.said.read_text(), self.runs, self.plant)

    def _alive(self) -> bool:
        if self.process.poll() is None:
            return True
        said = self.said.read_text()
        if self.process.returncode == NOTHING:
            pytest.skip(said.strip().splitlines()[-1])
        raise AssertionError(f"ended with {self.process.returncode}: {self.process.stdout.read() if self.process.stdout else ''}{said}")


def wait_for(t_ns: int) -> None:
    """Wait for a moment of the monotonic clock."""
    time.sleep(max(0.0, (t_ns - time.monotonic_ns()) / 1e9))


@contextlib.contextmanager
def benchmark(
    spec: Mapping[str, Any],
    model: Path,
    folder: Path,
    *meters: str,
    plan: Mapping[str, str] | None = None,
    options: Sequence[str] = ("--json",),
    env: Mapping[str, str] | None = None,
    runs: Path | None = None,
) -> Iterator[Bench]:
    """Begin `edgekit bench` in a session of its own on the machine `spec`, and end it whatever happens."""
    chosen = [word for meter in meters for word in ("--meter", meter)]
    planned, kept = {**PLAN, **(plan or {})}, runs or folder / "runs"
    times = [word for pair in planned.items() for word in pair]
    command = [sys.executable, "-m", "edgekit", *options, "--style", "plain", "bench", model, *chosen, *times, "--runs", kept]
    environment = clean_environment({"PYTHONPATH": str(REPOSITORY), **(env or {})})
    line = launch(spec, command, folder)
    said = folder / "stderr"
    with said.open("w") as sink:
        process = subprocess.Popen(
            line, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=sink, text=True, start_new_session=True
        )
    try:
        yield Bench(process, folder, kept, said, planned)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def edgekit(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run edgekit to its end, on nothing emulated."""
    command = [sys.executable, "-m", "edgekit", *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False)


def measured(record: RunRecord) -> list[Window]:
    """Return the measured windows of a record."""
    return [window for window in record.windows if window.phase is Phase.MEASURE]


def holding(record: RunRecord, t_ns: int) -> list[int]:
    """Return the indices of the measured windows that a moment lies in."""
    return [window.index for window in measured(record) if window.start_ns <= t_ns <= window.end_ns]


def channel(record: RunRecord, name: str) -> ChannelAnalysis:
    """Return the analysis of one channel."""
    assert record.analysis is not None
    return next(item for item in record.analysis.channels if item.channel == name)


def used(record: RunRecord, name: str) -> list[int]:
    """Return the indices of the windows whose energy a channel states."""
    valid = [window for window in measured(record) if window.invalid is None]
    return [window.index for window, joules in zip(valid, channel(record, name).window_j, strict=True) if joules is not None]


def sound(record: RunRecord, *indices: int) -> list[int]:
    """Return those of the windows, or all, in which the machine that runs the tests did not keep the sampler waiting."""
    fine = [window.index for window in measured(record) if "kept waiting" not in (window.invalid or "")]
    return [index for index in fine if index in indices or not indices]


def unused(record: RunRecord, name: str) -> list[int]:
    """Return the indices of the sound windows whose energy a channel does not state."""
    return sorted(set(sound(record)) - set(used(record, name)))


def assert_true(told: Told, name: str, rail: str, record: RunRecord | None = None) -> None:
    """Hold a channel's figure against the exact energy of the very windows that it rests on.

    The joules themselves, and not only joules per inference, whose scatter would forgive much: they are as far from the truth as the terms
    of the budget say that do not come from scatter.
    """
    record = record or told.record
    windows = [window for window in measured(record) if window.index in used(record, name)]
    count = sum(window.inferences or 0 for window in windows)
    truth = sum(told.plant.energy_j(rail, window.start_ns, window.end_ns) for window in windows)
    found = channel(record, name).energy_j_per_inference
    assert isinstance(found, Estimate), (name, found)
    half = (found.high - found.low) / 2  # one in twenty intervals at 95 % misses, and there are many here; none misses by as much again
    assert found.value == pytest.approx(truth / count, abs=1.7 * half), (name, found.low, truth / count, found.high)
    assert (found.n, found.origins) == (len(windows), (Origin.EMULATED,))
    u_j = count * math.hypot(*(term.u or 0.0 for term in found.budget if term.kind == "B"))
    assert found.value * count == pytest.approx(truth, abs=3 * u_j), name


def assert_repeatable(told: Told) -> None:
    """Analyse what was kept again, through the same flow as the command: the same bytes come out."""
    (path,) = told.runs.glob("*/run.json")
    before = path.read_bytes()
    (run,) = reanalyse(path.parent.name, runs_dir=told.runs).runs
    assert path.read_bytes() == before
    assert run.status == told.record.status
