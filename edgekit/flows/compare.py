"""Compare: how runs of one model stand against a baseline, with intervals, and whether they can be compared at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.core.protocols import Progress
from edgekit.core.run import RunRecord
from edgekit.decision.cloud.service import Service, serve
from edgekit.decision.comparison.against import CompareResult, against_first
from edgekit.store.runs import load_runs

__all__ = ["CompareRequest", "CompareResult", "analyse", "compare", "conduct", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """Hold run names as typed; the first is the baseline unless `baseline` names another. With a `service`, which serves it best."""

    runs: tuple[str, ...]
    runs_dir: Path
    baseline: str | None = None
    service: Service | None = None


def compare(request: CompareRequest, *, progress: Progress, load: Callable[[str], Mapping[str, RunRecord]] | None = None) -> CompareResult:
    """Return every run against the baseline; raise UsageError when fewer than two are meant or they are of different models."""
    progress.step("reading runs")
    runs, folders = conduct(plan(request), load=load or partial(load_runs, runs_dir=request.runs_dir))
    if len(runs) < 2:
        raise UsageError(
            "a comparison needs two runs",
            code="compare.runs",
            why=f"{', '.join(map(repr, request.runs))} mean one run: {runs[0].id}"
            if runs and len(request.runs) > 1
            else f"{len(runs)} named",
            do=[("name a baseline and at least one more:", "edgekit compare BASELINE RUN...")],
        )
    result = analyse(runs, folders)
    return result if request.service is None else replace(result, service=serve(runs, request.service))


def plan(request: CompareRequest) -> tuple[str, ...]:
    """Return the names to read, baseline first."""
    return tuple(dict.fromkeys(([request.baseline] if request.baseline is not None else []) + list(request.runs)))


def conduct(names: Sequence[str], *, load: Callable[[str], Mapping[str, RunRecord]]) -> tuple[tuple[RunRecord, ...], dict[str, str]]:
    """Return the runs in the order in which they are named, each once, and their folders by id."""
    found = {run.id: (run, folder) for name in names for folder, run in load(name).items()}
    return tuple(run for run, _ in found.values()), {run_id: folder for run_id, (_, folder) in found.items()}


def analyse(runs: Sequence[RunRecord], folders: Mapping[str, str] | None = None) -> CompareResult:
    """Return the comparison of every run with the first one. Pure; `folders` are those of the runs, for the command of an error."""
    return against_first(runs, folders)
