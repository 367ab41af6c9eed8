"""Summarise a report for the terminal."""

from __future__ import annotations

import textwrap

from edgekit.core.quantity import Estimate, Quantity
from edgekit.decision.numerals import count
from edgekit.reports.findings import key_figures, scale_remarks
from edgekit.reports.model import Report
from edgekit.reports.remarks import whose
from edgekit.reports.show import carbon, electricity, money, one_line


def render(report: Report, *, width: int = 100) -> str:
    """Return the verdict, its condition and the key figures as plain text."""
    verdict = report.decision.verdict
    lines = [f"! {note.text}" for note in report.banners]
    lines += ["", f"verdict: {verdict.headline}", "", *_wrap(verdict.sentence, width), *_wrap(verdict.condition, width), ""]
    figures = key_figures(report)
    label = max((len(item.label) for item in figures), default=0)
    lines += [f"  {item.label:<{label}}  {one_line(item.cell)}" for item in figures]
    lines += ["", *_scale(report)] if report.decision.totals else []
    lines += ["", *_unknown(report)]
    wins = [note for note in report.decision.notes if note not in report.banners]
    lines += ["", *(f"note: {note.text}" for note in wins)] if wins else []
    return "\n".join(lines).strip("\n") + "\n"


def _scale(report: Report) -> list[str]:
    """Return what a year of the fleet takes on each side."""
    year = [item for item in report.decision.totals if item.period == "year"]
    found = [f"  a year of {count(year[0].inferences)} inferences"] if year else []
    for item in year:
        parts = [one_line(electricity(item.energy_j))]
        parts += [one_line(show(value)) for show, value in ((carbon, item.co2e_kg), (money, item.money)) if isinstance(value, Estimate)]
        found += [f"    {item.side.value:<6}  {parts[0]}", *(f"            {part}" for part in parts[1:])]
    return [*found, *(f"  {remark.text}" for remark in scale_remarks(report))]


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


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
