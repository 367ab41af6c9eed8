"""Find which runs are worth a look on several axes at once: those that no other run of their side and boundary beats."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgekit.core.decision import Side
from edgekit.core.quantity import Estimate, Quantity, Unknown
from edgekit.core.scenario import Price
from edgekit.decision.accounts.totals import priced, scaled
from edgekit.reports.model import Report, RunRow
from edgekit.reports.remarks import run_names
from edgekit.reports.show import Cell, Column, Table, figure, marked, money, share

_AXES = (("energy_j", False), ("latency_s", False), ("accuracy", True), ("cost", False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Hold one run on all axes, and the run that beats it: clearly better on one axis, clearly worse on none."""

    run: str
    side: Side
    energy_j: Quantity
    latency_s: Quantity
    accuracy: Quantity
    cost: Quantity
    beaten_by: str | None = None


def candidates(report: Report) -> list[Candidate]:
    """Return every run with what it costs to run; where one beats another is told within one side and one boundary only."""
    found = [_candidate(row, report) for row in report.runs]
    return [replace(item, beaten_by=next((other.run for other in found if _beats(other, item)), None)) for item in found]


def table(report: Report) -> Table:
    """Return the runs on all axes, with the one that beats each."""
    names = run_names(report.runs)
    rows = tuple(
        (
            Cell(names[item.run], detail=item.side.value),
            figure(item.energy_j),
            figure(item.latency_s),
            share(item.accuracy),
            money(scaled(item.cost, 1e6)),
            Cell(f"beaten by {names[item.beaten_by]}", tone="unknown") if item.beaten_by else Cell("on the front", tone="good"),
        )
        for item in candidates(report)
    )
    columns = (
        Column("run"),
        Column("J per inference", number=True),
        Column("latency p50", number=True),
        Column("accuracy", number=True),
        Column("running cost per million", number=True),
        Column("front", prose=True),
    )
    intro = (
        "A run is beaten where another of its side and boundary is clearly better (intervals apart) in one figure and worse in none. "
        "Running cost is electricity on the device and rent of the GPU in the cloud; no score weighs one figure against another."
    )
    return marked(Table("fronts", "Which runs are worth a look", columns, rows, intro=intro))


def _candidate(row: RunRow, report: Report) -> Candidate:
    return Candidate(
        run=row.run,
        side=row.side,
        energy_j=row.energy_j,
        latency_s=row.latency_p50_s,
        accuracy=row.accuracy,
        cost=_cost(row, report),
    )


def _cost(row: RunRow, report: Report) -> Quantity:
    scenario = report.decision.scenario
    if row.side is Side.DEVICE:
        return _priced(row.energy_j, scenario.price_electricity, "prices.electricity")
    return _priced(row.time_s, scenario.price_gpu, "prices.gpu_hour")


def _priced(amount: Quantity, price: Price | None, key: str) -> Quantity:
    return priced(amount, price) if price is not None else Unknown(reason=f"the scenario gives no {key}", unit="EUR")


def _beats(one: Candidate, other: Candidate) -> bool:
    if one.run == other.run or one.side is not other.side or one.energy_j.boundary is not other.energy_j.boundary:
        return False
    better = worse = False
    for name, more_is_better in _AXES:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, Estimate) != isinstance(theirs, Estimate):
            return False
        if isinstance(mine, Estimate) and isinstance(theirs, Estimate):
            above, below = mine.low > theirs.high, mine.high < theirs.low
            better |= above if more_is_better else below
            worse |= below if more_is_better else above
    return better and not worse
