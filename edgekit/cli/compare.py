"""`edgekit compare`: which of these runs takes less, and can they be compared at all?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgekit.cli.output import current

if TYPE_CHECKING:
    from edgekit.flows.compare import CompareResult


def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN RUN...", help="Runs of one model: folders, ids, starts of ids, or tags.", show_default=False),
    ] = None,
    baseline: Annotated[str | None, typer.Option(metavar="RUN", help="What to compare with.", show_default="the first run")] = None,
    runs_dir: Annotated[Path | None, typer.Option("--runs", help="Folder of run records.", show_default="./runs, or edgekit.toml")] = None,
) -> None:
    """Compare runs of one model: energy, speed and accuracy against a baseline, with intervals.

    Runs metered at different boundaries are listed as not comparable; runs of different models are refused.
    """
    from edgekit.config import load
    from edgekit.flows.compare import CompareRequest
    from edgekit.flows.compare import compare as compare_runs

    ui = current()
    request = CompareRequest(runs=tuple(runs or ()), runs_dir=runs_dir or load().runs, baseline=baseline)
    result = compare_runs(request, progress=ui.progress)
    names = " ".join([result.baseline.id, *(row.run for row in result.rows)])
    ui.result(
        schema="edgekit.compare/1",
        data={"baseline": result.baseline.id, "rows": result.rows},
        text=_table(result),
        next_commands=[("decide between device and cloud:", f"edgekit report {names}")],
        notes=result.notes,
    )


def _table(result: CompareResult) -> Any:
    from rich.table import Table

    from edgekit.decision.choose import accuracy_of, energy_of
    from edgekit.reports.show import figure, one_line, points, share

    table = Table()
    for title in ("artifact", "run", "J per inference", "energy", "speed", "accuracy"):
        table.add_column(title, overflow="fold")
    first = result.baseline
    table.add_row(
        first.artifact.path, first.id, one_line(figure(energy_of(first))), "baseline", "baseline", one_line(share(accuracy_of(first)))
    )
    for row in result.rows:
        table.add_row(
            row.artifact, row.run, one_line(figure(row.energy_j)), row.energy_words, row.speed_words, one_line(points(row.accuracy))
        )
    return table
