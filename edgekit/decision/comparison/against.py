"""Set several runs of one model against the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgekit.core.quantity import Note
from edgekit.core.run import RunRecord
from edgekit.decision.cloud.service import ServiceView
from edgekit.decision.comparison.ratio import Comparison, compare, flaws
from edgekit.decision.sides.choose import require_one_family


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareResult:
    """Hold the baseline and every other run against it, and how all of them would serve what was asked for."""

    baseline: RunRecord
    rows: tuple[Comparison, ...]
    notes: tuple[Note, ...]
    service: ServiceView | None = None


def against_first(runs: Sequence[RunRecord], folders: Mapping[str, str] | None = None) -> CompareResult:
    """Return the comparison of every run with the first one; `folders` are those of the runs, for the command of an error.

    Raises:
        UsageError: the runs are of different networks.
    """
    require_one_family(runs, folders)
    baseline, *others = runs
    rows = tuple(compare(run, baseline) for run in others)
    first = (Note(code="run.flaws", text=f"{baseline.id}, the baseline: {', '.join(flaws(baseline))}"),) if flaws(baseline) else ()
    return CompareResult(baseline=baseline, rows=rows, notes=(*first, *(note for row in rows for note in row.notes)))
