"""Summarise a report for the terminal."""

from __future__ import annotations

import textwrap

from edgekit.core.quantity import Estimate, Quantity
from edgekit.decision.numerals import count
from edgekit.reports import operators
from edgekit.reports.findings import key_figures, scale_remarks
from edgekit.reports.model import Report
from edgekit.reports.remarks import whose
from edgekit.reports.show import carbon, electricity, money, one_line


def render(report: Report, *, width: int = 100) -> str:
    """Return the verdict, its condition and the key figures as plain text, wrapped between words to `width` columns."""
    verdict, remarks = report.decision.verdict, [note for note in report.decision.notes if note not in report.banners]
    lines = [line for note in report.banners for line in wrapped(f"! {note.text}", width, rest="  ")]
    lines += ["", *wrapped(f"verdict: {verdict.headline}", width, rest="  "), ""]
    lines += [*wrapped(verdict.sentence, width, "  "), *wrapped(verdict.condition, width, "  "), ""]
    figures = key_figures(report)
    label = max((len(item.label) for item in figures), default=0)
    lines += [
        line for item in figures for line in wrapped(f"  {item.label:<{label}}  {one_line(item.cell)}", width, rest=" " * (label + 4))
    ]
    lines += ["", *_scale(report, width)] if report.decision.totals else []
    for texts in (operators.lines(report), _unknown(report), [f"note: {note.text}" for note in remarks]):
        lines += ["", *(line for text in texts for line in wrapped(text, width, rest="  "))] if texts else []
    return "\n".join(lines).strip("\n") + "\n"


def wrapped(text: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """Return a text in lines of `width` columns, broken between words only; what `text` starts with stays as it is."""
    lead = len(text) - len(text.lstrip())
    return textwrap.wrap(
        text[lead:],
        width,
        initial_indent=first + text[:lead],
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    )


def _scale(report: Report, width: int) -> list[str]:
    """Return what a year of the fleet takes on each side."""
    year = [item for item in report.decision.totals if item.period == "year"]
    found = [f"  a year of {count(year[0].inferences)} inferences"] if year else []
    for item in year:
        parts = [one_line(electricity(item.energy_j))]
        parts += [one_line(show(value)) for show, value in ((carbon, item.co2e_kg), (money, item.money)) if isinstance(value, Estimate)]
        for side, part in zip((item.side.value, *[""] * len(parts)), parts, strict=False):
            found += wrapped(f"    {side:<6}  {part}", width, rest=" " * 14)
    return [*found, *(line for remark in scale_remarks(report) for line in wrapped(remark.text, width, "  ", rest="    "))]


def _unknown(report: Report) -> list[str]:
    """Return why views and figures of runs are unknown, each reason once."""
    why: dict[str, int] = {}
    for view in report.decision.views:
        if not isinstance(view.p_edge, Estimate):
            why[view.p_edge.reason] = why.get(view.p_edge.reason, 0) + 1
    found = [f"{times} of {len(report.decision.views)} accounting views: {reason}" for reason, times in why.items()]
    for name, quantity in (("energy", "energy_j"), ("energy net of idle", "net_j"), ("idle power", "idle_w"), ("accuracy", "accuracy")):
        by_reason: dict[str, list[str]] = {}
        for row in report.runs:
            value: Quantity = getattr(row, quantity)
            if not isinstance(value, Estimate):
                by_reason.setdefault(value.reason, []).append(row.run)
        found += [f"{name} of {whose(runs, report.runs)}: {reason}" for reason, runs in by_reason.items()]
    return [f"unknown: {line}" for line in found]
