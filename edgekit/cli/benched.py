"""Show what `edgekit bench` measured, or what it would do."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from edgekit.cli.output import between_words, current
from edgekit.cli.width import line_width, page_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from edgekit.core.run import RunRecord
    from edgekit.flows.bench import BenchResult, Outline, PlannedStep

_TIMES = 14  # columns of "10 x 60 s", so that what is said of steps stands in line


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
        data={"runs": result.runs, "runs_dir": folder, "comparison": compared, "dropped": result.dropped},
        text=_tables(result),
        next_commands=commands,
        notes=[*result.notes, *(item.note for item in result.dropped), *run_notes(result.runs)],
        status="partial" if result.dropped else "ok",
        exit_code=result.dropped[0].exit_code if result.dropped else 0,
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
    width = page_width()
    for lines in (beside(run, several=len(runs) > 1, width=width) for run in runs):
        parts += ["", Text("\n".join(lines), overflow="fold")] if lines else []
    profiles = [table for run in runs if (table := terminal_table(run, several=len(runs) > 1)) is not None]
    parts += [part for table in profiles for part in ("", table)]
    if result.comparison is not None:
        parts += ["", Text(blocks(result.comparison, width).rstrip("\n"))]
    return Group(*parts)


def show_plan(found: Outline, batches: Sequence[int]) -> None:
    """Print the steps of a benchmark that was not made; all of it is done for each of several `batches`."""
    width = line_width(sys.stdout)
    names = max((len(step.artifact or "") for step in found.steps), default=0)
    lines = [line for number, step in enumerate(found.steps, 1) for line in _lines(number, step, names, width)]
    longest = "" if found.most_s is None or found.most_s <= found.expected_s else f", {_long(found.most_s)} at most"
    least = "" if found.least_s >= found.expected_s else f" ({_long(found.least_s)} at least)"
    ending = [f"takes about {_long(found.expected_s)}{longest}{least}", *(f"not counted: {what}" for what in found.unknown)]
    if len(batches) > 1:
        ending.append(f"all of this for each of {len(batches)} batches: {', '.join(map(str, batches))}, as far as the memory lasts")
    if width is not None:
        ending = [part for line in ending for part in between_words(line, width, "  ")]
    data = {name: getattr(found, name) for name in ("steps", "rounds", "least_s", "expected_s", "most_s", "unknown")}
    current().result(schema="edgekit.bench.plan/1", data={**data, "batches": batches}, text="\n".join([*lines, "", *ending]))


def _lines(number: int, step: PlannedStep, names: int, width: int | None) -> list[str]:
    """Return a step on one line; where that is wider than `width`, what there is to say of it below, and the artifact above its length."""
    start, length = f"{number:>3}  {step.phase:<10}  ", _length(step)
    whole = f"{start}{step.artifact or '':<{names}}  {length:<{_TIMES if step.note else 0}}  {step.note}".rstrip()
    if width is None or len(whole) <= width:
        return [whole]
    if len(start) + names + 2 + _TIMES <= width:
        first = [f"{start}{step.artifact or '':<{names}}  {length}".rstrip()]
    else:
        first = [f"{start}{step.artifact or length}", *([" " * len(start) + length] if step.artifact and length else [])]
    return [*first, *(" " * len(start) + line for line in between_words(step.note, width - len(start), ""))]


def _length(step: PlannedStep) -> str:
    times = f"{step.times} x " if step.times > 1 else ""
    length = "" if step.seconds is None else f"{times}{step.seconds:g} s"
    return length or (f"{step.times} times" if step.times > 1 else "")


def _long(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"
