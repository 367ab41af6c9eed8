"""Keep a run's events as JSON lines while it lasts, so that a killed run can still be folded into a record.

One session (artifacts benchmarked together) has one folder:

    runs/.open/SESSION/journal.jsonl     events, appended and flushed one by one
    runs/.open/SESSION/traces/*.arrows   raw readings

Closing folds the events into one run folder per artifact; a session that was never closed is folded the same way when it is looked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit.core import jsonio
from edgekit.core.artifact import ModelArtifact
from edgekit.core.calibration import Calibration
from edgekit.core.channel import MeterSpec
from edgekit.core.errors import UsageError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Note
from edgekit.core.run import TENSORS, LoadTiming, Profile, RunPlan, RunRecord, RunStatus
from edgekit.core.trace import ClockMap, TraceFile
from edgekit.core.window import Phase, Window
from edgekit.energy.clocks.clock import clock_line
from edgekit.links.files import writing

JOURNAL = "journal.jsonl"
GAP_SHARE = 0.1


# Facts of the machine that differ between the artifacts of one session: each was taken by an engine of its own.
ENGINE_FACTS = ("engine", "engine_version", "delegate", "precision", "threads")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHeader:
    """Hold what is known before the first window: who runs what on which device with which meters, and what one `inference` is there."""

    session: str
    created: str
    run_ids: tuple[str, ...]
    artifacts: tuple[ModelArtifact, ...]
    device: DeviceSpec
    plan: RunPlan
    meters: tuple[MeterSpec, ...]
    facts: DeviceFacts
    inputs: tuple[str, ...]
    tool: dict[str, str]
    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    inference: str = TENSORS


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Hold one window and the index of the artifact it belongs to; None for windows that all artifacts share."""

    artifact: int | None
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Hold a stretch in which nothing was read, on `clock`; None is the device's."""

    start_ns: int
    end_ns: int
    clock: str | None = None


class Journal:
    """Append typed events to a session's journal file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / JOURNAL
        with writing(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")

    def write(self, kind: str, value: Any) -> None:
        """Append one event and flush it."""
        with writing(self._path):
            self._file.write(json.dumps({"kind": kind, "value": jsonio.as_data(value)}, ensure_ascii=False, allow_nan=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with writing(self._path):
            self._file.close()


def read_events(folder: Path) -> list[tuple[str, Any]]:
    """Return the events of a journal in order; a torn last line is ignored."""
    path = folder / JOURNAL
    events: list[tuple[str, Any]] = []
    # Split at line feeds only: a text may hold other characters that count as line ends, and a kill may cut one in two.
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        try:
            event = json.loads(line)
        except ValueError:
            break
        events.append((event["kind"], event["value"]))
    return events


def fold(events: Iterable[tuple[str, Any]], traces: tuple[TraceFile, ...], *, where: str) -> list[RunRecord]:  # noqa: PLR0912 -- a branch for each event
    """Return one record per artifact from a session's events; a session without an end is marked interrupted."""
    header: SessionHeader | None = None
    placed: list[Placed] = []
    loads: dict[int, LoadTiming] = {}
    engines: dict[int, dict[str, Any]] = {}
    maps: list[ClockMap] = []
    notes: list[Note] = []
    gaps: list[Gap] = []
    profiles: dict[int, Profile] = {}
    dropped: dict[int, Note] = {}
    sampler: dict[str, float] = {}
    facts_after: DeviceFacts | None = None
    status = RunStatus.INTERRUPTED
    for kind, value in events:
        if kind == "header":
            header = jsonio.validate(SessionHeader, value, where=where)
        elif kind == "window":
            placed.append(jsonio.validate(Placed, value, where=where))
        elif kind == "load":
            timing = value["timing"]  # None: what is part of a firmware is never loaded
            loads |= {} if timing is None else {value["artifact"]: jsonio.validate(LoadTiming, timing, where=where)}
            engines[value["artifact"]] = value.get("engine", {})
        elif kind == "clock_map":
            maps.append(jsonio.validate(ClockMap, value, where=where))
        elif kind == "note":
            notes.append(jsonio.validate(Note, value, where=where))
        elif kind == "dropped":
            dropped[value["artifact"]] = jsonio.validate(Note, value["note"], where=where)
        elif kind == "gap":
            gaps.append(Gap(start_ns=value["start_ns"], end_ns=value["end_ns"], clock=value.get("clock")))
        elif kind == "profile":
            profiles[value["artifact"]] = jsonio.validate(Profile, value["profile"], where=where)
        elif kind == "sampler":
            sampler = dict(value)
        elif kind == "facts_after":
            facts_after = jsonio.validate(DeviceFacts, value, where=where)
        elif kind == "end":
            status = RunStatus(value)
    if header is None:
        raise UsageError(f"{where} holds no run", code="run.empty", why="it was stopped before anything was known about it")
    return [
        replace(
            record,
            status=RunStatus.FAILED if index in dropped else status,
            traces=traces,
            windows=tuple(_touched(item.window, gaps, maps) for item in placed if item.artifact in (None, index)),
            facts_before=replace(header.facts, **engines.get(index, {})),
            facts_after=facts_after and replace(facts_after, **engines.get(index, {})),
            clock_maps=tuple(maps),
            load=loads.get(index),
            sampler=sampler,
            profile=profiles.get(index),
            notes=(*header.notes, *notes, *([dropped[index]] if index in dropped else ())),
        )
        for index, record in enumerate(opening(header))
    ]


def opening(header: SessionHeader) -> list[RunRecord]:
    """Return the record of each artifact as it stands before the first window."""
    return [
        RunRecord(
            id=run_id,
            session=header.session,
            created=header.created,
            status=RunStatus.INTERRUPTED,
            artifact=header.artifacts[index],
            device=header.device,
            plan=replace(header.plan, inputs=header.inputs[index]),
            meters=header.meters,
            traces=(),
            windows=(),
            facts_before=header.facts,
            calibrations=header.calibrations,
            unit_of_work=header.plan.unit_of_work(header.inference),
            tool=header.tool,
            notes=header.notes,
            tags=header.tags,
        )
        for index, run_id in enumerate(header.run_ids)
    ]


def _touched(window: Window, gaps: Iterable[Gap], maps: Sequence[ClockMap]) -> Window:
    """Return a window as invalid when nothing was read around one of its edges for more than a tenth of its length.

    A gap that lies inside it altogether is left to the analysis: a counter loses nothing in it, power samples lose coverage.
    """
    length_ns = window.end_ns - window.start_ns
    for start_ns, end_ns in (_on_clock(gap, window.clock, maps) for gap in gaps):
        at_edge = any(start_ns <= edge_ns <= end_ns for edge_ns in (window.start_ns, window.end_ns))
        if window.invalid is None and at_edge and end_ns - start_ns > GAP_SHARE * length_ns:
            return replace(window, invalid=f"the sampler was kept waiting for {(end_ns - start_ns) / 1e9:.2g} s at its edge")
    return window


def _on_clock(gap: Gap, clock: str, maps: Sequence[ClockMap]) -> tuple[int, int]:
    """Return a gap on a window's clock; where a run ended before its clocks were compared there is no window either."""
    if gap.clock is None or gap.clock == clock or not maps:
        return gap.start_ns, gap.end_ns
    line = clock_line(maps, source=gap.clock, target=clock)
    return line.on_target(gap.start_ns), line.on_target(gap.end_ns)


def measured_windows(record: RunRecord) -> int:
    """Return how many measured windows a record holds."""
    return sum(1 for window in record.windows if window.phase is Phase.MEASURE)
