"""Draw power over time as straight lines between points, with its integral known exactly."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol


class Load(Protocol):
    """Draw power over time; times are nanoseconds from the load's own beginning."""

    def power(self, t_ns: int) -> float:
        """Return the watts at `t_ns`."""

    def total_j(self, t_ns: int) -> float:
        """Return the exact energy from 0 to `t_ns`, in joules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Hold a piecewise linear power: `power_w[i]` watts at `times_ns[i]`, the last value held, the whole repeated every `period_ns`.

    Times start at 0 and never fall; two points of one time are a step. `totals_j` is the energy from 0 to each point. Raise ValueError
    for points that are none of this.
    """

    times_ns: tuple[int, ...]
    power_w: tuple[float, ...]
    period_ns: int | None = None
    totals_j: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        times = self.times_ns
        if not times or len(times) != len(self.power_w) or times[0] != 0 or any(b < a for a, b in itertools.pairwise(times)):
            raise ValueError("a curve needs as many watts as times, and times that start at 0 and never fall")
        if self.period_ns is not None and self.period_ns < max(1, times[-1]):
            raise ValueError("a curve repeats after its last point, not before")
        object.__setattr__(self, "totals_j", tuple(self._running_totals()))

    def power(self, t_ns: int) -> float:
        """Return the watts at `t_ns`; at a step those after it."""
        _, t = self._folded(t_ns)
        index = self._segment(t)
        return self.power_w[index] + self._slope_w_per_ns(index) * (t - self.times_ns[index])

    def total_j(self, t_ns: int) -> float:
        """Return the exact energy from 0 to `t_ns`, in joules; negative before 0, where the curve is continued."""
        repeats, t = self._folded(t_ns)
        return repeats * self._within_j(self.period_ns or 0) + self._within_j(t)

    def _folded(self, t_ns: int) -> tuple[int, int]:
        return divmod(t_ns, self.period_ns) if self.period_ns else (0, t_ns)

    def _within_j(self, t_ns: int) -> float:
        index = self._segment(t_ns)
        passed = t_ns - self.times_ns[index]
        return self.totals_j[index] + (self.power_w[index] + self._slope_w_per_ns(index) * passed / 2) * passed / 1e9

    def _segment(self, t_ns: int) -> int:
        return max(0, bisect_right(self.times_ns, t_ns) - 1)

    def _slope_w_per_ns(self, index: int) -> float:
        if index + 1 == len(self.times_ns):
            return 0.0
        width = self.times_ns[index + 1] - self.times_ns[index]
        return (self.power_w[index + 1] - self.power_w[index]) / width if width else 0.0

    def _running_totals(self) -> Iterator[float]:
        total = 0.0
        yield total
        for index in range(1, len(self.times_ns)):
            width = self.times_ns[index] - self.times_ns[index - 1]
            total += (self.power_w[index] + self.power_w[index - 1]) / 2 * width / 1e9
            yield total


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Draw what several loads draw together."""

    parts: tuple[Load, ...]

    def power(self, t_ns: int) -> float:
        """Return the watts at `t_ns`."""
        return math.fsum(part.power(t_ns) for part in self.parts)

    def total_j(self, t_ns: int) -> float:
        """Return the exact energy from 0 to `t_ns`, in joules."""
        return math.fsum(part.total_j(t_ns) for part in self.parts)
