"""Add up figures that share draws: carbon, litres and money of one side, each at the stated values and in every draw. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.decision import Slot
from edgekit.core.quantity import Estimate, Note, Origin, Quality, merge_origins
from edgekit.core.units import Unit
from edgekit.decision.accounts.ledger import Page
from edgekit.decision.draws.montecarlo import Input, within

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_SOURCED = (Origin.SOURCED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Hold a sum at the stated values and in every draw, and the origins of what was added."""

    stated: float
    drawn: FloatArray
    origins: tuple[Origin, ...] = _SOURCED

    def __add__(self, other: Tally) -> Tally:
        return Tally(stated=self.stated + other.stated, drawn=self.drawn + other.drawn, origins=merge_origins(self.origins, other.origins))

    def times(self, factor: float) -> Tally:
        """Return the sum times an exact factor that somebody states."""
        return Tally(stated=self.stated * factor, drawn=self.drawn * factor, origins=merge_origins(self.origins, _SOURCED))

    def estimate(self, unit: Unit, *, quality: Quality = Quality.GOOD, notes: tuple[Note, ...] = ()) -> Estimate:
        """Return the stated value with the interval that holds 95 % of the draws."""
        low, high = within(self.stated, self.drawn)
        return Estimate(value=self.stated, low=low, high=high, unit=unit, origins=self.origins, quality=quality, notes=notes)


def of_slots(page: Page, per_j: Callable[[Slot], float]) -> Tally:
    """Return the joules of a side's slots, each times the factor of its place."""
    stated = sum(float(amount.joules[0]) * per_j(slot) for slot, amount in page.stated.items())
    factors = {slot: per_j(slot) for slot in page.drawn}
    alike = set(factors.values())
    drawn = page.drawn_j * alike.pop() if len(alike) == 1 else _weighed(page, factors)
    return Tally(stated=stated, drawn=drawn, origins=merge_origins(page.energy_j.origins, _SOURCED))


def _weighed(page: Page, factors: dict[Slot, float]) -> FloatArray:
    """Return all joules at the commonest factor, corrected for the slots that have another: few passes over many draws."""
    common = max(factors.values(), key=list(factors.values()).count)
    found = page.drawn_j * common
    for slot, factor in factors.items():
        if factor != common:
            found = found + page.drawn[slot].joules * (factor - common)
    return found


def exact(value: float) -> Tally:
    """Return an amount that somebody states and that has no interval."""
    import numpy as np

    return Tally(stated=value, drawn=np.array([value]))


def of_inputs(stated: FloatArray, drawn: FloatArray, *inputs: Input) -> Tally:
    """Return what was computed from inputs, with their origins."""
    return Tally(stated=float(stated[0]), drawn=drawn, origins=merge_origins(*(item.origins for item in inputs)))
