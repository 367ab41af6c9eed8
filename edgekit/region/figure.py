"""State the energy of a region at one boundary with its uncertainty budget."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edgekit.core.channel import Channel
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Quality, Quantity, Unknown, merge_origins
from edgekit.energy.uncertainty.spread import normal
from edgekit.energy.windows.edges import reach
from edgekit.region.gauge import Gauge
from edgekit.region.instrument import Instrument
from edgekit.region.parts import EDGE, Impossible, Part, counted, powered
from edgekit.region.span import Reach, Span

if TYPE_CHECKING:
    from edgekit.core.boundary import Boundary
    from edgekit.energy.sensors.part_time import Missed
    from edgekit.region.given import IdleWatts

MACHINE = "this machine"
_REPEAT = "repeat the work: for _ in m.repeat(at_least_s=0.25)"
GIVEN = "idle power as given"


def energy_at(span: Span, instrument: Instrument, group: Sequence[Channel], *, units: int) -> Quantity:
    """Return the joules of a closed span at the boundary of a group of disjoint channels, or why they are unknown."""
    from edgekit.energy.sensors.instrument import instrument_terms
    from edgekit.energy.sensors.part_time import bounded
    from edgekit.energy.uncertainty.budget import combine, drawn

    place, spec = group[0].boundary, instrument.spec
    origins = merge_origins([channel.origin for channel in group])
    try:
        parts = _parts(span, instrument, group)
    except Impossible as error:
        return Unknown(reason=str(error), unit="J", boundary=place, origins=origins)
    value = math.fsum(part.joules for part in parts.values())
    missed = _missed(span, instrument, group, value, units)
    offset = None if spec.accuracy.offset_w is None else spec.accuracy.offset_w * _seconds(span)
    terms = [
        BudgetTerm(name="repeatability", kind="A", u=None, reason="one region: its spread is unknown", shrink="measure it again"),
        *_effects(span, parts),
        *(item.term for item in missed if item.term is not None),
        *instrument_terms(spec, MACHINE, value=value, offset=offset, channels=group),
    ]
    notes = [note for part in parts.values() for note in part.notes] + [item.note for item in missed if item.note is not None]
    quality = Quality.CAVEATS if notes or spec.accuracy.gain_factor is not None else Quality.GOOD
    sides = _reach(parts.values(), terms)
    found = combine(value, unit="J", boundary=place, origins=origins, terms=terms, n=1, quality=quality, notes=notes, reach=sides)
    locked = [item.term for item in missed if item.beyond is not None]
    others = _reach(parts.values(), [term for term in terms if term not in locked])
    return drawn(bounded(found, missed, half=max(others)), advice=_REPEAT)


def so_far(instrument: Instrument, group: Sequence[Channel], reaches: Mapping[Gauge, Reach], *, start_ns: int, end_ns: int) -> Quantity:
    """Return the joules up to `end_ns` with the sum of all limits for an interval.

    They are added up instead of combined after the GUM, so that no arithmetic package is loaded while a region is open.
    """
    place, accuracy = group[0].boundary, instrument.spec.accuracy
    try:
        parts = [counted(gauge, reach, instrument.spec, start_ns=start_ns, end_ns=end_ns) for gauge, reach in reaches.items()]
    except Impossible as error:
        return Unknown(reason=str(error), unit="J", boundary=place)
    joules = math.fsum(part.joules for part in parts)
    steps_j = math.fsum((channel.quantum or 0.0) * channel.scale for channel in group)
    offset_j = 2 * (accuracy.offset_w or 0.0) * (end_ns - start_ns) / 1e9
    spans = [part.span for part in parts if part.span]
    edges_j = math.fsum(max(s.below_j, s.above_j + s.taken_j) + s.uneven_j + 3**0.5 * s.dates.u for s in spans)
    margin = edges_j + steps_j + offset_j
    margin += 2 * (accuracy.gain_rel or 0.0) * joules
    whole = all(channel.sampled_fraction == 1 or channel.origin is Origin.ESTIMATED for channel in group)
    unseen = "" if whole else "; what a sensor that looks at a part of the time misses is not in it"
    factor = accuracy.gain_factor or 1.0
    return Estimate(
        value=joules,
        low=max(0.0, joules / factor - margin),
        high=joules * factor + margin,
        unit="J",
        boundary=place,
        origins=merge_origins([channel.origin for channel in group]),
        quality=Quality.CAVEATS,
        budget=() if accuracy.gain_rel or accuracy.gain_factor else (BudgetTerm(name="gain", kind="B", u=None, reason=accuracy.source),),
        notes=(Note(code="region.running", text=f"the region is still open; the interval is the sum of all limits{unseen}"),),
    )


def net_of(found: Quantity, instrument: Instrument, seconds: float, idle_w: IdleWatts | Mapping[str, IdleWatts] | None) -> Quantity:
    """Return an energy without the idle energy of the same time; `idle_w` in watts goes before what `measure.idle` found."""
    from edgekit.energy.boundaries.baseline import net_energy

    if isinstance(found, Unknown) or found.boundary is None:
        return found
    given = idle_w.get(found.boundary) if isinstance(idle_w, Mapping) else idle_w
    idle: Quantity | None = instrument.idle_w.get(found.boundary)
    if given is not None:
        idle = _idle(given, found.boundary, found.origins)
    if idle is None:
        reason = "no idle power is known: give idle_w=, or call edgekit.measure.idle() while the machine rests"
        return Unknown(reason=reason, unit="J", boundary=found.boundary, origins=found.origins)
    return net_energy(found, idle, seconds)


def _idle(given: IdleWatts, place: Boundary, origins: tuple[Origin, ...]) -> Quantity:
    """Return idle power as somebody stated it; without an interval, how far off it may be is an unknown term of its own."""
    if isinstance(given, (Estimate, Unknown)):
        return given
    watts, half_w = given if isinstance(given, tuple) else (given, None)
    term = BudgetTerm(name=GIVEN, kind="B", u=None if half_w is None else half_w / 1.96)
    if half_w is None:
        reason = "it was given without an interval"
        term = replace(
            term, reason=reason, shrink="give idle_w=(watts, half_width), or call edgekit.measure.idle() while the machine rests"
        )
    told = (Note(code="idle.given", text=f"idle power was given as {watts:g} W{f' ± {half_w:g} W' if half_w is not None else ''}"),)
    low, high = watts - (half_w or 0.0), watts + (half_w or 0.0)
    return Estimate(value=watts, low=low, high=high, unit="W", boundary=place, origins=origins, budget=(term,), notes=told)


def _parts(span: Span, instrument: Instrument, group: Sequence[Channel]) -> dict[Gauge, Part]:
    gauges = [gauge for gauge in span.reaches if gauge.channel in group]
    if len(gauges) < len(group):
        raise Impossible(f"meter {instrument.spec.kind} was opened without all of its channels at {group[0].boundary}")
    if _seconds(span) <= 0:
        raise Impossible("the region has no length that the clock can tell")
    start_ns, end_ns = span.start_ns, span.end_ns or span.start_ns
    return {
        gauge: (counted if gauge.counts else powered)(gauge, span.reaches[gauge], instrument.spec, start_ns=start_ns, end_ns=end_ns)
        for gauge in gauges
    }


def _reach(parts: Collection[Part], terms: Sequence[BudgetTerm]) -> tuple[float, float]:
    """Return how far below and above the value 95 % of all additive terms reach (JCGM 101: their distributions, not only their u)."""
    spans = [part.span for part in parts if part.span is not None]
    return reach(spans, [normal(term.u) for term in terms if term.u and not (spans and term.name == EDGE)])


def _effects(span: Span, parts: Mapping[Gauge, Part]) -> list[BudgetTerm]:
    shrink = {EDGE: "measure a longer region" if span.aligned else 'use m.repeat() or align="tick", or measure a longer region'}
    terms = []
    for name in dict.fromkeys(name for part in parts.values() for name in part.effects):
        u_j = math.hypot(*(part.effects.get(name, 0.0) for part in parts.values()))
        if name == EDGE and all(part.span for part in parts.values()):
            spans = [part.span for part in parts.values() if part.span]
            limits_j = math.fsum(span.below_j + span.above_j + span.taken_j + 2 * span.uneven_j for span in spans)
            u_j = math.hypot(limits_j / 12**0.5, *(span.dates.u for span in spans))
        terms.append(BudgetTerm(name=name, kind="B", u=u_j, shrink=shrink.get(name)))
    if any(gauge.tick_ns is None and gauge.counts for gauge in parts):
        reason = "nobody knows how often this counter moves; 0.1 s is assumed: `edgekit meters selftest` finds out"
        terms.append(BudgetTerm(name="update period", kind="B", u=None, reason=reason))
    quantum_j = math.hypot(*((gauge.channel.quantum or 0.0) * gauge.channel.scale for gauge in parts if gauge.counts))
    if quantum_j:
        terms.append(BudgetTerm(name="quantum", kind="B", u=quantum_j / 6**0.5, shrink="measure a longer region"))
    return terms


def _missed(span: Span, instrument: Instrument, group: Sequence[Channel], value: float, units: int) -> list[Missed]:
    """Return what part-time sensors may have missed; where nobody counted units, the work may repeat at the sensor's own pace.

    What is read at random moments misses something else each time, which the scatter of its readings tells.
    """
    from edgekit.core.window import Phase, Window
    from edgekit.energy.sensors.part_time import missed

    found = []
    at_random = [gauge.channel for gauge in span.reaches if gauge.random]
    for channel in (channel for channel in group if channel not in at_random):
        rate_s = channel.update_period_s or 1 / (instrument.spec.effective_hz or instrument.spec.nominal_hz or 1.0)
        repeats = units or max(1, round(_seconds(span) / rate_s))
        window = Window(
            phase=Phase.MEASURE, index=0, clock="host", start_ns=span.start_ns, end_ns=span.end_ns or span.start_ns + 1, inferences=repeats
        )
        item = missed(channel, instrument.spec, [window], joules=value / repeats, idle_w=None, batch=1)
        if item is not None:
            found.append(_times(item, repeats))
    return found


def _times(item: Missed, repeats: int) -> Missed:
    """Return what was missed of one repetition as what was missed of all."""
    term = item.term if item.term is None or item.term.u is None else replace(item.term, u=item.term.u * repeats)
    beyond = None if item.beyond is None else (item.beyond[0] * repeats, item.beyond[1] * repeats)
    return replace(item, term=term, beyond=beyond)


def _seconds(span: Span) -> float:
    return ((span.end_ns or span.start_ns) - span.start_ns) / 1e9
