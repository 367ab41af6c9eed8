"""Judge the idle power measured before and after the windows, and what is left when it is taken off.

Net energy answers "what did the inferences add", gross energy "what did the device draw meanwhile". Both are always shown;
idle is never scaled by CPU share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Quality, Quantity, Unknown
from edgekit.energy.budget import combine
from edgekit.energy.stats import t95

DRIFT_LIMIT = 0.1  # idle windows that differ by more than this share make the net energy doubtful


def idle_power(watts: Sequence[float], *, boundary: Boundary, origins: tuple[Origin, ...], instrument: Sequence[BudgetTerm]) -> Quantity:
    """Return idle watts from the means of the idle windows; half their range is the baseline's own uncertainty, unknown for one window."""
    if not watts:
        return Unknown(reason="no idle window was measured", unit="W", boundary=boundary)
    mean = fmean(watts)
    half_range = (max(watts) - min(watts)) / 2
    drift = BudgetTerm(
        name="baseline drift",
        kind="B",
        u=half_range / 3**0.5 if len(watts) > 1 else None,
        reason=None if len(watts) > 1 else "one idle window: how far the baseline moves is unknown",
        shrink="longer idle windows, a quieter machine",
    )
    terms = [drift, *instrument]
    notes: tuple[Note, ...] = ()
    if len(watts) == 1:
        notes = (Note(code="baseline.single", text="idle power comes from one window: how far it moved during the run is unknown"),)
    elif mean > 0 and 2 * half_range / mean > DRIFT_LIMIT:
        notes = (
            Note(
                code="baseline.drift",
                text=f"idle power differed by {200 * half_range / mean:.0f} % between the start and the end",
                advice="close other programs and let the machine cool, then repeat",
            ),
        )
    quality = Quality.CAVEATS if notes else Quality.GOOD
    return combine(mean, unit="W", boundary=boundary, origins=origins, terms=terms, n=len(watts), quality=quality, notes=notes)


def net_energy(gross: Estimate, idle: Quantity, seconds_per_inference: float) -> Quantity:
    """Return gross minus idle energy over the same time, in joules; Unknown when idle is, flagged when it is mostly difference.

    What one instrument does to both figures alike (its gain and offset) is subtracted with them (JCGM 100, 5.2); the rest adds in squares.
    """
    if isinstance(idle, Unknown):
        return Unknown(reason=f"idle power is unknown: {idle.reason}", unit="J", boundary=gross.boundary)
    net = combine(
        gross.value - idle.value * seconds_per_inference,
        unit="J",
        boundary=gross.boundary,
        origins=gross.origins,
        terms=_difference(_terms(gross, "gross"), _terms(idle, "idle"), seconds_per_inference),
        n=gross.n,
        notes=idle.notes,
    )
    within = (Note(code="net.within_idle", text="the net energy cannot be told apart from idle fluctuations"),) if net.low <= 0 else ()
    quality = Quality.CAVEATS if within or idle.quality != Quality.GOOD else gross.quality
    return replace(net, quality=quality, notes=(*within, *net.notes))


def _terms(quantity: Estimate, name: str) -> tuple[BudgetTerm, ...]:
    """Return the budget of a figure; one without lends its interval."""
    half = max(quantity.high - quantity.value, quantity.value - quantity.low)
    return quantity.budget or (BudgetTerm(name=f"interval ({name})", kind="B", u=half / t95(math.inf)),)


def _difference(gross: Sequence[BudgetTerm], idle: Sequence[BudgetTerm], seconds: float) -> list[BudgetTerm]:
    def common(one: BudgetTerm, other: BudgetTerm) -> bool:
        return one.instrument is not None and (one.name, one.instrument) == (other.name, other.instrument)

    def less(term: BudgetTerm) -> BudgetTerm:
        shared = next((other for other in idle if common(term, other)), None)
        if shared is None or term.u is None or shared.u is None:
            return term
        return replace(term, u=abs(term.u - shared.u * seconds))

    own = [term for term in idle if not any(common(term, other) for other in gross)]
    return [*map(less, gross), *(replace(term, u=None if term.u is None else term.u * seconds) for term in own)]
