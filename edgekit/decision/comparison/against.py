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
    """Hold the baseline, the `others`, how each of them stands against it (`rows`), and how all would serve what was asked for."""

    baseline: RunRecord
    others: tuple[RunRecord, ...]
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
    return CompareResult(baseline=baseline, others=tuple(others), rows=rows, notes=(*first, *(note for row in rows for note in row.notes)))
