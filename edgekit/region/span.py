"""Hold what was read at the edges of one region, gauge by gauge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.energy.windows.edges import Edge
from edgekit.region.gauge import Gauge, Look
from edgekit.region.instrument import Rig
from edgekit.region.ticks import next_ticks

_FAST_NS = 5_000_000  # a counter of this period or less is waited for when the result is asked for at once, and a few ticks longer
_FAST_TICKS, _SLOW_TICKS = 6, 3  # the first dates the edge, the others tell the power of waiting and how much it varies


@dataclass(slots=True)
class Reach:
    """Hold the readings of one gauge: the first (a look, or ticks), those between, the last; and the ticks after it, where waited for.

    `beside` are those of the power at the same place, from the same moments as those between.
    `astray_ns` is how long the program went on by itself between the end of the region and the wait for the tick.
    """

    first: Look | None = None
    first_ticks: list[Edge] = field(default_factory=list)
    between: list[Look] = field(default_factory=list)
    beside: list[Look] = field(default_factory=list)
    last: Look | None = None
    last_ticks: list[Edge] = field(default_factory=list)
    astray_ns: int = 0

    @property
    def first_tick(self) -> Edge | None:
        """Return the last tick before the start, where it was waited for."""
        return self.first_ticks[-1] if self.first_ticks else None


@dataclass(slots=True)
class Span:
    """Hold the edges of one region on its rig's clock, what each gauge read at them, and whether ticks were waited for."""

    rig: Rig
    start_ns: int
    end_ns: int | None = None
    reaches: dict[Gauge, Reach] = field(default_factory=dict)
    aligned: bool = False


def begin(rig: Rig, *, align: bool) -> Span:
    """Return an open span: with `align` it begins right after a tick of each leading counter, else at once.

    Of a fast counter two ticks are waited for: the power between them is that of waiting.
    """
    clock = rig.clock
    ticks: dict[Gauge, list[Edge]] = {}
    if align:
        fast = [gauge for gauge in leading(rig) if _is_fast(gauge)]
        for alike, most in (([gauge for gauge in leading(rig) if gauge not in fast], 1), (fast, 2)):
            ticks |= {gauge: edges for gauge, edges in next_ticks(alike, clock, ticks=most).items() if edges}
    reaches = {gauge: Reach(first_ticks=ticks[gauge]) if gauge in ticks else Reach(first=gauge.look(clock)) for gauge in rig.gauges}
    return Span(rig=rig, start_ns=clock.now_ns(), reaches=reaches, aligned=align)


def end(span: Span, *, align: bool, ridden: Mapping[Gauge, Edge] | None = None) -> None:
    """Close the span now. With `align` wait for a tick, and some more to know the power of waiting; `ridden` are seen already."""
    clock = span.rig.clock
    end_ns = clock.now_ns()
    for gauge, reach in span.reaches.items():
        reach.last = gauge.look(clock)
    span.end_ns = end_ns  # from here on the span is closed, whatever happens while it waits
    for gauge, reach in span.reaches.items():
        reach.between = [look for look in gauge.logged(since_ns=span.start_ns) if look.after_ns <= end_ns]
        if gauge.beside is not None:
            reach.beside = [look for look in gauge.beside.logged(since_ns=span.start_ns) if look.after_ns <= end_ns]
        if ridden and gauge in ridden:
            reach.last_ticks = [ridden[gauge]]
    if align and not ridden:
        _wait_out(span, {gauge: reach.last for gauge, reach in span.reaches.items() if _ticks(gauge) and reach.last is not None})


def settle(span: Span) -> None:
    """Date the closing edge by the next tick of fast counters, where none has passed since the region closed."""
    clock = span.rig.clock
    since: dict[Gauge, Look] = {}
    for gauge, reach in span.reaches.items():
        if _ticks(gauge) and not reach.last_ticks and _is_fast(gauge) and reach.last is not None:
            look = gauge.look(clock)
            if look.value == reach.last.value and look.before_ns - reach.last.after_ns < (gauge.tick_ns or 0):
                since[gauge] = look
    _wait_out(span, since)


def _wait_out(span: Span, since: Mapping[Gauge, Look]) -> None:
    fast = [gauge for gauge in since if _is_fast(gauge)]
    slow = [gauge for gauge in since if gauge not in fast]
    for alike, ticks in ((fast, _FAST_TICKS), (slow, _SLOW_TICKS)):
        for gauge, edges in next_ticks(alike, span.rig.clock, since=since, ticks=ticks).items():
            reach = span.reaches[gauge]
            reach.last_ticks = edges
            reach.astray_ns = since[gauge].before_ns - reach.last.before_ns if reach.last is not None else 0


def leading(rig: Rig) -> list[Gauge]:
    """Return the counters whose ticks are worth waiting for: those of the boundary that stands for their meter."""
    return [gauge for gauge in rig.gauges if _ticks(gauge)]


def _is_fast(gauge: Gauge) -> bool:
    return (gauge.tick_ns or _FAST_NS + 1) <= _FAST_NS


def _ticks(gauge: Gauge) -> bool:
    return gauge.leads and gauge.counts and gauge.tick_ns != 0 and not gauge.failure
