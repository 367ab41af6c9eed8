"""Compare: how runs of one model stand against a baseline, with intervals, and whether they can be compared at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.core.protocols import Progress
from edgekit.core.quantity import Note
from edgekit.core.run import RunRecord
from edgekit.decision.choose import require_one_family
from edgekit.decision.ratio import Comparison, flaws
from edgekit.decision.ratio import compare as compare_two
from edgekit.store.runs import RECORD, load_run


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """Hold run names as typed; the first is the baseline unless `baseline` names another."""

    runs: tuple[str, ...]
    runs_dir: Path
    baseline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareResult:
    """Hold the baseline and every other run against it."""

    baseline: RunRecord
    rows: tuple[Comparison, ...]
    notes: tuple[Note, ...]


def compare(request: CompareRequest, *, progress: Progress, load: Callable[[str], RunRecord] | None = None) -> CompareResult:
    """Return every run against the baseline; raise UsageError when fewer than two are named or they are of different models."""
    names = plan(request)
    progress.step("reading runs")
    named = conduct(names, load=load or partial(load_run, runs_dir=request.runs_dir))
    folders = {run.id: _folder(name, run, request.runs_dir) for name, run in named.items()}
    return analyse(tuple({run.id: run for run in named.values()}.values()), folders)


def plan(request: CompareRequest) -> tuple[str, ...]:
    """Return the names to read, baseline first."""
    names = tuple(dict.fromkeys(([request.baseline] if request.baseline is not None else []) + list(request.runs)))
    if len(names) < 2:
        raise UsageError(
            "a comparison needs two runs",
            code="compare.runs",
            why=f"{len(names)} named",
            do=[("name a baseline and at least one more:", "edgekit compare BASELINE RUN...")],
        )
    return names


def conduct(names: Sequence[str], *, load: Callable[[str], RunRecord]) -> dict[str, RunRecord]:
    """Read the runs, by the name they were given."""
    return {name: load(name) for name in names}


def analyse(runs: Sequence[RunRecord], folders: Mapping[str, str] | None = None) -> CompareResult:
    """Return the comparison of every run with the first one. Pure; `folders` are those of the runs, for the command of an error."""
    require_one_family(runs, folders)
    baseline, *others = runs
    rows = tuple(compare_two(run, baseline) for run in others)
    first = (Note(code="run.flaws", text=f"{baseline.id}, the baseline: {', '.join(flaws(baseline))}"),) if flaws(baseline) else ()
    return CompareResult(baseline=baseline, rows=rows, notes=(*first, *(note for row in rows for note in row.notes)))


def _folder(name: str, run: RunRecord, runs_dir: Path) -> str:
    typed = Path(name).parent if Path(name).name == RECORD else Path(name)
    return str(typed if (typed / RECORD).is_file() else runs_dir / run.id)
