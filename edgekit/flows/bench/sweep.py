"""Benchmark artifacts at one batch after another, each in a session of its own, until the memory or the list ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit.core.errors import EdgekitError, InterruptedRun, UsageError
from edgekit.core.protocols import Progress
from edgekit.core.quantity import Note
from edgekit.core.run import RunRecord
from edgekit.flows.bench.dropped import Dropped
from edgekit.flows.bench.flow import BenchResult, bench
from edgekit.flows.bench.plan import BenchRequest
from edgekit.links.clock import SystemClock
from edgekit.store.runs import SWEEP

MOST = 1024  # of a sweep without a limit of its own: larger batches wait longer than a service may
_LARGEST = 1_000_000
_ENDS = ("model.memory", "model.batch", "model.crashed", "runner.died", "device.memory")  # a larger batch does not fit either


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Say at which batch a sweep ended before its list did, and why; smaller batches have their runs."""

    batch: int
    code: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult(BenchResult):
    """Hold the run records of all batches, in their order; `tag` names them all. `absent` are artifacts that the first one lost already."""

    tag: str = ""
    ended: Ended | None = None
    absent: tuple[Dropped, ...] = ()


def batches(text: str) -> tuple[int, ...]:
    """Return the batches that "8", "1,2,4", "sweep" (powers of two up to 1024) or "sweep:100" mean, in order; raise UsageError."""
    found = re.fullmatch(r"\s*(?:(?P<sweep>sweep)(?::(?P<most>\d{1,9}))?|(?P<list>\d{1,9}(?:\s*,\s*\d{1,9})*))\s*", text, re.IGNORECASE)
    if found is None:
        raise _unreadable(text, "a batch is written 8, several 1,2,4, all powers of two sweep or sweep:256")
    if found["sweep"]:
        most = int(found["most"] or MOST)
        sizes = [2**power for power in range(most.bit_length()) if 2**power < most] + [most]
    else:
        sizes = [int(part) for part in found["list"].split(",")]
    if not all(1 <= size <= _LARGEST for size in sizes):
        raise _unreadable(text, f"a batch lies between 1 and {_LARGEST:,}")
    return tuple(sorted(set(sizes)))


def sweep(
    request: BenchRequest,
    sizes: Sequence[int],
    *,
    device: Any,
    progress: Progress,
    date: SystemClock,
    measure: Callable[..., BenchResult] = bench,
) -> SweepResult:
    """Benchmark at each of `sizes` in turn; a batch that does not fit ends the sweep, and what was measured before it stays.

    One of several artifacts that does not fit is left out of larger batches, for which the others go on.

    Raises what a single benchmark raises where that happens at the first batch, or has nothing to do with the size of the batch.
    """
    tag = f"{SWEEP}{re.sub(r'[^0-9T]', '', date.now_utc())}"
    runs: list[RunRecord] = []
    notes: list[Note] = []
    ended: Ended | None = None
    gone: list[Dropped] = []
    absent: tuple[Dropped, ...] = ()
    for place, size in enumerate(sizes, 1):
        progress.step(f"batch {size}, {place} of {len(sizes)}")
        lost = {item.artifact for item in gone}
        one = replace(request, batch=size, tags=(*request.tags, tag), artifacts=tuple(a for a in request.artifacts if str(a) not in lost))
        try:
            result = measure(one, device=device, progress=progress, date=date)
        except InterruptedRun as stop:
            kept: list[str] = list(stop.data.get("runs") or ())  # type: ignore[call-overload]
            stop.data["runs"] = [*(run.id for run in runs), *kept]
            raise
        except EdgekitError as error:
            if not runs or error.code not in _ENDS:
                raise
            ended = Ended(batch=size, code=error.code, what=error.what, why=error.why or "")
            notes.append(_end_note(ended, error))
            progress.fail()
            break
        runs += result.runs
        notes += [*result.notes, *(_drop_note(item, size) for item in result.dropped)]
        gone += result.dropped
        absent = tuple(gone) if place == 1 else absent
    return SweepResult(
        runs=tuple(runs),
        runs_dir=Path(request.runs_dir),
        notes=tuple(dict.fromkeys(notes)),
        tag=tag,
        ended=ended,
        dropped=tuple(gone),
        absent=absent,
    )


def _drop_note(item: Dropped, size: int) -> Note:
    return replace(item.note, text=f"from batch {size} on, {item.note.text}")


def _end_note(ended: Ended, error: EdgekitError) -> Note:
    advice = f"{error.do[0][0].rstrip(':')}: `{error.do[0][1]}`" if ended.code == "model.batch" and error.do else None
    return Note(code="sweep.ended", text=f"the sweep ended at batch {ended.batch}: {ended.what}", advice=advice)


def _unreadable(text: str, why: str) -> UsageError:
    return UsageError(
        f"--batch {text!r} cannot be read", code="bench.amount", why=why, do=[("try:", "edgekit bench ARTIFACT --batch 1,2,4")]
    )
