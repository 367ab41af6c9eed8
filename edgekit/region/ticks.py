"""Wait until counters move, and date the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.energy.windows.edges import Edge, tick_edge
from edgekit.region.gauge import Clock, Gauge, Look

_LATE_TICKS = 4  # a counter that stands still for so many of its periods is not waited for
_UNKNOWN_NS = 500_000_000  # how long to wait where nobody knows the period
_BLURRED = 0.05  # a tick dated worse than this share of its period (the program was held up) is passed over for the next one ...
_BLURRED_AT_MOST = 3  # ... a few times
_POLLS_PER_TICK = 200  # dates a tick within 0.25 % of its period ...
_LEAST_PAUSE_NS = 50_000  # ... but a shorter sleep than this takes longer than it says, so that fast counters are read without pause


def next_ticks(
    gauges: Sequence[Gauge], clock: Clock, *, since: Mapping[Gauge, Look] | None = None, ticks: int = 1
) -> dict[Gauge, list[Edge]]:
    """Return the edges of the next `ticks` ticks of each gauge after its reading in `since` (or after now); fewer where it stood still.

    Gauges of one pace are read in turns. A fast counter is waited for next to the region: last before it opens, first when it closed.
    """
    found: dict[Gauge, list[Edge]] = {gauge: [] for gauge in gauges}
    for pace in sorted({gauge.tick_ns or _UNKNOWN_NS for gauge in gauges}, reverse=since is None):
        alike = [gauge for gauge in gauges if (gauge.tick_ns or _UNKNOWN_NS) == pace]
        last = {gauge: since[gauge] if since is not None else gauge.look(clock) for gauge in alike}
        _wait(alike, clock, last, ticks, found, pace_ns=pace)
    return found


def _wait(
    gauges: Sequence[Gauge], clock: Clock, last: dict[Gauge, Look], ticks: int, found: dict[Gauge, list[Edge]], *, pace_ns: float
) -> None:
    pause_ns = pace_ns / _POLLS_PER_TICK
    give_up_ns = clock.now_ns() + _LATE_TICKS * ticks * pace_ns
    open_, blurred = list(gauges), 0
    passed = dict.fromkeys(gauges, 0)
    while open_ and clock.now_ns() < give_up_ns:
        for gauge in list(open_):
            look = gauge.look(clock)
            give_up_ns += max(0, look.after_ns - last[gauge].before_ns - round(pace_ns))  # it was the program that stood still
            if look.value != look.value:  # NaN: it failed, nothing more will come
                open_.remove(gauge)
            elif look.value != last[gauge].value:
                edge = tick_edge(last[gauge].before_ns, look.after_ns, look.value, passed=passed[gauge])
                if edge.half_ns > _BLURRED * pace_ns and blurred < _BLURRED_AT_MOST:
                    blurred += 1
                    passed[gauge] += 1
                    give_up_ns += round(pace_ns)
                else:
                    found[gauge].append(edge)
                    passed[gauge] = 0
                    if len(found[gauge]) == ticks:
                        open_.remove(gauge)
            last[gauge] = look
        if open_ and pause_ns >= _LEAST_PAUSE_NS:
            clock.sleep(pause_ns / 1e9)
