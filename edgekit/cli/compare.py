"""`edgekit compare`: which of these runs takes less, and can they be compared at all?"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.folders import from_here
from edgekit.cli.output import current

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    typed = list(dict.fromkeys([*([baseline] if baseline is not None else []), *(runs or ())]))
    request = CompareRequest(runs=tuple(runs or ()), runs_dir=from_here(runs_dir or load().runs), baseline=baseline)
    result = compare_runs(request, progress=ui.progress)
    command = ["edgekit", "report", *typed, *(["--runs", str(runs_dir)] if runs_dir is not None else [])]
    ui.result(
        schema="edgekit.compare/1",
        data={"baseline": result.baseline.id, "rows": result.rows},
        text=blocks(result, width=min(100, shutil.get_terminal_size((100, 24)).columns)),
        next_commands=[("decide between device and cloud:", shlex.join(command))],
        notes=[note for note in result.notes if ui.json or note.code != "run.flaws"],  # the text says them at their run
    )


def blocks(result: CompareResult, width: int) -> str:
    """Return one block per run, which can be read at any width: its id, then its figures and how they stand against the baseline."""
    from edgekit.decision.agreement import left_out
    from edgekit.decision.choose import accuracy_of, energy_of
    from edgekit.decision.ratio import flaws
    from edgekit.reports.show import figure, one_line, points, share
    from edgekit.reports.text import wrapped

    first = result.baseline
    time = first.analysis.time_s_per_inference if first.analysis is not None else None
    own = [("energy", one_line(figure(energy_of(first))))]
    own += [("time", one_line(figure(time)))] if time is not None else []
    own += [("accuracy", one_line(share(accuracy_of(first))))]
    blocks = [_block(f"{first.artifact.path}: the baseline", first.id, flaws(first), own, width)]
    for row in result.rows:
        lines = [
            ("energy", one_line(figure(row.energy_j))),
            ("", "; ".join(filter(None, (row.energy_words, left_out(row.energy))))),
            ("time", one_line(figure(row.time_s))),
            ("", row.speed_words),
            ("accuracy", f"{one_line(points(row.accuracy))} against the baseline"),
        ]
        blocks.append(_block(row.artifact, row.run, row.flaws, lines, width))
    title = "\n".join(wrapped("Per inference. A factor says how much more or less a run takes than the baseline.", width))
    return "\n\n".join([title, *blocks]) + "\n"


def _block(title: str, run: str, flaws: Sequence[str], lines: Sequence[tuple[str, str]], width: int) -> str:
    from edgekit.reports.text import wrapped

    found = [title, f"  run       {run}", *([f"  !         {', '.join(flaws)}"] if flaws else [])]
    found += [line for label, text in lines for line in wrapped(f"  {label:<8}  {text}", width, rest=" " * 14)]
    return "\n".join(found)
