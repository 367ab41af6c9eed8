"""Lay out how a decision was weighed: gates, other yardsticks, the tornado, what knowing is worth, advice, and third ways."""

from __future__ import annotations

from dataclasses import replace

from edgekit.core.decision import Account, Side
from edgekit.core.units import format_number, format_scaled
from edgekit.decision.numerals import multiple
from edgekit.reports.findings import with_grids
from edgekit.reports.model import Report
from edgekit.reports.show import Cell, Column, Table, carbon, chance, figure, marked, money, percent, times

SIDE_WORDS = {Side.DEVICE: "device", Side.CLOUD: "cloud", Side.BOTH: "both sides"}

_AXES = (
    ("energy", "gross"),
    ("carbon of operation", "location-based"),
    ("embodied carbon", "share of the hardware's making"),
    ("SCI", "(E x I + M) / R, ISO/IEC 21031"),
    ("marginal carbon", "never part of the SCI"),
    ("market-based carbon", "never part of the SCI"),
    ("water", ""),
    ("money", ""),
    ("latency", ""),
    ("mean power", "one device; all that serves it"),
)


def gates(report: Report) -> Table:
    """Return what each side must meet whatever it costs."""
    words = {True: ("met", "good"), False: ("not met", "warn"), None: ("unknown", "unknown")}
    rows = tuple(
        (Cell(gate.name, detail=SIDE_WORDS[gate.side]), Cell(words[gate.passed][0], tone=words[gate.passed][1]), Cell(gate.why))
        for gate in sorted(report.decision.gates, key=lambda gate: (gate.passed is not False, gate.passed is not None, gate.side.value))
    )
    columns = (Column("condition"), Column("met?"), Column("why", prose=True))
    unmet = sum(gate.passed is not True for gate in report.decision.gates)  # what is met need not stand before the figures
    return Table("gates", "Can each side do it at all?", columns, rows, fold=unmet or None, evidence=chosen(report))


def criteria(report: Report) -> Table:
    """Return the answer under every other yardstick."""
    rows = tuple(
        (
            Cell(item.name),
            Cell(item.answer, tone={"edge": "edge", "device": "edge", "cloud": "cloud"}.get(item.answer.split(" ")[0], "")),
            figure(item.p_edge, lambda found: chance(found.value), _chances),
            Cell(f"{item.for_edge} device, {item.for_cloud} cloud", detail=f"of {item.views}"),
            Cell(item.text),
        )
        for item in report.decision.criteria
    )
    columns = (
        Column("yardstick"),
        Column("answer"),
        Column("P(device is better)", number=True),
        Column("views", number=True),
        Column("why", prose=True),
    )
    title = "Does another yardstick change the answer?"
    return marked(Table("criteria", title, columns, rows, evidence=with_grids(report)))


def _chances(low: float, high: float) -> str:
    return f"{chance(low)} to {chance(high)}" if chance(low) != chance(high) else ""


def accounts(report: Report) -> Table:
    """Return what one functional unit costs each side, each axis in a row of its own."""
    found: dict[Side, Account] = {item.side: item for item in report.decision.accounts}
    sides = [side for side in (Side.DEVICE, Side.CLOUD) if side in found]
    columns_of = [_axes(found[side]) for side in sides]
    rows = tuple((Cell(name, detail=what), *cells) for (name, what), *cells in zip(_AXES, *columns_of, strict=True)) if sides else ()
    columns = (Column("per inference"), *(Column(side.value, number=True, side=side.value) for side in sides))
    title = "One inference on every axis"
    return marked(Table("accounts", title, columns, rows, evidence=with_grids(report)))


def _axes(item: Account) -> list[Cell]:
    carbons = (item.operational_kg, item.embodied_kg, item.sci_kg, item.marginal_kg, item.market_kg)
    return [
        figure(item.energy_j),
        *(carbon(mass) for mass in carbons),
        figure(item.water_l),
        money(item.money),
        figure(item.latency_s),
        figure(item.power_w if item.power_w.boundary is not None else replace(item.power_w, boundary=item.energy_j.boundary)),
    ]


def tornado(report: Report) -> Table:
    """Return the inputs by how far they move the ratio."""
    rows = tuple(
        (
            Cell(bar.input),
            Cell(f"{bar.low_text} to {bar.high_text}"),
            Cell(f"{times(bar.ratio_low)} to {times(bar.ratio_high)}"),
            Cell("turns the answer", detail=f"at {_amount(bar.at, bar.unit)}" if bar.at is not None else "", tone="warn")
            if bar.flips
            else Cell("no"),
            Cell(bar.evidence, code=True),
        )
        for bar in report.decision.tornado
    )
    columns = (
        Column("input"),
        Column("moved from, to", prose=True),
        Column("cloud over device", number=True),
        Column("turns?", prose=True),
        Column("evidence", prose=True),
    )
    return Table("tornado", "Which input could turn the answer?", columns, rows)


def worth(report: Report) -> Table:
    """Return what knowing each input exactly would be worth, largest first."""
    rows = tuple(
        (
            Cell(item.input),
            Cell(percent(item.changes) if item.changes else "never"),
            figure(item.regret_avoided_j),
            Cell(item.measure, detail=item.command or ""),
        )
        for item in report.decision.worth
    )
    columns = (
        Column("input"),
        Column("turns the answer", number=True),
        Column("J saved per inference by knowing", number=True),
        Column("how to find out", prose=True),
    )
    intro = "The chance that knowing the input exactly turns the answer, and what is lost on average by deciding without it."
    return marked(Table("worth", "What to measure next", columns, rows, intro=intro, evidence=report.decision.evidence))


def advice(report: Report) -> Table:
    """Return changes that save energy, largest first."""
    rows = tuple(
        (
            Cell(item.what, detail=SIDE_WORDS[item.side]),
            figure(item.saves_j),
            Cell(item.because, detail=item.command or ""),
            Cell(", ".join(item.evidence), code=True),
        )
        for item in report.decision.advice
    )
    columns = (
        Column("change"),
        Column("saves per inference", number=True),
        Column("because", prose=True),
        Column("evidence", prose=True),
    )
    return marked(Table("advice", "What would save energy", columns, rows))


def alternatives(report: Report) -> Table:
    """Return the third ways beside device and cloud."""
    rows = tuple(
        (
            Cell(item.name, detail=item.kind),
            figure(item.energy_j),
            _band(item.band, item.unit),
            Cell("takes least", tone="good") if item.best else Cell("no"),
            Cell(item.text),
            Cell(", ".join(item.evidence), code=True),
        )
        for item in report.decision.alternatives
    )
    columns = (
        Column("way"),
        Column("J per inference", number=True),
        Column("beats both within", number=True),
        Column("best?"),
        Column("what it means", prose=True),
        Column("evidence", prose=True),
    )
    return marked(Table("alternatives", "A bit of both: cascade and split", columns, rows))


def chosen(report: Report) -> tuple[str, ...]:
    """Return the ids of the runs that the decision chose."""
    return tuple(row.run for row in report.runs if row.chosen)


def _band(band: tuple[float, float] | None, unit: str) -> Cell:
    if band is None:
        return Cell("nowhere")
    return Cell(f"{_amount(band[0], unit)} to {_amount(band[1], unit)}")


def _amount(value: float, unit: str) -> str:
    if unit == "1":
        return percent(value) if 0 <= value <= 1 else multiple(value, 3)
    if unit in ("J", "W", "s", "B"):
        return format_scaled(value, unit)
    return f"{format_number(value)} {unit}"
