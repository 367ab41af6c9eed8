"""Name the loads that a rail may carry, each as a curve: constant, steps, ramp, square wave, seeded bursts."""

from __future__ import annotations

import random
from collections.abc import Sequence

from edgekit.sim.curve import Curve


def constant(power_w: float) -> Curve:
    """Draw `power_w` for ever."""
    return Curve(times_ns=(0,), power_w=(power_w,))


def steps(changes: Sequence[tuple[float, float]], repeat_s: float | None = None) -> Curve:
    """Draw (from second, watts) one after the other; the first change is at 0."""
    times: list[int] = []
    watts: list[float] = []
    for second, power_w in changes:
        if watts:
            times.append(_ns(second))
            watts.append(watts[-1])
        times.append(_ns(second))
        watts.append(power_w)
    return Curve(times_ns=tuple(times), power_w=tuple(watts), period_ns=None if repeat_s is None else _ns(repeat_s))


def ramp(from_w: float, to_w: float, seconds: float) -> Curve:
    """Go from one power to another in `seconds`, then stay: a slow ramp is a drift."""
    return Curve(times_ns=(0, _ns(seconds)), power_w=(from_w, to_w))


def square(low_w: float, high_w: float, period_s: float, duty: float = 0.5, phase: float = 0.0) -> Curve:
    """Draw `high_w` for the share `duty` of each period, beginning at the share `phase` of it, else `low_w`."""
    begin, end = phase % 1.0, (phase + duty) % 1.0
    if not 0 < duty < 1:
        raise ValueError("the duty of a square wave is between 0 and 1")
    changes = [(begin, high_w), (end, low_w)] if begin < end else [(end, low_w), (begin, high_w)]
    if changes[0][0] > 0:
        changes.insert(0, (0.0, changes[-1][1]))
    return steps([(share * period_s, watts) for share, watts in changes], repeat_s=period_s)


def bursts(seed: int, power_w: float, mean_on_s: float, mean_off_s: float, repeat_s: float = 60.0) -> Curve:
    """Switch between 0 and `power_w` after exponentially distributed times, drawn once for `repeat_s` and repeated."""
    draw = random.Random(seed)  # noqa: S311 -- a load, not a secret
    changes, t, on = [(0.0, 0.0)], 0.0, False
    while True:
        t += draw.expovariate(1 / (mean_on_s if on else mean_off_s))
        if t >= repeat_s:
            return steps(changes, repeat_s)
        on = not on
        changes.append((t, power_w if on else 0.0))


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
