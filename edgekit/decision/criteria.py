"""Ask the same question of carbon: which side causes less under every convention and every grid factor that is known.

Joules of the network and of the radio are charged with the grid where the device is, as is all that the device takes itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.decision import Constant, Scenario, Side
from edgekit.core.quantity import Origin, Quantity, Unknown
from edgekit.core.weighing import Criterion
from edgekit.decision.accounting import Convention, Drawn, NotComputable, Usage, cloud_slots, device_slots, total, way
from edgekit.decision.montecarlo import SURE, probability
from edgekit.decision.totals import average_grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


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
    device = total(device_slots(view, x, use))
    between = way(cloud)
    return (total(cloud) - between) * grid.cloud_kg_per_j + (between - device) * grid.device_kg_per_j


def carbon(known: Sequence[Convention], drawn: Drawn, use: Usage, found: Sequence[Grid]) -> tuple[Criterion, tuple[Quantity, ...]]:
    """Return the answer by carbon, and the chance of the device in every convention under the first grid."""
    origins = (Origin.SOURCED,)
    if not found:
        unknown = Unknown(reason="the scenario names no grid for one of the two sides", unit="1")
        text = "carbon: unknown, name device.region and cloud.region"
        criterion = Criterion(name="carbon", answer="unknown", p_edge=unknown, views=0, for_edge=0, for_cloud=0, text=text)
        return criterion, tuple(unknown for _ in known)
    chances: list[list[Quantity]] = []
    for grid in found:
        row: list[Quantity] = []
        for view in known:
            try:
                row.append(probability(saved_kg(view, drawn, use, grid) > 0, origins))
            except NotComputable as missing:
                row.append(Unknown(reason=f"needs the {missing}", unit="1"))
        chances.append(row)
    computed = [chance.value for row in chances for chance in row if chance.value is not None]
    wins, losses = sum(value >= SURE for value in computed), sum(value <= 1 - SURE for value in computed)
    answer = "device" if wins == len(computed) else "cloud" if losses == len(computed) else "depends" if wins or losses else "open"
    words = {"device": "the device causes less", "cloud": "the cloud causes less", "depends": "it depends", "open": "too close to call"}
    names = " and ".join(grid.name for grid in found)
    text = f"carbon: {words[answer]} ({wins} views of {len(computed)} for the device, {losses} for the cloud; {names} grid)"
    criterion = Criterion(
        name="carbon", answer=answer, p_edge=chances[0][0], views=len(computed), for_edge=wins, for_cloud=losses, text=text
    )
    return criterion, tuple(chances[0])
