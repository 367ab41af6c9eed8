"""State what a sensor that looks at a part of the time only may have missed of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Quality
from edgekit.core.window import Window
from edgekit.energy.conduct.pacing import duty_of
from edgekit.energy.sensors.aliasing import beats_differ, jitter_of, missed_share

_LOCKED = 0.05  # of the load's peak-to-peak power: what may be missed beyond this is no longer a correction but a guess
_LEAST = 5  # windows from which their scatter tells what windows at different phases miss


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Hold the budget term of what was missed, what is to be said of it, and what of it has no bound but the instrument's.

    `term` is None where the scatter of the windows holds it all. `beyond` is how far below and above what was read the truth may lie, None
    unless the load may have kept step with the sensor all the time.
    """

    term: BudgetTerm | None
    note: Note | None = None
    beyond: tuple[float, float] | None = None


def missed(
    channel: Channel, spec: MeterSpec, windows: Sequence[Window], *, joules: float, idle_w: float | None, batch: int
) -> Missed | None:
    """Return what channel may have missed of `joules` per inference over `windows`; None where it looks all the time.

    Windows that began at different phases of the sensor's period each miss something else, so that their scatter holds it already. For the
    rest the load's peak-to-peak power is taken as twice its mean above idle (as much above the mean as below; more where inferences take
    less than half of the time), or, where the load may have kept step with the sensor, as anything between idle and the most the
    instrument can read.
    """
    fraction, update_s = _look(channel, spec)
    if channel.origin is Origin.ESTIMATED or (fraction is not None and fraction >= 1):
        return None
    advice = "run `edgekit meters selftest` to find out at which share of the time this sensor looks"
    assumed = fraction is None
    fraction = channel.least_sampled_fraction if fraction is None else fraction
    if fraction is None or update_s is None:
        reason = "nobody states at which share of the time this sensor looks"
        return Missed(term=BudgetTerm(name="coverage", kind="B", u=None, reason=reason, shrink=advice))
    counts = [float(window.inferences or 1) for window in windows]
    period_s = fmean(window.duration_s for window in windows) * batch / fmean(counts)
    shares = {fraction, *(() if assumed else channel.sampled_fraction_range or ())}
    share = max(  # at that share of what a self-test leaves open which misses most
        missed_share(
            period_s=period_s,
            update_s=update_s,
            fraction=one,
            looks=fmean(window.duration_s for window in windows) / update_s,
            jitter=jitter_of([window.latency for window in windows if window.latency is not None]),
        )
        for one in shares
    )
    each_s = sum(window.duration_s for window in windows) / sum(counts)
    above_w = max(0.0, joules / each_s - (idle_w or 0.0))
    repeats = "inferences come every" if windows[0].pacing is not None else "one inference takes"
    text = f"the sensor {_habit(fraction, update_s, assumed=assumed)}, and {repeats} {period_s:.3g} s"
    dephase = "measure five windows or more at random phases, as `edgekit bench` does, or use a sensor that looks all the time"
    dephase = advice if assumed else dephase
    swing_w = above_w * max(2.0, 1 / max(duty_of(windows), 1e-6))
    term = BudgetTerm(name="coverage", kind="B", u=share * swing_w * each_s / 3**0.5, shrink=dephase)
    if len(windows) >= _LEAST and beats_differ([window.start_ns for window in windows], period_s=min(period_s, update_s)):
        note = Note(code="sensor.part_time", text=f"{text}: what it misses is in the scatter of the windows", advice=dephase)
        return Missed(term=None, note=note if share > _LOCKED / 5 else None)
    if share <= _LOCKED:
        return Missed(term=term, note=Note(code="sensor.part_time", text=text, advice=dephase) if share > _LOCKED / 5 else None)
    unseen = 1 - min(shares)
    below_j = unseen * above_w * each_s
    over_j = max(0.0, unseen * (spec.max_power_w * each_s - joules))
    note = Note(
        code="sensor.locked",
        text=f"{text}: the two may keep step, so that the sensor sees the same part of every inference and nobody knows the rest",
        advice=dephase,
    )
    return Missed(term=replace(term, u=(below_j + over_j) / 12**0.5), note=note, beyond=(below_j, over_j))


def unseen_share(channel: Channel, spec: MeterSpec, *, period_s: float, window_s: float) -> float | None:
    """Return how much of a load's peak-to-peak power one window may miss, for a load that repeats exactly every `period_s`.

    None where the sensor looks all the time, or nobody knows how it looks.
    """
    fraction, update_s = _look(channel, spec)
    fraction = channel.least_sampled_fraction if fraction is None else fraction
    if fraction is None or update_s is None or fraction >= 1 or channel.origin is Origin.ESTIMATED:
        return None
    return missed_share(period_s=period_s, update_s=update_s, fraction=fraction, looks=window_s / update_s, jitter=0.0)


def out_of_step(channel: Channel, spec: MeterSpec, *, period_s: float, window_s: float) -> float:
    """Return a period close to `period_s`, up to a quarter longer, of which a window misses least."""
    near = [period_s * (1 + step / 200) for step in range(51)]
    return min(near, key=lambda one: (unseen_share(channel, spec, period_s=one, window_s=window_s) or 0.0, one))


def _habit(fraction: float, update_s: float, *, assumed: bool) -> str:
    if fraction == 0:
        return f"looks for a moment every {update_s:.3g} s"
    if assumed:
        return f"may look at no more than {fraction:.0%} of each {update_s:.3g} s (nobody measured it)"
    return f"looks at {fraction:.0%} of each {update_s:.3g} s"


def _look(channel: Channel, spec: MeterSpec) -> tuple[float | None, float | None]:
    """Return (share of the time at which the sensor looks, its period in seconds); a meter that samples points looks at none of it."""
    hz = spec.effective_hz or spec.nominal_hz
    update_s = channel.update_period_s or (1 / hz if hz else None)
    if channel.sampled_fraction is not None or channel.measurand is Measurand.ENERGY_COUNTER:
        return channel.sampled_fraction, update_s
    if channel.averaging_s is not None and update_s is not None:
        return min(1.0, channel.averaging_s / update_s), update_s
    return (None, update_s) if spec.integrating else (0.0, update_s)


def bounded(estimate: Estimate, found: Sequence[Missed], *, half: float) -> Estimate:
    """Return a figure as unmeasurable, with the interval in which it must lie, where a sensor may have kept step with the load.

    `half` is the expanded uncertainty of everything else.
    """
    beyond = [item.beyond for item in found if item.beyond is not None]
    if not beyond:
        return estimate
    return replace(
        estimate,
        low=estimate.value - half - sum(below for below, _ in beyond),
        high=estimate.value + half + sum(over for _, over in beyond),
        quality=Quality.UNMEASURABLE,
    )
