r"""Share the energy of an inference among its operators, and say how far the shares may be trusted.

    share of time       s = t / T        t = profiled seconds of the operator in one inference, T = seconds of one measured inference
    same power          E_i = s_i E      what follows when nobody saw the power of an operator
    what is certain     s_i f E  <=  E_i  <=  (1 - (1 - s_i) f) E      f = idle power over mean power: no operator draws less than idle,
                                                                        and together they draw what was measured
    power seen          E_i = p_i s_i / sum(p s) E                     p = watts of the operator, where readings tell operators apart

Operators and what is outside of them add up to the energy of the inference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgekit.core.channel import Accuracy
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Quality, Quantity, Unknown, merge_origins, worst
from edgekit.core.run import ChannelAnalysis, OperatorEnergy, Profile, RunRecord
from edgekit.core.units import format_scaled
from edgekit.core.window import Phase, Window
from edgekit.energy.operators.power import Part, Resolved, operator_power
from edgekit.energy.operators.times import OUTSIDE, Share, slowdown, time_shares
from edgekit.energy.uncertainty.budget import combine

if TYPE_CHECKING:
    from edgekit.core.trace import Trace

BOUND = "operator.bound"  # code of the note of an operator whose value says nothing, only its bounds do: why
HOPELESS = 1.0  # a profiled inference that takes twice as long as a measured one shows the profiler
SLOW = 0.2  # a profiled inference that takes this much longer than a measured one deserves a note


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Hold the joules of every operator, the sentence that says how they were found, and remarks."""

    operators: tuple[OperatorEnergy, ...] = ()
    sentence: str | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Hold how the power of an operator may compare with the mean: at least `floor` and at most `ceiling` times it, and why."""

    floor: float
    ceiling: float
    why: str


def attribute(
    record: RunRecord, *, energy: Quantity, channel: ChannelAnalysis | None, time_s: Quantity, traces: Mapping[str, Trace]
) -> Attribution:
    """Return the joules per inference of each operator of `record.profile`; empty where nothing was profiled.

    `energy` and `channel` are the headline, `time_s` the seconds of one measured inference.
    """
    profile = record.profile
    window = next((item for item in record.windows if profile and item.phase is Phase.PROFILE and item.index == profile.window), None)
    if profile is None or window is None or not window.inferences:
        return Attribution()
    shares = time_shares(profile, window, time_s)
    notes = _notes(profile, window, time_s)
    if not isinstance(energy, Estimate) or channel is None:
        reason = energy.reason if isinstance(energy, Unknown) else "no meter was read"
        unknown = Unknown(reason=reason, unit="J", boundary=energy.boundary)
        operators = tuple(OperatorEnergy(name=s.name, kind=s.kind, share=s.value, energy_j_per_inference=unknown) for s in shares)
        operators = _bounds_only(operators, slower=slowdown(window, time_s))
        return Attribution(operators=operators, sentence=_timed(profile, window, time_s), notes=notes)
    resolved = operator_power(record, profile, window, channel=channel.channel, shares=shares, traces=traces)
    bounds = _bounds(record, channel, energy, time_s)
    operators = _bounds_only(_shared(shares, energy, bounds, resolved), slower=slowdown(window, time_s))
    return Attribution(operators=operators, sentence=f"{_timed(profile, window, time_s)} {_joined(energy, bounds, resolved)}", notes=notes)


def _shared(shares: Sequence[Share], energy: Estimate, bounds: Bounds, resolved: Resolved | None) -> tuple[OperatorEnergy, ...]:
    """Return all operators with their joules; what is outside comes last and takes what is left, so that nothing is lost to rounding."""
    seen = resolved.parts if resolved is not None else {}
    pool = _pool(shares, energy, resolved)
    values = [energy.value * seen[place].share if place in seen else pool.mean_j * share.value for place, share in enumerate(shares)]
    values[-1] = max(0.0, energy.value - math.fsum(values[:-1]))
    found = []
    for place, (share, value) in enumerate(zip(shares, values, strict=True)):
        quantity = _estimate(value, energy, _seen(seen[place], energy)) if place in seen else _uniform(share, value, energy, bounds, pool)
        found.append(OperatorEnergy(name=share.name, kind=share.kind, share=share.value, energy_j_per_inference=quantity))
    return tuple(found)


def _bounds_only(operators: Sequence[OperatorEnergy], *, slower: float | None) -> tuple[OperatorEnergy, ...]:
    """Return operators with a note where only their bounds say anything: shorter than the clock's step, or lost in the profiler's time."""

    def why(item: OperatorEnergy) -> str | None:
        if (slower or 0.0) > HOPELESS or (item.share == 0 and item.kind == "outside"):
            return "not resolved"
        return "below the clock's step" if item.share == 0 else None

    def told(item: OperatorEnergy) -> OperatorEnergy:
        reason, energy = why(item), item.energy_j_per_inference
        if reason is None:
            return item
        notes = (*energy.notes, Note(code=BOUND, text=reason))
        return replace(item, energy_j_per_inference=replace(energy, notes=notes, quality=Quality.UNMEASURABLE))

    return tuple(told(item) for item in operators)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    """Hold what operators of unknown power have together: their share of the time, and their joules with what is uncertain about them."""

    share: float
    joules: float
    terms: tuple[BudgetTerm, ...] = ()

    @property
    def mean_j(self) -> float:
        """Return the joules of a share of 1 at the mean power of the pool."""
        return self.joules / self.share if self.share else 0.0


def _pool(shares: Sequence[Share], energy: Estimate, resolved: Resolved | None) -> _Pool:
    if resolved is None:
        return _Pool(share=math.fsum(share.value for share in shares), joules=energy.value)
    share = math.fsum(share.value for place, share in enumerate(shares) if place not in resolved.parts)
    return _Pool(share=share, joules=energy.value * resolved.rest.share, terms=tuple(_seen(resolved.rest, energy)))


def _seen(part: Part, energy: Estimate) -> list[BudgetTerm]:
    return [
        BudgetTerm(
            name="operator power",
            kind="A",
            u=part.u * energy.value,
            freedom=part.freedom,
            shrink="more readings: a longer --window, a higher --sample-hz",
        ),
        BudgetTerm(name="operator timing", kind="B", u=part.u_timing * energy.value, shrink="readings that follow faster"),
    ]


def _uniform(share: Share, value: float, energy: Estimate, bounds: Bounds, pool: _Pool) -> Estimate:
    """Return the joules of an operator whose power nobody saw: any power that the rest of the pool leaves it."""

    def least(part: float) -> float:
        return part * min(bounds.floor * energy.value, pool.mean_j)

    def most(part: float) -> float:
        left = pool.joules - least(max(0.0, pool.share - part))
        return max(part * pool.mean_j, min(left, part * bounds.ceiling * energy.value))

    unseen = [
        BudgetTerm(
            name="power within an inference",
            kind="B",
            u=(most(share.value) - least(share.value)) / 12**0.5,
            shrink="a meter whose readings follow one another faster than operators do",
        ),
        BudgetTerm(
            name="operator time", kind="B", u=(share.high - share.low) * pool.mean_j / 12**0.5, shrink="longer operators: a larger --batch"
        ),
    ]
    part = value / pool.joules if pool.joules else 0.0
    seen = [replace(term, u=None if term.u is None else term.u * part) for term in pool.terms]
    return _estimate(value, energy, seen, unseen, low=min(least(share.low), value), high=max(most(min(share.high, pool.share)), value))


def _estimate(
    value: float,
    energy: Estimate,
    seen: Sequence[BudgetTerm],
    unseen: Sequence[BudgetTerm] = (),
    *,
    low: float | None = None,
    high: float | None = None,
) -> Estimate:
    """Return `value` with what the headline's budget and `seen` terms do to it, and beyond that the bounds [low, high] of `unseen` ones.

    A bound is no standard deviation: its rectangular term says what it weighs in the budget (JCGM 100, 4.3.7), the interval holds all of
    it. Joules drawn from a supply are not negative.
    """
    own = [replace(term, u=None if term.u is None else term.u * value / energy.value) for term in energy.budget]
    origins = merge_origins(energy.origins, (Origin.ESTIMATED,))
    inner = combine(value, unit="J", boundary=energy.boundary, origins=origins, terms=[*own, *seen], n=energy.n)
    least, most = inner.low, inner.high
    if energy.quality is Quality.UNMEASURABLE:  # its terms do not say how far it reaches
        part = value / energy.value
        least, most = min(least, part * energy.low), max(most, part * energy.high)
    below = math.hypot(value - least, value - (value if low is None else low))
    above = math.hypot(most - value, (value if high is None else high) - value)
    return replace(
        inner,
        low=min(value, max(0.0, value - below)),
        high=value + above,
        quality=worst(Quality.CAVEATS, energy.quality),
        budget=(*own, *seen, *unseen),
    )


def _bounds(record: RunRecord, channel: ChannelAnalysis, energy: Estimate, time_s: Quantity) -> Bounds:
    mean_w = energy.value / time_s.value if isinstance(time_s, Estimate) and time_s.value > 0 else math.nan
    accuracy, most_w = _meter(record, channel.channel)
    if accuracy.load_factor is not None:
        factor = accuracy.load_factor
        return Bounds(
            floor=1 / factor, ceiling=factor, why=f"within a factor of {factor:g} of the mean, as the estimate assumes for any two loads"
        )
    ceiling = most_w / mean_w if mean_w > 0 else math.inf
    if isinstance(channel.idle_w, Estimate) and mean_w > 0:
        idle_w = max(0.0, channel.idle_w.low)
        return Bounds(
            floor=min(1.0, idle_w / mean_w),
            ceiling=max(1.0, ceiling),
            why=f"anything from idle ({format_scaled(idle_w, 'W')}) up that the others leave it",
        )
    return Bounds(floor=0.0, ceiling=max(1.0, ceiling), why="anything from zero up that the others leave it, for idle power is unknown")


def _meter(record: RunRecord, channel: str) -> tuple[Accuracy, float]:
    ids = channel.split("+")
    spec = next((meter for meter in record.meters if any(item.id in ids for item in meter.channels)), None)
    return (spec.accuracy, spec.max_power_w) if spec is not None else (Accuracy(source="unknown"), math.inf)


def _timed(profile: Profile, window: Window, time_s: Quantity) -> str:
    slower = slowdown(window, time_s)
    speed = f", {slower:+.0%} in time against the measured windows" if slower is not None else ""
    return f"Times: {profile.method} ({profile.invocations} invocations in a window of their own{speed})."


def _joined(energy: Estimate, bounds: Bounds, resolved: Resolved | None) -> str:
    total = format_scaled(energy.value, "J", energy.low, energy.high)
    if resolved is None:
        return (
            f"Joules: share of time times the {total} of the measured windows, as if every operator drew the same power; "
            f"no reading tells operators apart, so the interval of each lets its power be {bounds.why}."
        )
    return (
        f"Joules: {len(resolved.parts)} operator(s) last long enough for the readings: their power follows from {resolved.readings} "
        f"readings of {resolved.channel} in the profiled window (least squares on the operator that was active), scaled to the "
        f"{total} of the measured windows; the rest shares what is left by time, and the interval of each lets its power be {bounds.why}."
    )


def _notes(profile: Profile, window: Window, time_s: Quantity) -> tuple[Note, ...]:
    notes = []
    slower = slowdown(window, time_s)
    if slower is not None and slower > SLOW:
        notes.append(
            Note(
                code="profile.slowdown",
                text=f"profiling made an inference {slower:.0%} slower than a measured one, and where that time went is not known"
                + (": it is mostly the profiler's own, so that operators have bounds only" if slower > HOPELESS else ""),
                advice="a larger --batch makes operators longer against the cost of timing them",
            )
        )
    return tuple(notes)


__all__ = ["BOUND", "OUTSIDE", "Attribution", "attribute"]
