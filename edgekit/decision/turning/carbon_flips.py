"""Find where the answer by carbon turns: the cloud's grid factor, and the inferences that pay back the making of the device. Pure.

grid*      ((device - way) g_device + M) / inside  what the device takes more than the way there, over what the data centre takes; M is 0
for the carbon of operation, for the SCI how much more making the device emitted per inference
payback*   (M / EL + bill) / (busy + bill t)       with kg(r) saved per inference = busy - bill (1/r - t): a device that is kept on for
this has an idle bill that its inferences share; else the bill is 0. What making the cloud's hardware emitted per inference is saved too,
where it is known: from payback* on the device's SCI is the smaller one
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgekit.core.decision import Flip
from edgekit.decision.accounts.energy import Convention, Drawn, Usage, cloud_slots, device_slots, total, way
from edgekit.decision.accounts.tally import Tally
from edgekit.decision.draws.criteria import Grid, saved_kg
from edgekit.decision.numerals import count, multiple
from edgekit.decision.turning import roots
from edgekit.decision.turning.breakeven import band, bisect, first, flip_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_DAY_S = 86_400.0
_G_PER_KWH = 3.6e9
_DIRTIEST = 1300 / _G_PER_KWH  # old lignite plants alone, their whole life cycle counted


def cloud_grid(view: Convention, x: Drawn, use: Usage, grid: Grid, drawn: Drawn, making: Tally | None = None) -> Flip:
    """Return the grid factor at the data centre at which both sides cause the same, the device's own staying as stated.

    With `making`, how much more making the device emitted per inference than making the cloud's hardware, both SCI are the same there.
    """
    made_kg, around_kg = (0.0, 0.0) if making is None else (making.stated, making.drawn[: len(next(iter(drawn.values())))])
    closed = first(_cloud_kg_per_j(view, x, use, grid, made_kg))
    numeric = None
    if closed is not None:
        numeric = bisect(lambda factor: float(saved_kg(view, x, use, replace(grid, cloud_kg_per_j=factor))[0]) - made_kg, low=1e-18)
        grams = f"{multiple(closed * _G_PER_KWH, 3)} g CO2e/kWh"
        text = f"a grid of {grams} at the data centre" if closed <= _DIRTIEST else f"no grid there is: the data centre's would need {grams}"
    else:
        text = f"no grid at the data centre: sending{' and making' if making is not None else ''} alone causes more than the device does"
    text, name = (text, "cloud grid") if making is None else (f"{text}, making included", "cloud grid (SCI)")
    around = band(_cloud_kg_per_j(view, drawn, use, grid, around_kg))
    return flip_at(name, closed, numeric, "kg/J", text, around, stated=grid.cloud_kg_per_j)


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """Hold what is to be paid back, stated and drawn: kg a second of the device's life, and kg that an inference spares the cloud."""

    kg_per_s: float
    spared_kg: float
    drawn_kg_per_s: FloatArray
    drawn_spared_kg: FloatArray


def payback(view: Convention, x: Drawn, use: Usage, grid: Grid, debt: Debt, drawn: Drawn) -> Flip:
    """Return the inferences a day at which the carbon of making the device is saved within its life."""
    closed = first(_payback_per_s(view, x, use, grid, debt.kg_per_s, debt.spared_kg))
    numeric = None
    if closed is not None:

        def left(rate: float) -> float:
            return rate * (float(saved_kg(view, x, replace(use, rate_per_s=rate), grid)[0]) + debt.spared_kg) - debt.kg_per_s

        numeric = bisect(left, high=1 / max(use.device_s, 1e-12))
        text = f"more than {count(round(closed * _DAY_S))} inferences a day pay back the carbon of making the device within its life"
    else:
        text = "no number of inferences that the device can do pays back the carbon of making it within its life"
    around = band(_payback_per_s(view, drawn, use, grid, debt.drawn_kg_per_s, debt.drawn_spared_kg), _DAY_S)
    value, found = (None if per_s is None else per_s * _DAY_S for per_s in (closed, numeric))
    return flip_at("embodied payback", value, found, "1/day", text, around, stated=use.rate_per_s * _DAY_S)


def _cloud_kg_per_j(view: Convention, x: Drawn, use: Usage, grid: Grid, made_kg: float | FloatArray) -> FloatArray:
    cloud = cloud_slots(view, x, use)
    between = way(cloud)
    more = (total(device_slots(view, x, use)) - between) * grid.device_kg_per_j + made_kg
    inside = total(cloud) - between
    return roots.divided(more, inside, (more > 0) & (inside > 0))


def _payback_per_s(
    view: Convention, x: Drawn, use: Usage, grid: Grid, made_kg_per_s: float | FloatArray, spared_kg: float | FloatArray
) -> FloatArray:
    busy_s = max(use.device_s, 1 / roots.SELDOM**2)
    seldom, busy = (saved_kg(view, x, replace(use, rate_per_s=rate), grid) + spared_kg for rate in (1 / roots.SELDOM, 1 / busy_s))
    bill = (busy - seldom) / (roots.SELDOM - busy_s)
    per_inference = busy + bill * busy_s
    within_reach = (made_kg_per_s + bill) * busy_s <= per_inference
    return roots.divided(made_kg_per_s + bill, per_inference, (per_inference > 0) & within_reach)
