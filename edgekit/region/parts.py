"""State what one gauge says of a region: joules, what its edges and samples leave uncertain, and what has to be said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from edgekit.core.channel import Channel, MeterSpec
from edgekit.core.quantity import Note
from edgekit.energy.windows.edges import Edge, SpanEnergy, Waiting, read_edge, span_energy, step_j, waiting
from edgekit.region.gauge import Gauge, Look
from edgekit.region.span import Reach
from edgekit.region.standstill import standstill

_FEW_TICKS = 10
_WELL_DATED = 0.1
_FAST_NS, _LATE_SHARE = 5_000_000, 0.1  # a tick of a millisecond comes from a loop in firmware, and late at times: windows allow as much
_UNKNOWN_TICK_S = 0.1
EDGE = "edge bracket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Hold the joules of one gauge, and the standard uncertainty in joules of each effect on them by its name.

    `span` tells how a counter was cut at the region's edges: its effect "edge bracket" has limits that are known.
    """

    joules: float
    effects: Mapping[str, float] = field(default_factory=dict)
    span: SpanEnergy | None = None
    notes: tuple[Note, ...] = ()


class Impossible(Exception):
    """Say why the energy of a region cannot be stated."""


def counted(gauge: Gauge, reach: Reach, spec: MeterSpec, *, start_ns: int, end_ns: int) -> Part:
    """Return the energy that a counter states for [start, end]; raise Impossible when it states none."""
    channel, tick_ns = gauge.channel, _UNKNOWN_TICK_S * 1e9 if gauge.tick_ns is None else gauge.tick_ns
    first = reach.first_tick or _edge(gauge, reach.first, tick_ns, start_ns)
    last = reach.last_ticks[0] if reach.last_ticks else _edge(gauge, reach.last, tick_ns, end_ns)
    path = _path(first, reach, last)
    steps_j = _steps_j(gauge, spec, path, spare_ns=tick_ns + first.half_ns + last.half_ns)
    joules = math.fsum(steps_j)
    before, wait = (_waited(channel, spec, ticks) for ticks in (reach.first_ticks, reach.last_ticks))
    if before is not None and before.ends_s > _WELL_DATED * before.length_s:
        before = None  # the program was held up: a power between such dates is none
    if wait is not None and not reach.first_tick:  # the counter's own ticks may be longer than its documents say
        first = _edge(gauge, reach.first, max(tick_ns, 1e9 * wait.longest_s), start_ns)
    last_j, read_s, astray_s = math.inf, 0.0, 0.0
    if reach.last_ticks and reach.last is not None:
        last_j = _step_j(channel, spec, _edge(gauge, reach.last, tick_ns, end_ns), last) or 0.0
        read_s, astray_s = max(0, reach.last.after_ns - end_ns) / 1e9, reach.astray_ns / 1e9
    found = span_energy(
        first,
        last,
        joules=joules,
        start_ns=start_ns,
        end_ns=end_ns,
        before=before,
        wait=wait,
        last_j=last_j,
        read_s=read_s,
        astray_s=astray_s,
    )
    aligned = reach.first_tick is not None and bool(reach.last_ticks)
    ticks = (end_ns - start_ns) / tick_ns if tick_ns else math.inf
    pace = f"it moves every {tick_ns / 1e6:g} ms" if tick_ns else "it counts without pause"
    took = f"which took {(end_ns - start_ns) / 1e6:.3g} ms"
    watts = 1.0 if gauge.beside is None else gauge.beside.channel.scale
    if gauge.rest_s and (stuck := standstill(path, steps_j, reach.beside or None, watts=watts, tick_ns=tick_ns)):
        raise Impossible(f"{channel.id} {stuck}")
    if joules <= 0:
        raise Impossible(f"{channel.id} did not move in this region, {took}: {pace}")
    if found is None or found.joules <= 0 or (ticks < 2 and not aligned):
        raise Impossible(f"{channel.id} is too slow for this region, {took}: {pace}")
    notes: tuple[Note, ...] = ()
    if ticks < _FEW_TICKS and not aligned:
        text = f"the region lasted only {ticks:.1f} ticks of {channel.id}"
        notes = (Note(code="region.short", text=text, advice="repeat the work: for _ in m.repeat(at_least_s=0.25)"),)
    return Part(joules=found.joules, effects={EDGE: found.edge_u_j}, span=found, notes=notes)


