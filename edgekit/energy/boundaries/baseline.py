r"""Find the idle power under each measured window, and what is left of its energy when that is taken off.

power                              i = idle windows before, between and after; the baseline under a measured window m is read off
  |       _m_        _m_           the straight line through them
  |  i___/   \___i__/   \__i
  +------------------------> t

Net energy answers "what did the inferences add", gross energy "what did the device draw meanwhile". Both are always shown; idle is never
scaled by CPU share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Quality, Quantity, Unknown, worst
from edgekit.energy.uncertainty.budget import combine
from edgekit.energy.uncertainty.stats import t95

DRIFT_LIMIT = 0.1  # idle windows that differ by more than this share make the net energy doubtful


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Hold one idle window: the middle of it in seconds, its mean watts, and the standard uncertainty of these in watts.

    `u_w` errs anew in each window, `common_w` alike in all of a run.
    """

    at_s: float
    watts: float
    u_w: float = 0.0
    common_w: float = 0.0


def idle_power(
    idles: Sequence[Idle],
    *,
    under_s: Sequence[float] = (),
    weights: Sequence[float] = (),
    boundary: Boundary,
    origins: tuple[Origin, ...],
    instrument: Sequence[BudgetTerm],
) -> Quantity:
    """Return the mean baseline in watts under measured windows whose middles are `under_s`, weighted by their seconds.

    One idle window says nothing about how the baseline moves; two give a line and half their difference as the half-width of a rectangular
    distribution about it; from three on the scatter about the line counts, with k - 2 degrees of freedom.
    """
    if not idles:
        return Unknown(reason="no idle window was measured", unit="W", boundary=boundary)
    value, term, lever = _line(idles, under_s or [fmean(item.at_s for item in idles)], weights or [1.0])
    each_w = math.sqrt(fmean(item.u_w**2 for item in idles) * lever)
    if term.kind == "A" and term.u:
        term = _without(term, each_w)
    watts = [item.watts for item in idles]
    mean, between = fmean(watts), max(watts) - min(watts)
    readings = BudgetTerm(
        name="idle readings",
        kind="B",
        u=math.hypot(each_w, fmean(item.common_w for item in idles)),
        shrink="measure longer idle windows",
    )
    notes: tuple[Note, ...] = ()
    if len(idles) == 1:
        notes = (Note(code="baseline.single", text="idle power comes from one window: how far it moved during the run is unknown"),)
    elif mean > 0 and between / mean > DRIFT_LIMIT:
        when = "between the start and the end" if len(idles) == 2 else f"over {len(idles)} idle windows"
        notes = (
            Note(
                code="baseline.drift",
                text=f"idle power differed by {100 * between / mean:.0f} % {when}",
                advice="close other programs and let the machine cool, then repeat",
            ),
        )
    return combine(
        value,
        unit="W",
        boundary=boundary,
        origins=origins,
        terms=[term, *([readings] if readings.u else []), *instrument],
        n=len(idles),
        quality=Quality.CAVEATS if notes else Quality.GOOD,
        notes=notes,
    )


def _line(idles: Sequence[Idle], under_s: Sequence[float], weights: Sequence[float]) -> tuple[float, BudgetTerm, float]:
    """Return the mean of the least-squares line under the windows, how uncertain its scatter leaves it, and a share of variance.

    That share is what independent errors of the points leave of their variance: 1 / k in their midst, more further away.
    """
    count = len(idles)
    at, level = fmean(item.at_s for item in idles), fmean(item.watts for item in idles)
    square = math.fsum((item.at_s - at) ** 2 for item in idles)
    slope = math.fsum((item.at_s - at) * (item.watts - level) for item in idles) / square if square else 0.0
    away = math.fsum(t * w for t, w in zip(under_s, weights, strict=True)) / math.fsum(weights) - at
    term = BudgetTerm(name="baseline", kind="B", u=None, shrink="measure idle more often, for longer, on a quieter machine")
    if count == 1:
        return level, replace(term, reason="one idle window: how far the baseline moves is unknown"), 1.0
    lever = 1 / count + (away**2 / square if square else 0.0)
    if count == 2:
        return level + slope * away, replace(term, u=abs(idles[1].watts - idles[0].watts) / 2 / 3**0.5), lever
    misfit = math.fsum((item.watts - level - slope * (item.at_s - at)) ** 2 for item in idles)
    u = math.sqrt(misfit / (count - 2) * lever)
    return level + slope * away, replace(term, kind="A", u=u, freedom=float(count - 2)), lever


def _without(term: BudgetTerm, known_w: float) -> BudgetTerm:
    """Return a scatter without the part that has a term of its own: it must not be counted twice (JCGM 100, 4.3.10).

    The variance of the rest is as uncertain as that of the whole, so its freedom shrinks with it.
    """
    whole = term.u or 0.0
    rest = math.sqrt(max(0.0, whole**2 - known_w**2))
    return replace(term, u=rest, freedom=(term.freedom or 1.0) * (rest / whole) ** 4 if rest else None)


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
    quality = worst(gross.quality, idle.quality, Quality.CAVEATS if within else Quality.GOOD)
    return _bounded(replace(net, quality=quality, notes=(*within, *net.notes)), gross)


def _bounded(net: Estimate, gross: Estimate) -> Estimate:
    """Return net energy that reaches as far as the gross one where that is unmeasurable: its interval is no combination of its terms."""
    if gross.quality is not Quality.UNMEASURABLE:
        return net
    return replace(net, low=min(net.low, net.value - (gross.value - gross.low)), high=max(net.high, net.value + gross.high - gross.value))


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
