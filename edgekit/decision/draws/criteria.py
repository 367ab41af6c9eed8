"""Ask the same question of carbon and of money: which side causes or costs less, under every convention and every known grid.

Carbon is asked twice: of operation alone (E x I), and with the making of the hardware (E x I + M, the SCI), which may answer differently.
Joules of the network and of the radio are charged with the grid where the device is, as is all that the device takes itself. All chances
come from the draws that the joules come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgekit.core.decision import Constant, Flip, Side
from edgekit.core.quantity import Origin, Quantity, Unknown, merge_origins
from edgekit.core.scenario import Scenario
from edgekit.core.weighing import Criterion
from edgekit.decision.accounts import money as prices
from edgekit.decision.accounts.embodied import Making
from edgekit.decision.accounts.energy import Convention, Drawn, NotComputable, Usage, cloud_slots, device_slots, total, way
from edgekit.decision.accounts.ledger import Ledger
from edgekit.decision.accounts.tally import Tally
from edgekit.decision.accounts.totals import average_grid
from edgekit.decision.draws.axes import AXES, Answer, turning
from edgekit.decision.draws.montecarlo import SURE, probability

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


OPERATION, WHOLE = "carbon of operation", "carbon with making (SCI)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Hold what making the hardware emitted per inference: of the device, and of the cloud in each of its shapes."""

    device: Making
    cloud: Mapping[str, Making]

    def more(self, shape: str) -> Tally | Unknown:
        """Return how much more making the device emitted than making the cloud's hardware; Unknown where one of them is."""
        device, cloud = self.device, self.cloud[shape]
        if device.tally is None or cloud.tally is None:
            lacking = (device if device.tally is None else cloud).co2e_kg
            return Unknown(reason=lacking.reason if isinstance(lacking, Unknown) else "not counted", unit="kg")
        return device.tally + cloud.tally.times(-1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Hold kg CO2e per joule on both sides, location-based, under one view of the grid ("average" or "marginal")."""

    name: str
    device_kg_per_j: float
    cloud_kg_per_j: float


def grids(scenario: Scenario, constants: Mapping[str, Constant]) -> tuple[Grid, ...]:
    """Return the views of the grid that are known on both sides, the scenario's own first."""
    found = []
    device, cloud = (average_grid(scenario, constants, side)[0] for side in (Side.DEVICE, Side.CLOUD))
    if device is not None and cloud is not None:
        found.append(Grid(name="average", device_kg_per_j=device, cloud_kg_per_j=cloud))
    device, cloud = scenario.device_grid_marginal_kg_per_j, scenario.cloud_grid_marginal_kg_per_j
    if device is not None and cloud is not None:
        found.append(Grid(name="marginal", device_kg_per_j=device, cloud_kg_per_j=cloud))
    return tuple(sorted(found, key=lambda grid: grid.name != scenario.grid_view))


def saved_kg(view: Convention, x: Drawn, use: Usage, grid: Grid) -> FloatArray:
    """Return kg CO2e of the cloud less kg CO2e of the device, per inference, without what making the hardware caused."""
    cloud = cloud_slots(view, x, use)
    return _saved_kg(total(cloud), way(cloud), total(device_slots(view, x, use)), grid)


def _saved_kg(cloud_j: FloatArray, between_j: FloatArray, device_j: FloatArray, grid: Grid) -> FloatArray:
    return (cloud_j - between_j) * grid.cloud_kg_per_j + (between_j - device_j) * grid.device_kg_per_j


def carbon(
    known: Sequence[Convention], ledger: Ledger, found: Sequence[Grid], flip: Flip | None = None
) -> tuple[Criterion, tuple[Quantity, ...]]:
    """Return the answer by carbon, and the chance of the device in every convention under the first grid.

    `flip` is the cloud's grid factor at which both sides cause the same; it is named where the grids give different answers.
    """
    if not found:
        unknown = Unknown(reason="the scenario names no grid for one of the two sides", unit="1")
        return _unknown(OPERATION, unknown, "name device.region and cloud.region"), tuple(unknown for _ in known)
    answers = [Answer(view=view, grid=grid.name, p_edge=_cleaner(view, ledger, grid)) for grid in found for view in known]
    names = " and ".join(grid.name for grid in found)
    criterion = _criterion(OPERATION, answers, "causes", f"; {names} grid", flip)
    return criterion, tuple(answer.p_edge for answer in answers[: len(known)])


def sci(known: Sequence[Convention], ledger: Ledger, found: Sequence[Grid], made: Made, payback: Flip | None = None) -> Criterion | None:
    """Return the answer by carbon with the making of the hardware, under the scenario's own grid; None where no grid is known.

    What a reserved GPU was made of is charged where GPUs are reserved, and a pooled one's share in a pool. `payback` is the number of
    inferences a day from which the device causes less in the scenario's own view; it is named where there is one.
    """
    if not found:
        return None
    answers = [Answer(view=view, grid=found[0].name, p_edge=_cleaner(view, ledger, found[0], made)) for view in known]
    answer = _criterion(WHOLE, answers, "causes", f"; {found[0].name} grid", None)
    if not answer.views or payback is None or payback.value is None:
        return answer
    return replace(answer, text=f"{answer.text}, and in the scenario's own view {payback.text}")


def money(known: Sequence[Convention], ledger: Ledger, scenario: Scenario) -> Criterion:
    """Return the answer by money in every convention; no currency is converted into another."""
    answers = [Answer(view=view, grid="", p_edge=_cheaper(view, ledger, scenario)) for view in known]
    return _criterion("money", answers, "costs", "", None)


def _cleaner(view: Convention, ledger: Ledger, grid: Grid, made: Made | None = None) -> Quantity:
    """Return the chance that the device causes less in one view: in operation, or with what was made."""
    try:
        device, cloud = ledger.device(view), ledger.cloud(view)
    except NotComputable as missing:
        return Unknown(reason=f"needs the {missing}", unit="1")
    saved = _saved_kg(cloud.drawn_j, way(cloud.drawn), device.drawn_j, grid)
    if made is not None:
        more = made.more(view.cloud)
        if isinstance(more, Unknown):
            return Unknown(reason=more.reason, unit="1")
        saved = saved - more.drawn
    return probability(saved > 0, merge_origins(device.energy_j.origins, cloud.energy_j.origins, (Origin.SOURCED,)))


def _cheaper(view: Convention, ledger: Ledger, scenario: Scenario) -> Quantity:
    try:
        device, cloud = prices.on_device(view, ledger, scenario), prices.in_cloud(view, ledger, scenario)
    except NotComputable as missing:
        return Unknown(reason=f"needs the {missing}", unit="1")
    if isinstance(device, Unknown):
        return Unknown(reason=device.reason, unit="1")
    if isinstance(cloud, Unknown):
        return Unknown(reason=cloud.reason, unit="1")
    if device.unit != cloud.unit:
        return Unknown(reason=f"the device is paid in {device.unit}, the cloud in {cloud.unit}, and no currency is converted", unit="1")
    wins = device.tally.drawn < cloud.tally.drawn
    return probability(wins, merge_origins(device.tally.origins, cloud.tally.origins))


def _criterion(name: str, answers: Sequence[Answer], verb: str, more: str, flip: Flip | None) -> Criterion:
    first = answers[0].p_edge
    computed = [answer.p_edge.value for answer in answers if answer.p_edge.value is not None]
    if not computed and isinstance(first, Unknown):
        return _unknown(name, first, first.reason)
    wins, losses = sum(value >= SURE for value in computed), sum(value <= 1 - SURE for value in computed)
    answer = "device" if wins == len(computed) else "cloud" if losses == len(computed) else "depends" if wins and losses else "open"
    axis = turning(answers) if answer == "depends" else ""
    words = {
        "device": f"the device {verb} less",
        "cloud": f"the cloud {verb} less",
        "depends": f"it depends on {AXES[axis][0]}" if axis else "",
        "open": "too close to call",
    }
    text = f"{name}: {words[answer]} ({wins} views of {len(computed)} for the device, {losses} for the cloud{more})"
    if axis == "grid" and flip is not None and flip.value is not None:
        text += f", flips at {flip.text}"
    return Criterion(name=name, answer=answer, p_edge=first, views=len(computed), for_edge=wins, for_cloud=losses, text=text)


def _unknown(name: str, unknown: Unknown, why: str) -> Criterion:
    return Criterion(name=name, answer="unknown", p_edge=unknown, views=0, for_edge=0, for_cloud=0, text=f"{name}: unknown, {why}")
