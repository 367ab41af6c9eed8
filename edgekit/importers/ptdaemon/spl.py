"""Read spl.txt, the log of SPEC PTDaemon: one line for each second of a power analyser.

    Time,07-12-2024 23:12:12.830,Watts,2382.9,Volts,239.1,Amps,3.44,PF,0.965,Mark,2024-07-12_testing,Ch1,Watts,807.2,...

The first group is the total, ChN are its channels. The mark ends with the pass: ranging finds the ranges, only testing counts.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.importers.base import garbled, text_of
from edgekit.importers.ptdaemon.dates import HOUR_NS, Order, order_of, parse_ns, written

_CHANNEL = re.compile(r"Ch\d+")
_MOST_W = 1e6
_WHAT = "power log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Hold one line: nanoseconds of the log's own clock, watts by group ("" is the total), and its mark, "" for a line without one."""

    t_ns: int
    watts: Mapping[str, float]
    mark: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Hold the samples of the testing pass in order of time, and what was passed over."""

    samples: tuple[Sample, ...]
    channels: tuple[str, ...]
    order: Order
    mark: str
    ranging: int
    foreign: int

    @property
    def span_ns(self) -> tuple[int, int]:
        """Return the times of the first and the last sample."""
        return self.samples[0].t_ns, self.samples[-1].t_ns


def read(path: Path) -> Log:
    """Return the samples of the testing pass; raise UsageError where the log cannot be meant."""
    lines = [(number, line.strip()) for number, line in enumerate(text_of(path, _WHAT).splitlines(), start=1) if line.strip()]
    timed = [(number, line.split(",")) for number, line in lines if line.startswith("Time,")]
    if not timed:
        raise garbled(path, _WHAT, "no line begins with Time: it holds no samples of PTDaemon")
    order = order_of([fields[1] for _, fields in timed if len(fields) > 1])
    samples = [_sample(path, number, fields, order) for number, fields in timed]
    if any(sample.mark for sample in samples) and (torn := next((sample for sample in samples if not sample.mark), None)):
        raise garbled(path, _WHAT, f"line {torn.line} is cut off: it has no mark, and others have")
    testing = [sample for sample in samples if not sample.mark.endswith("_ranging")]
    if not testing:
        raise ranging(path)
    marks = dict.fromkeys(sample.mark for sample in testing)
    if len(marks) > 1:
        raise UsageError(
            f"{_WHAT} {path} holds several tests",
            code="import.marks",
            why=f"its samples are marked {', '.join(mark or '(nothing)' for mark in marks)}",
            do=[("keep the lines of one test:", f"grep ,Mark,{shlex.quote(next(iter(marks)))} {shlex.quote(str(path))} > one/spl.txt")],
        )
    _require_order(path, testing)
    channels = dict.fromkeys(name for sample in testing for name in sample.watts if name)
    return Log(
        samples=tuple(testing),
        channels=tuple(channels),
        order=order,
        mark=testing[0].mark,
        ranging=len(samples) - len(testing),
        foreign=len(lines) - len(timed),
    )


def ranging(path: Path) -> UsageError:
    """Return the error for a log of the ranging pass."""
    return UsageError(
        f"{_WHAT} {path} is of the ranging pass",
        code="import.ranging",
        why="ranging only finds the ranges of the analyser; results count from the testing pass alone",
        do=[("import the testing pass beside it:", f"edgekit import ptdaemon {shlex.quote(str(path.absolute().parent.parent / 'run_1'))}")],
    )


def _sample(path: Path, number: int, fields: Sequence[str], order: Order) -> Sample:
    try:
        t_ns = parse_ns(fields[1], order)
        watts, mark, group = {}, "", ""
        place = 2
        while place < len(fields):
            if _CHANNEL.fullmatch(fields[place]):
                group = fields[place]
                place += 1
                continue
            name, value = fields[place], fields[place + 1]
            if name == "Watts":
                watts[group] = float(value)
                if abs(watts[group]) > _MOST_W:
                    raise ValueError(f"{value} W is more than any analyser takes")
            elif name == "Mark":
                mark = value
            place += 2
        if "" not in watts:
            raise ValueError("it has no Watts")
    except (ValueError, IndexError, OverflowError) as error:
        raise garbled(path, _WHAT, f"line {number}: {error}") from error
    return Sample(t_ns=t_ns, watts=watts, mark=mark, line=number)


def _require_order(path: Path, samples: Sequence[Sample]) -> None:
    for one, other in pairwise(samples):
        step = other.t_ns - one.t_ns
        where = f"line {other.line} at {written(other.t_ns)} follows line {one.line} at {written(one.t_ns)}"
        if abs(abs(step) - HOUR_NS) < 30e9:
            raise UsageError(
                f"the clock of {path} jumps by an hour",
                code="import.clock_jump",
                why=f"{where}: daylight saving time began or ended, and which clock the benchmark's times are on cannot be told",
                do=[("keep the part on one side of the jump, with its own benchmark times", "")],
            )
        if step <= 0:
            raise UsageError(
                f"the samples of {path} are {'repeated' if step == 0 else 'out of order'}",
                code="import.order",
                why=where,
                do=[("look at both lines:", f"sed -n '{one.line}p;{other.line}p' {shlex.quote(str(path))}")],
            )


def mean_inside(samples: Sequence[Sample], begin_ns: int, end_ns: int) -> tuple[float | None, int]:
    """Return (mean watts, samples) by the rule of the MLPerf checker: samples strictly inside, no edges, none at or below zero."""
    inside = [sample.watts[""] for sample in samples if begin_ns < sample.t_ns < end_ns and sample.watts[""] > 0]
    return (math.fsum(inside) / len(inside) if inside else None), len(inside)
