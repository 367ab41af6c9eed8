"""Show what `edgekit bench` measured, or what it would do."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

from edgekit.cli.output import current

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from edgekit.core.run import RunRecord
    from edgekit.flows.bench import BenchResult, Outline, PlannedStep


def show(result: BenchResult, *, again: bool = True) -> None:
    """Print the runs of one session, and how they compare; `again` also prints the command that repeats their analysis."""
    from edgekit.flows.bench import reanalyse_command
    from edgekit.reports.runs import run_notes

    folder, first = str(result.runs_dir), result.runs[0]
    one = shlex.quote(str(result.runs_dir / first.id))
    several = f"{shlex.quote(folder)}/{first.session}-*"  # the shell turns it into all runs of this session
    commands = [("decide:", f"edgekit report {several if len(result.runs) > 1 else one}")]
    if again:
        commands.append(("repeat the analysis from raw data:", reanalyse_command(result.runs, result.runs_dir)))
    if len(result.runs) > 1:
        commands.insert(0, ("compare again:" if result.comparison else "compare:", f"edgekit compare {several}"))
    compared = None
    if result.comparison is not None:
        compared = {"baseline": result.comparison.baseline.id, "rows": result.comparison.rows}
    current().result(
        schema="edgekit.bench/1",
        data={"runs": result.runs, "runs_dir": folder, "comparison": compared},
        text=_tables(result),
        next_commands=commands,
        notes=[*result.notes, *run_notes(result.runs)],
    )


def _tables(result: BenchResult) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from edgekit.cli.compare import blocks
    from edgekit.reports.operators import terminal_table
    from edgekit.reports.runs import runs_table
    from edgekit.reports.starts import beside

    runs: Sequence[RunRecord] = result.runs
    parts: list[RenderableType] = [runs_table(runs)]
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    for lines in (beside(run, several=len(runs) > 1, width=width) for run in runs):
        parts += ["", Text("\n".join(lines), overflow="fold")] if lines else []
    profiles = [table for run in runs if (table := terminal_table(run, several=len(runs) > 1)) is not None]
    parts += [part for table in profiles for part in ("", table)]
    if result.comparison is not None:
        parts += ["", Text(blocks(result.comparison, width).rstrip("\n"))]
    return Group(*parts)


def show_plan(found: Outline, batches: Sequence[int]) -> None:
    """Print the steps of a benchmark that was not made; all of it is done for each of several `batches`."""
    lines = [_line(number, step) for number, step in enumerate(found.steps, 1)]
    longest = "" if found.most_s is None or found.most_s <= found.expected_s else f", {_long(found.most_s)} at most"
    least = "" if found.least_s >= found.expected_s else f" ({_long(found.least_s)} at least)"
    ending = [f"\ntakes about {_long(found.expected_s)}{longest}{least}", *(f"not counted: {what}" for what in found.unknown)]
    if len(batches) > 1:
        ending.append(f"all of this for each of {len(batches)} batches: {', '.join(map(str, batches))}, as far as the memory lasts")
    data = {name: getattr(found, name) for name in ("steps", "rounds", "least_s", "expected_s", "most_s", "unknown")}
    current().result(schema="edgekit.bench.plan/1", data={**data, "batches": batches}, text="\n".join([*lines, *ending]))


def _line(number: int, step: PlannedStep) -> str:
    times = f"{step.times} x " if step.times > 1 else ""
    length = "" if step.seconds is None else f"{times}{step.seconds:g} s"
    length = length or (f"{step.times} times" if step.times > 1 else "")
    return f"{number:>3}  {step.phase:<10}  {step.artifact or '':<28}  {length:<14}  {step.note}".rstrip()


def _long(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"