def powered(gauge: Gauge, reach: Reach, spec: MeterSpec, *, start_ns: int, end_ns: int) -> Part:
    """Return the energy that power samples state for [start, end]; raise Impossible when they leave a gap."""
    import numpy as np

    from edgekit.core.trace import FLAG_INVALID, Trace
    from edgekit.core.window import Phase, Window
    from edgekit.energy.clocks.clock import clock_line
    from edgekit.energy.windows.channel import channel_windows

    looks = [look for look in (reach.first, *reach.between, reach.last) if look is not None]
    values = np.array([look.value for look in looks], np.float64)
    trace = Trace(
        channel=gauge.channel.id,
        clock="host",
        t_ns=np.array([(look.before_ns + look.after_ns) // 2 for look in looks], np.int64),
        bracket_ns=np.array([(look.after_ns - look.before_ns + 1) // 2 for look in looks], np.int64),
        value=np.nan_to_num(values),
        flags=np.where(np.isnan(values), FLAG_INVALID, 0).astype(np.uint8),
    )
    window = Window(phase=Phase.MEASURE, index=0, clock="host", start_ns=start_ns, end_ns=end_ns)
    line = clock_line((), source="host", target="host")
    (found,) = channel_windows(gauge.channel, spec, trace, measured=[window], idles=[], line=line).measured
    if found is None or found.reason:
        said = "its readings leave the region uncovered" if found is None else str(found.reason)
        raise Impossible(f"{gauge.channel.id}: {said}{gauge.failure and f' ({gauge.failure})'}")
    return Part(joules=found.joules, effects={effect.name: effect.u_j for effect in found.effects})


def _edge(gauge: Gauge, look: Look | None, tick_ns: float, beside_ns: int) -> Edge:
    """Return the edge of a reading that belongs to the moment `beside_ns`: other readings, or another program, may have come between."""
    if look is None or math.isnan(look.value):
        raise Impossible(f"{gauge.channel.id} could not be read: {gauge.failure or 'the reading was not a number'}")
    oldest_ns = tick_ns * (1 + _LATE_SHARE) if tick_ns <= _FAST_NS else tick_ns
    return read_edge(min(look.before_ns, beside_ns), max(look.after_ns, beside_ns), look.value, tick_ns=oldest_ns)


def _path(first: Edge, reach: Reach, last: Edge) -> list[tuple[float, float]]:
    """Return (time in ns, count) from edge to edge by way of every reading between them."""
    between = [((look.before_ns + look.after_ns) / 2, look.value) for look in reach.between if not math.isnan(look.value)]
    return [(first.t_ns, first.value), *between, (last.t_ns, last.value)]


def _steps_j(gauge: Gauge, spec: MeterSpec, path: Sequence[tuple[float, float]], *, spare_ns: float) -> list[float]:
    """Return the joules of each step along a path, so that no wrap is missed; raise Impossible where one has no explanation."""
    channel, since_ns = gauge.channel, path[0][0]
    steps_j = []
    for (_, count), (then_ns, after) in pairwise(path):
        apart_s = (abs(then_ns - since_ns) + spare_ns) / 1e9
        step = step_j(count, after, apart_s, scale=channel.scale, wrap=channel.wrap, max_power_w=spec.max_power_w)
        if step is None:
            raise Impossible(f"{channel.id} was reset inside the region, or moved further than {spec.max_power_w:g} W can explain")
        steps_j.append(step)
        if (
            step or channel.wrap is not None
        ):  # a counter that is late catches up in one step; one that may wrap is judged reading by reading
            since_ns = then_ns
    return steps_j


def _waited(channel: Channel, spec: MeterSpec, ticks: Sequence[Edge]) -> Waiting | None:
    steps = [_step_j(channel, spec, early, late) for early, late in pairwise(ticks)]
    quantum_j = (channel.quantum or 0.0) * channel.scale
    return waiting(ticks, [step for step in steps if step is not None], quantum_j=quantum_j) if None not in steps else None


def _step_j(channel: Channel, spec: MeterSpec, early: Edge, late: Edge) -> float | None:
    seconds = (late.t_ns - early.t_ns + early.half_ns + late.half_ns) / 1e9
    return step_j(early.value, late.value, seconds, scale=channel.scale, wrap=channel.wrap, max_power_w=spec.max_power_w)
