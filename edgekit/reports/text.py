"""Summarise a report for the terminal."""

from __future__ import annotations

import textwrap

from edgekit.core.quantity import Estimate
from edgekit.reports.findings import key_figures
from edgekit.reports.model import Report
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
    wins = [note for note in report.decision.notes if note not in report.banners]
    lines += ["", *(f"note: {note.text}" for note in wins)] if wins else []
    return "\n".join(lines).strip("\n") + "\n"


def _scale(report: Report) -> list[str]:
    """Return what a year of the fleet takes on each side."""
    found = []
    for item in report.decision.totals:
        if item.period == "year":
            parts = [one_line(electricity(item.energy_j))]
            parts += [one_line(show(value)) for show, value in ((carbon, item.co2e_kg), (money, item.money)) if isinstance(value, Estimate)]
            found.append(f"  a year of {item.inferences:,.0f} inferences, {item.side.value}: {'; '.join(parts)}")
    return found


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
