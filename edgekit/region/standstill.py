r"""Tell a counter that got stuck inside a region from one that moves slowly.

count       ____________ x x x x     x = readings of the watch. Power was read beside each of them: what was drawn while the count stood
  |     ___|       |           |     still is far more than one of its steps, so that it should have moved.
  | ___|           since       until
  +--------------------------------> t
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from edgekit.region.gauge import Look

_LATE = 4  # usual waits, and usual steps, that a counter may be late by while power is read beside it ...
_LATE_ALONE = 5  # ... and where nothing is read beside it, at the end of a region in which it was seen to move so often:
_MOVES = 10
_LOOKS = 3  # readings that a standstill needs at least: a program that kept the watch waiting is none


def standstill(
    path: Sequence[tuple[float, float]], steps_j: Sequence[float], powers: Sequence[Look] | None, *, watts: float, tick_ns: float
) -> str | None:
    """Return why a counter must be stuck, None where it need not be.

    `path` holds (time in ns, count) of its readings, `steps_j` the joules from one to the next. `powers` are readings of the power at the
    same place, in `watts` each; None where there is no such channel. The rule of `edgekit.energy.sensors.counter` finds a standstill in
    readings far denser than the counter's ticks; those here are sparser, so that the power, or a steady rhythm, has to speak against it.
    """
    if not any(steps_j):
        return None
    moves = [0, *(place for place, step_j in enumerate(steps_j, 1) if step_j)]
    waits = [path[late][0] - path[early][0] for early, late in pairwise(moves)]
    usual_ns = max(tick_ns, _middle(waits), _middle([then - t for (t, _), (then, _) in pairwise(path)]))
    ends = [*(place - 1 for place in moves[1:]), len(path) - 1]
    if powers is None:
        still_ns = path[-1][0] - path[moves[-1]][0]
        if len(waits) < _MOVES or ends[-1] - moves[-1] < _LOOKS or still_ns <= _LATE_ALONE * usual_ns:
            return None
        rhythm = f"while it moved every {usual_ns / 1e9:.2g} s before"
        return f"stood still for the last {still_ns / 1e9:.3g} s of the region, {rhythm}: it is stuck"
    usual_j = _middle([step_j for step_j in steps_j if step_j])
    for since, until in ((path[first][0], path[last][0]) for first, last in zip(moves, ends, strict=True)):
        inside = [look.value * watts for look in powers if since <= look.before_ns <= until and not math.isnan(look.value)]
        if until - since <= _LATE * usual_ns or len(inside) < _LOOKS:
            continue
        mean_w, seconds = math.fsum(inside) / len(inside), (until - since) / 1e9
        if mean_w * seconds > _LATE * usual_j:
            return f"stood still for {seconds:.3g} s of the region, while {mean_w:.3g} W were read at the same place: it is stuck"
    return None


def _middle(values: Sequence[float]) -> float:
    """Return the lower median: the module `statistics` is not loaded while a region is open."""
    return sorted(values)[(len(values) - 1) // 2]
