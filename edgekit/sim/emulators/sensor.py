"""Emulate a power sensor that updates now and then, may look part of the time only, and feeds an energy accumulator."""

from __future__ import annotations

from collections.abc import Callable

from edgekit.sim.emulators.ticks import Ticks


class PowerSensor:
    """Measure at each tick the mean power over the last `sampled_fraction` of the time since the tick before.

    The accumulator adds each value times the whole time between the ticks: with a fraction of 1 it is exact at the ticks, below 1 it
    takes what was seen for what was not (arXiv 2312.02741). `total_j` maps ns since the epoch to joules. Ticks are asked in order of time.
    """

    def __init__(self, total_j: Callable[[int], float], ticks: Ticks, sampled_fraction: float = 1.0) -> None:
        if not 0 < sampled_fraction <= 1:
            raise ValueError("a sensor looks for more than none and at most all of the time")
        self._total_j = total_j
        self._ticks = ticks
        self._fraction = sampled_fraction
        self._sums_j = [0.0]

    def power_w(self, t_ns: int) -> float:
        """Return the value that the last tick brought."""
        return self._value_w(max(1, self._ticks.last(t_ns)))

    def average_w(self, t_ns: int, span_s: float = 1.0) -> float:
        """Return the mean of the values of the last `span_s`, as an averaging power field does."""
        last = max(1, self._ticks.last(t_ns))
        first = max(0, last - max(1, round(span_s * 1e9 / self._ticks.period_ns)))
        return (self._sum_j(last) - self._sum_j(first)) * 1e9 / (self._at(last) - self._at(first))

    def energy_j(self, t_ns: int) -> float:
        """Return the accumulator."""
        return self._sum_j(max(0, self._ticks.last(t_ns)))

    def _at(self, number: int) -> int:
        return 0 if number == 0 else self._ticks.at(number)

    def _value_w(self, number: int) -> float:
        end, before = self._at(number), self._at(number - 1)
        begin = end - round(self._fraction * (end - before))
        return (self._total_j(end) - self._total_j(begin)) * 1e9 / (end - begin)

    def _sum_j(self, number: int) -> float:
        while len(self._sums_j) <= number:
            k = len(self._sums_j)
            self._sums_j.append(self._sums_j[-1] + self._value_w(k) * (self._at(k) - self._at(k - 1)) / 1e9)
        return self._sums_j[number]
