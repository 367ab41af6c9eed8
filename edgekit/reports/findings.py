"""Lay out the findings of a report as tables and figures: key figures, slots, views, totals, flips."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.core.decision import Side, SlotEntry, View
from edgekit.core.quantity import Estimate
from edgekit.decision.totals import scaled
from edgekit.reports.model import Report
from edgekit.reports.show import Cell, Column, Table, carbon, electricity, factor, figure, money, percent

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
_PERIODS = ("year", "million inferences", "day")


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """Hold one figure of page one: what it is, and the figure with its tags."""

    label: str
    cell: Cell


def key_figures(report: Report) -> list[KeyFigure]:
    """Return what the four readers look for first."""
    decision = report.decision
    primary = next((view for view in decision.views if isinstance(view.ratio, Estimate)), None)
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
    columns = (Column("slot"), Column("J per inference", number=True), Column("how it was counted"), Column("evidence"))
    return Table("slots", "Where the joules go", columns, tuple(rows))


def not_included(report: Report) -> Table:
    """Return the slots that were not counted, each with its reason."""
    rows = [
        (Cell(SLOT_WORDS[entry.slot.value], detail=_side(entry)), Cell("not included", detail=getattr(entry.energy_j, "reason", "")))
        for entry in report.decision.slots
        if not isinstance(entry.energy_j, Estimate)
    ]
    return Table("not-included", "What is not included", (Column("slot"), Column("why")), tuple(rows))


def views(report: Report) -> Table:
    """Return the outcome under every accounting convention."""
    rows = [
        (
            Cell(view.network, detail="primary" if view.primary else ""),
            Cell(view.device),
            Cell(view.cloud),
            *(_brief(cell) for cell in (figure(view.edge_j), figure(view.cloud_j), factor(view.ratio))),
            outcome(view),
        )
        for view in report.decision.views
    ]
    columns = (
        Column("network"),
        Column("device"),
        Column("cloud"),
        Column("device", number=True),
        Column("cloud", number=True),
        Column("cloud / device", number=True),
        Column("P(device takes less)"),
    )
    intro = (
        f"The same data under every convention that may be argued for, {report.decision.draws:,} draws each; sure means 95 % or more. "
        "Network: marginal is what one more byte adds, average is all network energy over all traffic. Device: gross is all power while it "
        "infers, incremental is what the inference adds, dedicated includes idle time."
    )
    return Table("views", "Does the accounting change the answer?", columns, tuple(rows), intro=intro)


def _brief(cell: Cell) -> Cell:
    return Cell("unknown", tone="unknown") if cell.tone == "unknown" else cell  # the reason stands once, in the row's last cell


def outcome(view: View) -> Cell:
    """Return the probability of one view with the side it speaks for, in words as well as in colour."""
    if not isinstance(view.p_edge, Estimate):
        return Cell("not computable", detail=view.p_edge.reason, tone="unknown")
    chance = view.p_edge.value
    side, tone = ("device, sure", "edge") if chance >= 0.95 else ("cloud, sure", "cloud") if chance <= 0.05 else ("open", "open")
    return Cell(_chance(chance), detail=side, tags=tuple(origin.value for origin in view.p_edge.origins), tone=tone)


def _chance(share: float) -> str:
    """Return a probability from a finite number of draws, which is never 0 % or 100 %."""
    return "> 99.9 %" if share > 0.999 else "< 0.1 %" if share < 0.001 else percent(share)


def totals(report: Report) -> Table:
    """Return energy, carbon and money by day, year and million inferences."""
    rows = [
        (
            Cell(f"per {item.period}", detail=f"{item.side.value}, {item.inferences:,.0f} inferences"),
            electricity(item.energy_j),
            carbon(item.co2e_kg),
            money(item.money),
        )
        for item in sorted(report.decision.totals, key=lambda item: _PERIODS.index(item.period))
    ]
    fleet = report.decision.scenario.fleet
    intro = f"Day and year are for the whole fleet ({fleet} device{'s' if fleet > 1 else ''}). Carbon is location-based."
    columns = (Column("period, side"), Column("electricity", number=True), Column("carbon", number=True), Column("money", number=True))
    return Table("totals", "At scale", columns, tuple(rows), intro=intro)


def flips(report: Report) -> Table:
    """Return the values at which the answer turns."""
    rows = [(Cell(item.name), Cell(f"{item.text[0].upper()}{item.text[1:]}", tags=("derived",))) for item in report.decision.flips]
    return Table("flips", "Where it flips", (Column("input"), Column("the answer turns at")), tuple(rows))


def influences(report: Report) -> Table:
    """Return what explains the spread of the result, largest first."""
    rows = [(Cell(item.input), Cell(percent(item.share)), Cell(item.shrink)) for item in report.decision.influences]
    columns = (Column("input"), Column("share of the spread", number=True), Column("what shrinks it"))
    return Table("influences", "What the uncertainty of the comparison comes from", columns, tuple(rows))


def _side(entry: SlotEntry) -> str:
    return {Side.DEVICE: "device", Side.CLOUD: "cloud", Side.BOTH: "both sides"}[entry.side]
