"""Run `edgekit bench` on emulated instruments, let something happen at a known moment, and hold what is kept against the truth."""

from __future__ import annotations

import contextlib
import json
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

from edgekit.core.run import ChannelAnalysis, RunRecord
from edgekit.core.window import Phase, Window
from edgekit.store.runs import read_record
from tests.conftest import REPOSITORY, clean_environment
from tests.instruments import plants
from tests.instruments.emulated import launch
from tests.instruments.plantfile import Plant
from tests.instruments.run import NOTHING
from tests.processes import descendants, wait_until

WINDOW_S, PAUSE_S = 0.6, 0.25
PLAN = {"--windows": "5", "--window": str(WINDOW_S), "--cooldown": str(PAUSE_S), "--idle": "0.5", "--warmup": "0.1", "--idle-between": "0"}


def steady(name: str) -> dict[str, Any]:
    """Return a named machine whose power depends on time alone, so that the truth does not wait for a scheduler to notice work."""
    spec = plants.named(name)
    for rail in spec["rails"].values():
        rail.pop("active_w", None)
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
    said: Path
    faults: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def runs(self) -> Path:
        """Return where its records go."""
        return self.folder / "runs"

    @property
    def plant(self) -> Plant:
        """Return the plant behind its instruments."""
        return Plant(self.folder / "plant")

    def windows(self) -> list[Mapping[str, Any]]:
        """Return the measured windows that it has recorded so far."""
        lines = [line for path in self.runs.glob(".open/*/journal.jsonl") for line in path.read_text().split("\n")[:-1]]
        placed = [event["value"]["window"] for event in map(json.loads, lines) if event["kind"] == "window"]
        return [window for window in placed if window["phase"] == Phase.MEASURE]

    def after(self, count: int) -> int:
        """Wait until `count` windows are recorded; return a moment in the middle of the next one."""
        wait_until(lambda: self._alive() and len(self.windows()) >= count, f"recording {count} windows")
        return int(self.windows()[count - 1]["end_ns"] + 1e9 * (PAUSE_S + WINDOW_S / 2))

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
        wait_until(lambda: words in self.said.read_text() or not self._alive(), f"saying {words!r}")

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
    times = [word for pair in {**PLAN, **(plan or {})}.items() for word in pair]
    where = ("--runs", runs or folder / "runs")
    command = [sys.executable, "-m", "edgekit", *options, "--style", "plain", "bench", model, *chosen, *times, *where]
    environment = clean_environment({"PYTHONPATH": str(REPOSITORY), **(env or {})})
    line = launch(spec, command, folder)
    said = folder / "stderr"
    with said.open("w") as sink:
        process = subprocess.Popen(
            line, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=sink, text=True, start_new_session=True
        )
    try:
        yield Bench(process, folder, said)
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


def unused(record: RunRecord, name: str) -> list[int]:
    """Return the indices of the measured windows whose energy a channel does not state."""
    return sorted({window.index for window in measured(record)} - set(used(record, name)))


def assert_true(told: Told, name: str, rail: str) -> None:
    """Hold a channel's figure against the exact energy of the very windows that it rests on."""
    record = told.record
    windows = [window for window in measured(record) if window.index in used(record, name)]
    truth = sum(told.plant.energy_j(rail, window.start_ns, window.end_ns) for window in windows) / sum(w.inferences or 0 for w in windows)
    found = channel(record, name).energy_j_per_inference
    assert found.value is not None, (name, found)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= truth <= found.high, (name, found.low, truth, found.high)
    assert "emulated" in found.origins
    assert found.n == len(windows)


def assert_repeatable(told: Told) -> None:
    """Analyse what was kept again: the same bytes come out."""
    (path,) = told.runs.glob("*/run.json")
    before = path.read_bytes()
    again = edgekit("--json", "bench", "--reanalyse", path.parent, "--runs", told.runs, cwd=told.runs.parent)
    assert again.returncode == 0, again.stderr
    assert path.read_bytes() == before
    assert json.loads(again.stdout)["data"]["runs"][0]["status"] == told.record.status
