"""Infer at a rate: one invocation every period, on a schedule that is fixed when the window begins, so that nothing adds up.

    busy   |  __        __        __      __         due:  lead, lead + T, lead + 2 T, ...   from the window's start
           |_|  |______|  |______|  |____|  |__
           s :  :  T    :                      e     lead: half of what an invocation leaves of a period: both edges lie in idle

The process sleeps in between, so that the machine may too; it wakes up late by what its scheduler needs, and spins for the last moment only
where that was asked. An invocation that is late begins at once and does not move the others. Where invocations take longer than a period
the window ends early.
"""

from __future__ import annotations

import gc
import itertools
import time
from array import array
from typing import Any, Callable, NamedTuple, Sequence, Tuple

LATE_SHARE = 10  # of a period: an invocation that begins later than a tenth after it was due is late
BEHIND_NS = 1_000_000_000  # a schedule that is left this far (and 20 periods) behind is given up: it would never be caught up with
NAP_NS = 500_000_000  # in long idle times the process looks this often whether the host is still there


class Paced(NamedTuple):
    """Hold one window: its edges, the time of each invocation, CPU time at both edges, and how well the schedule was kept; all in ns."""

    start_ns: int
    end_ns: int
    durations: Sequence[int]
    cpu_ns: Tuple[int, int]
    late: int
    latest_ns: int


def paced(
    loop: Callable[[Sequence[Any]], None],
    groups: Sequence[Sequence[Any]],
    period_ns: int,
    count: int,
    spin_ns: int,
    gone: Callable[[], bool],
) -> Paced:
    """Return a window of `count` invocations and as many periods, or what was done until the schedule was given up.

    Raise EOFError when the host has gone.
    """
    durations = array("q")
    append, clock = durations.append, time.monotonic_ns
    began = clock()
    loop(groups[0])  # how long one takes now tells where in its period it is to lie
    lead_ns = max(0, period_ns - (clock() - began)) // 2
    late_ns, late, latest, most_ns = period_ns // LATE_SHARE, 0, 0, max(BEHIND_NS, 20 * period_ns)
    gc.collect()
    gc.disable()
    try:
        cpu_start = time.process_time_ns()
        start = clock()
        due, checkpoint = start + lead_ns, start + NAP_NS
        for group in itertools.islice(itertools.cycle(groups), count):
            now = wait(due, spin_ns, clock, gone)
            loop(group)
            append(clock() - now)
            behind = now - due
            latest = max(latest, behind)
            if behind > late_ns:
                late += 1
            if now >= checkpoint:
                checkpoint = now + NAP_NS
                if gone():
                    raise EOFError
            if behind > most_ns:
                break
            due += period_ns
        end = wait(start + len(durations) * period_ns, 0, clock, gone)
        return Paced(start, end, durations, (cpu_start, time.process_time_ns()), late, latest)
    finally:
        gc.enable()


def wait(until_ns: int, spin_ns: int, clock: Callable[[], int], gone: Callable[[], bool]) -> int:
    """Sleep until `until_ns`, spin for the last `spin_ns` of it, and return the time; at once where it is over."""
    now = clock()
    while now < until_ns:
        left = until_ns - now
        if left > spin_ns:
            time.sleep(min(left - spin_ns, NAP_NS) / 1e9)
            if left > NAP_NS and gone():
                raise EOFError
        now = clock()
    return now
