"""`edgekit diff`: what changed between two reports?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.output import current
from edgekit.cli.width import page_width

if TYPE_CHECKING:
    from edgekit.flows.diff import DiffResult
    from edgekit.reports.changes import Change


def diff(
    before: Annotated[Path, typer.Argument(metavar="REPORT", help="The earlier report.json.", show_default=False)],
    after: Annotated[Path, typer.Argument(metavar="REPORT", help="The later report.json.", show_default=False)],
) -> None:
    """Say what changed between two reports of one model: verdict, gates, scenario, constants, runs, slots, accounting views.

    A difference smaller than the two intervals allow is called "within uncertainty". Exit status 0, whatever changed; programs read
    `data.verdict_changed` of --json.
    """
    from edgekit.flows.diff import diff as compare

    ui = current()
    result = compare(before, after)
    ui.result(
        schema="edgekit.diff/1",
        data={
            "verdict_changed": result.verdict_changed,
            "before": result.before.decision.verdict,
            "after": result.after.decision.verdict,
            "changes": result.changes,
        },
        text=_text(result, width=page_width()),
    )


def _text(result: DiffResult, width: int) -> str:
    from edgekit.core.units import counted
    from edgekit.reports.changes import Standing
    from edgekit.reports.text import wrapped

    verdict = result.after.decision.verdict.headline
    lead = "the verdict changed" if result.verdict_changed else f"the verdict is still: {verdict}"
    if not result.changes:
        return "nothing changed\n"
    within = result.count(Standing.WITHIN)
    told = f"{lead}. {counted(len(result.changes), 'difference')}, {within} of them within uncertainty."
    lines = [*wrapped(told[0].upper() + told[1:], width)]
    for section in dict.fromkeys(item.section for item in result.changes):
        found = [item for item in result.changes if item.section == section]
        lines += ["", section]
        lines += [
            line for item in found if item.standing is not Standing.WITHIN for line in wrapped(_line(item), width, "  ", rest="      ")
        ]
        alike = [f"{item.subject} {item.figure}".strip() for item in found if item.standing is Standing.WITHIN]
        lines += wrapped(f"within uncertainty: {'; '.join(alike)}", width, "  ", rest="      ") if alike else []
    return "\n".join(lines) + "\n"


def _line(item: Change) -> str:
    from edgekit.reports.changes import Standing
    from edgekit.reports.show import factor, one_line

    name = f"{item.subject}, {item.figure}" if item.figure and item.subject != item.section else item.figure or item.subject
    if item.standing is Standing.ADDED:
        return f"+ {name}: {item.after}"
    if item.standing is Standing.REMOVED:
        return f"- {name}: {item.before}"
    ratio = f" [{one_line(factor(item.ratio))}]" if item.ratio is not None else ""
    told = " (not comparable)" if item.standing is Standing.INCOMPARABLE else ""
    return f"{name}: {item.before} -> {item.after}{ratio}{told}"
