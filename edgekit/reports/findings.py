"""Lay out the findings of a report as tables and figures: key figures, slots, views, totals, flips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgekit.core.decision import Side, SlotEntry, Total, View
from edgekit.core.quantity import Estimate
from edgekit.decision.accounts.totals import scaled
from edgekit.decision.draws.montecarlo import SURE
from edgekit.decision.numerals import count, rate
from edgekit.decision.verdict.coverage import stand_in
from edgekit.reports.model import Report
from edgekit.reports.show import Cell, Column, Remark, Table, carbon, chance, electricity, factor, figure, marked, money, one_line, percent

SLOT_WORDS = {
    "inference_device": "inference on the device",
    "inference_cloud": "inference on the GPU",
    "host": "host of the GPU",
    "network": "network",
    "radio": "radio of the device",
    "cooling": "cooling (PUE)",
    "idle": "idle",
    "training": "training",
    "manufacturing": "manufacturing",
    "storage": "storage",
    "updates": "model updates",
}
PERIODS = ("million inferences", "device-year", "day", "year")


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """Hold one figure of page one: what it is, and the figure with its tags."""

    label: str
    cell: Cell


def key_figures(report: Report) -> list[KeyFigure]:
    """Return what the four readers look for first."""
    decision = report.decision
    primary = next((view for view in decision.views if view.primary), None)
    found = []
    for side, words in ((Side.DEVICE, "one inference on the device"), (Side.CLOUD, "one inference in the cloud")):
        total = next((item for item in decision.totals if item.side is side and item.period == "million inferences"), None)
        if total is not None:
            found.append(KeyFigure(words, figure(scaled(total.energy_j, 1e-6))))
    if primary is not None:
        found.append(KeyFigure("cloud over device", factor(primary.ratio)))
    return found


def slots(report: Report) -> Table:
    """Return the counted slots of both sides per inference."""
    rows = [
        (
            Cell(SLOT_WORDS[entry.slot.value], detail=_side(entry)),
            figure(entry.energy_j),
            Cell(entry.how),
            Cell(", ".join(entry.evidence), code=True),
        )
        for entry in report.decision.slots
        if isinstance(entry.energy_j, Estimate)
    ]
    columns = (
        Column("slot"),
        Column("J per inference", number=True),
        Column("how it was counted", prose=True),
        Column("evidence", prose=True),
    )
    other = stand_in(report.decision.views)
    return Table("slots", "Where the joules go", columns, tuple(rows), intro=f"View: {other}." if other else "")


def not_included(report: Report) -> Table:
    """Return the slots that were not counted, each with its reason; making hardware is counted where its carbon is."""
    rows = [
        (Cell(SLOT_WORDS[entry.slot.value], detail=_side(entry)), Cell("not included", detail=getattr(entry.energy_j, "reason", "")))
        for entry in report.decision.slots
        if not isinstance(entry.energy_j, Estimate) and not isinstance(entry.co2e_kg, Estimate)
    ]
    return Table("not-included", "What is not included", (Column("slot"), Column("why")), tuple(rows))


def views(report: Report) -> Table:
    """Return the outcome under every accounting convention: the answer first, then what it rests on."""
    columns = (
        Column("view"),
        Column("answer, P(device takes less)"),
        Column("device", number=True, side="device"),
        Column("cloud", number=True, side="cloud"),
        Column("cloud / device", number=True),
    )
    known = [_view(view) for view in report.decision.views if isinstance(view.p_edge, Estimate)]
    rows = known + _not_computable(report.decision.views, len(columns) - 1)
    intro = (
        f"The same data under every convention that may be argued for, {report.decision.draws:,} draws each; sure means 95 % or more. "
        "Network: marginal is what one more byte adds, average is all network energy over all traffic. Device: gross is all power while it "
        "infers, incremental is what the inference adds, dedicated includes idle time."
    )
    return Table("views", "Does the accounting change the answer?", columns, tuple(rows), intro=intro, evidence=report.decision.evidence)


def _view(view: View) -> tuple[Cell, ...]:
    title = Cell(_network(view), detail=_sides(view) + (", primary view" if view.primary else ""))
    return (title, outcome(view), figure(view.edge_j), figure(view.cloud_j), factor(view.ratio))


def _not_computable(views: Sequence[View], rest: int) -> list[tuple[Cell, ...]]:
    """Return one row for all views that lack the same input."""
    groups: dict[str, list[View]] = {}
    for view in views:
        if not isinstance(view.p_edge, Estimate):
            groups.setdefault(view.p_edge.reason, []).append(view)
    rows: list[tuple[Cell, ...]] = []
    for group in groups.values():
        title = Cell(_network(group[0]), detail=_sides(group[0]) + (", primary view" if group[0].primary else ""))
        if len(group) > 1:
            title = Cell(f"{len(group)} more views", detail=_span(group))
        rows.append((title, replace(outcome(group[0]), span=rest)))
    return rows


def _span(group: Sequence[View]) -> str:
    """Return the conventions of several views: the levels of each axis where they are all combined, else one by one."""
    levels = [list(dict.fromkeys(getattr(view, axis) for view in group)) for axis in ("network", "device", "cloud")]
    if math.prod(map(len, levels)) != len(group):
        return "; ".join(f"{_network(view)}, {_sides(view)}" for view in group)
    networks, devices, clouds = (" or ".join(names) for names in levels)
    return f"{networks} network, {devices} device, {clouds} cloud"


def _network(view: View) -> str:
    return "no network" if view.network == "none" else f"{view.network} network"


def _sides(view: View) -> str:
    return f"{view.device} device, {view.cloud} cloud"


def outcome(view: View) -> Cell:
    """Return the probability of one view with the side it speaks for, in words as well as in colour."""
    if not isinstance(view.p_edge, Estimate):
        return Cell("not computable", detail=view.p_edge.reason, tone="unknown")
    share = view.p_edge.value
    side, tone = ("device, sure", "edge") if share >= SURE else ("cloud, sure", "cloud") if share <= 1 - SURE else ("open", "open")
    equal = "= " if 0.001 <= share <= 0.999 else ""
    return Cell(side, detail=f"P {equal}{chance(share)}", tags=tuple(origin.value for origin in view.p_edge.origins), tone=tone)


def totals(report: Report) -> Table:
    """Return energy, carbon and money by day, year and million inferences, both sides next to one another."""
    found = {(item.period, item.side): item for item in report.decision.totals}
    fleet = report.decision.scenario.fleet
    found |= {("device-year", item.side): _per_device(item, fleet) for item in report.decision.totals if item.period == "year"}
    periods = [period for period in PERIODS if not (fleet == 1 and period == "year")]  # of one device, both years are the same
    sides = [side for side in (Side.DEVICE, Side.CLOUD) if any(key[1] is side for key in found)]
    kinds = [
        (title, show, attribute)
        for title, show, attribute in (("electricity", electricity, "energy_j"), ("carbon", carbon, "co2e_kg"), ("money", money, "money"))
        if attribute == "energy_j" or any(isinstance(getattr(item, attribute), Estimate) for item in found.values())
    ]
    rows = [
        (
            Cell(
                "per device and year" if period == "device-year" else f"per {period}",
                detail="" if period.startswith("million") else f"{count(found[period, sides[0]].inferences)} inferences",
            ),
            *(show(getattr(found[period, side], attribute)) for _, show, attribute in kinds for side in sides),
        )
        for period in periods
        if sides and (period, sides[0]) in found
    ]
    columns = (Column("period"), *(Column(title, number=True, side=side.value) for title, _, _ in kinds for side in sides))
    return marked(
        Table(
            "totals", "At scale", columns, tuple(rows), intro=_at_scale(report), remarks=scale_remarks(report), evidence=with_grids(report)
        )
    )


def _per_device(total: Total, fleet: int) -> Total:
    energy, carbon_kg, price = (scaled(amount, 1 / fleet) for amount in (total.energy_j, total.co2e_kg, total.money))
    return replace(total, period="device-year", inferences=total.inferences / fleet, energy_j=energy, co2e_kg=carbon_kg, money=price)


def with_grids(report: Report) -> tuple[str, ...]:
    """Return the ids of what the joules rest on and of the grid factors that make them carbon."""
    grids = (item.id for item in report.decision.constants if item.id.startswith("grid_"))
    return tuple(dict.fromkeys((*report.decision.evidence, *grids)))


def scale_remarks(report: Report) -> tuple[Remark, ...]:
    """Return what the totals do not tell by themselves: what the interval of carbon leaves out, and why an amount is unknown."""
    found: dict[str, None] = {}
    for item in report.decision.totals:
        if isinstance(item.co2e_kg, Estimate):
            found.update(dict.fromkeys(f"Carbon: {note.text}" for note in item.co2e_kg.notes if note.code == "carbon.grid"))
    for name, attribute in (("Carbon", "co2e_kg"), ("Money", "money")):
        amounts = [(item.side, getattr(item, attribute)) for item in report.decision.totals]
        why = dict.fromkeys(f"{side.value}: {amount.reason}" for side, amount in amounts if not isinstance(amount, Estimate))
        if why and not any(isinstance(amount, Estimate) for _, amount in amounts):
            found[f"{name} is unknown ({'; '.join(why)})"] = None
    found |= dict.fromkeys(_sci(report))
    currencies = {item.side.value: item.money.unit for item in report.decision.totals if isinstance(item.money, Estimate)}
    if len(set(currencies.values())) > 1:
        found[f"Money: {', '.join(f'{unit} for the {side}' for side, unit in currencies.items())}; no currency was converted"] = None
    return tuple(Remark(text) for text in found)


def _sci(report: Report) -> list[str]:
    """Return the SCI of both sides, or what is missing for it; nothing where carbon is unknown, for that is said already."""
    kept = [item for item in report.decision.accounts if isinstance(item.operational_kg, Estimate)]
    why = [f"{item.side.value}: {item.sci_kg.reason}" for item in kept if not isinstance(item.sci_kg, Estimate)]
    if why:
        return [f"SCI is unknown ({'; '.join(why)})"]
    scores = [f"{item.side.value} {one_line(carbon(scaled(item.sci_kg, 1e6)))}" for item in kept]
    return [f"SCI per million inferences, the making of hardware included: {'; '.join(scores)}"] if scores else []


def _at_scale(report: Report) -> str:
    scenario = report.decision.scenario
    fleet = f"{count(scenario.fleet)} devices, each" if scenario.fleet > 1 else "one device"
    return f"Day and year are for the whole fleet: {fleet} at {rate(scenario.rate_per_s)}. Carbon is that of operation, location-based."


def flips(report: Report) -> Table:
    """Return the values at which the answer turns."""
    rows = [(Cell(item.name), Cell(f"{item.text[0].upper()}{item.text[1:]}")) for item in report.decision.flips]
    where = f"In the view {stand_in(report.decision.views)}" if stand_in(report.decision.views) else "In the primary view"
    intro = f"{where}: one input moves from its central value, everything else stays as stated. Intervals are not used here."
    columns = (Column("input"), Column("the answer turns at", prose=True))
    return Table("flips", "Where it flips", columns, tuple(rows), intro=intro, evidence=report.decision.evidence)


def influences(report: Report) -> Table:
    """Return what explains the spread of the result, largest first."""
    rows = [(Cell(item.input), Cell(percent(item.share)), Cell(item.shrink)) for item in report.decision.influences]
    columns = (Column("input"), Column("share of the spread", number=True), Column("what shrinks it", prose=True))
    title = "What the uncertainty of the comparison comes from"
    return Table("influences", title, columns, tuple(rows), evidence=report.decision.evidence)


def _side(entry: SlotEntry) -> str:
    return {Side.DEVICE: "device", Side.CLOUD: "cloud", Side.BOTH: "both sides"}[entry.side]
