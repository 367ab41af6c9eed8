"""Show where the energy of an inference goes: its operators, the most expensive ones first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.quantity import Estimate, Quantity
from edgekit.core.run import OperatorEnergy, RunRecord
from edgekit.core.units import format_interval, format_scaled, scale_for
from edgekit.energy.operators.share import BOUND
from edgekit.reports.model import Report
from edgekit.reports.runs import place, short
from edgekit.reports.show import Cell, Column, Table, figure, marked, percent

if TYPE_CHECKING:
    from rich.table import Table as TerminalTable

TOP = 10
FOLDED_FROM = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """Hold the most expensive operators, what is outside of all of them, and how many more there are with which share of the time."""

    first: tuple[OperatorEnergy, ...]
    outside: OperatorEnergy | None
    others: int
    others_share: float


def ranked(operators: Sequence[OperatorEnergy]) -> list[OperatorEnergy]:
    """Return operators by joules, or by time where joules are unknown; what is outside of all comes last."""

    def weight(item: OperatorEnergy) -> float:
        return -(item.energy_j_per_inference.value or 0.0)

    return sorted(operators, key=lambda item: (item.kind == "outside", weight(item), -item.share))


def top(operators: Sequence[OperatorEnergy], most: int = TOP) -> Top:
    """Return the `most` expensive operators and a summary of the rest."""
    inside = [item for item in ranked(operators) if item.kind != "outside"]
    rest = inside[most:]
    outside = next((item for item in operators if item.kind == "outside"), None)
    return Top(first=tuple(inside[:most]), outside=outside, others=len(rest), others_share=sum(item.share for item in rest))


def terminal_table(record: RunRecord, *, several: bool) -> TerminalTable | None:
    """Return the top operators of a run as a table for the terminal, its attribution below; None for a run without operators."""
    from rich.table import Table as TerminalTable
    from rich.text import Text

    analysis = record.analysis
    if analysis is None or not analysis.operators:
        return None
    found = top(analysis.operators)
    where = place(found.first[0].energy_j_per_inference) if found.first else ""
    table = TerminalTable(
        padding=(0, 1),
        title=Text(f"operators{f' of {record.artifact.path}' if several else ''}, {where}"),
        title_justify="left",
        title_style="",
        caption=Text(analysis.attribution or ""),
        caption_justify="left",
    )
    table.add_column("operator", overflow="fold")
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("J/inference", justify="right", no_wrap=True)
    table.add_column("interval", justify="right", no_wrap=True)
    for item in (*found.first, *([found.outside] if found.outside is not None else [])):
        table.add_row(Text(_named(item)), bound(item) or percent(item.share), _joules(item), _interval(item))
    if found.others:
        share = "not resolved" if all(bound(item) for item in found.first) else percent(found.others_share)
        table.add_row(Text(f"{found.others} more (--json lists all)"), share, "", "")
    return table


def lines(report: Report, most: int = 3) -> list[str]:
    """Return what to say of the operators of each profiled run in a few words: the most expensive ones."""
    found = []
    for row in report.runs:
        if row.operators:
            best = top(row.operators, most).first
            parts = [f"{_named(item)} {_joules(item)} ({bound(item) or f'{percent(item.share)} of the time'})" for item in best]
            found.append(f"operators of {row.artifact} ({place(best[0].energy_j_per_inference)}): {', '.join(parts)}" if best else "")
    return [line for line in found if line]


def tables(report: Report) -> list[Table]:
    """Return one table of operators for each profiled run; long ones are folded."""
    profiled = [row for row in report.runs if row.operators]
    columns = (Column("operator", prose=True), Column("J per inference", number=True), Column("share of time", number=True))
    found = []
    for number, row in enumerate(profiled, 1):
        largest = max((item.energy_j_per_inference.value or 0.0 for item in row.operators), default=0.0)
        rows = tuple(
            (
                Cell(item.name, detail="" if item.kind in item.name or item.kind == "outside" else item.kind),
                in_unit(item.energy_j_per_inference, largest),
                Cell(bound(item), tone="unknown") if bound(item) else Cell(percent(item.share), tags=("measured",)),
            )
            for item in ranked(row.operators)
        )
        title = f"Operators of {row.artifact} on {row.device}"
        found.append(
            marked(Table(table_id(number), title, columns, rows, intro=row.attribution or "", fold=FOLDED_FROM, evidence=(row.run,)))
        )
    return found


def table_id(number: int) -> str:
    """Return the id of the table of the `number`th profiled run, from 1."""
    return "operators" if number == 1 else f"operators-{number}"


def in_unit(quantity: Quantity, largest: float) -> Cell:
    """Return joules in the unit of the largest of a table, so that a column can be compared at a glance; one line, with their interval."""
    divisor, unit = scale_for(largest, "J")
    least = divisor * 10 ** (math.floor(math.log10(largest / divisor)) - 2) if largest > 0 else 0.0

    def shown(joules: float) -> str:
        return f"< {least / divisor:g}" if 0 < joules < least else f"{round(joules / least) * least / divisor:.4g}" if least else "0"

    def value(energy: Estimate) -> str:
        return f"at most {shown(energy.high)} {unit}" if _bound(energy) else f"{shown(energy.value)} {unit}"

    return figure(quantity, value, lambda low, high: f"{shown(low)} to {shown(high)} {unit}")


def bound(item: OperatorEnergy) -> str:
    """Return why only the bounds of an operator say anything; empty where its value does."""
    return _bound(item.energy_j_per_inference)


def _bound(quantity: Quantity) -> str:
    return next((note.text for note in quantity.notes if note.code == BOUND), "")


def _joules(item: OperatorEnergy) -> str:
    energy = item.energy_j_per_inference
    if isinstance(energy, Estimate) and bound(item):
        return f"at most {format_scaled(energy.high, energy.unit)}"
    return short(energy)


def _named(item: OperatorEnergy) -> str:
    return item.name if item.kind in item.name or item.kind == "outside" else f"{item.kind} {item.name}"


def _interval(item: OperatorEnergy) -> str:
    quantity = item.energy_j_per_inference
    return format_interval(quantity.low, quantity.high, quantity.unit) if isinstance(quantity, Estimate) else ""
