"""Judge the idle power measured before and after the windows, and what is left when it is taken off.

Net energy answers "what did the inferences add", gross energy "what did the device draw meanwhile". Both are always shown;
idle is never scaled by CPU share.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Quality, Quantity, Unknown
from edgekit.energy.budget import combine

DRIFT_LIMIT = 0.1  # idle windows that differ by more than this share make the net energy doubtful


def idle_power(watts: Sequence[float], *, boundary: Boundary, origins: tuple[Origin, ...], instrument: Sequence[BudgetTerm]) -> Quantity:
    """Return idle watts from the means of the idle windows; half their range is the baseline's own uncertainty."""
    if not watts:
        return Unknown(reason="no idle window was measured", unit="W", boundary=boundary)
    mean = fmean(watts)
    half_range = (max(watts) - min(watts)) / 2
    terms = [
        BudgetTerm(name="baseline drift", kind="B", u=half_range / 3**0.5, shrink="longer idle windows, a quieter machine"),
        *instrument,
    ]
    notes: tuple[Note, ...] = ()
    if mean > 0 and 2 * half_range / mean > DRIFT_LIMIT:
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
    """Return gross minus idle energy over the same time, in joules; Unknown when idle is, flagged when it is mostly difference."""
    if isinstance(idle, Unknown):
        return Unknown(reason=f"idle power is unknown: {idle.reason}", unit="J", boundary=gross.boundary)
    value = gross.value - idle.value * seconds_per_inference
    spread_idle = max(idle.high - idle.value, idle.value - idle.low) * seconds_per_inference
    low = value - ((gross.value - gross.low) ** 2 + spread_idle**2) ** 0.5
    high = value + ((gross.high - gross.value) ** 2 + spread_idle**2) ** 0.5
    notes: tuple[Note, ...] = ()
    if low <= 0:
        notes = (Note(code="net.within_idle", text="the net energy cannot be told apart from idle fluctuations"),)
    return Estimate(
        value=value,
        low=low,
        high=high,
        unit="J",
        boundary=gross.boundary,
        origins=gross.origins,
        n=gross.n,
        quality=Quality.CAVEATS if notes or idle.quality != Quality.GOOD else gross.quality,
        notes=(*notes, *idle.notes),
    )
