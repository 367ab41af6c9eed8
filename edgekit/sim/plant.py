"""Model electric power over time as steps, with its integral known exactly: the truth that emulated instruments are judged by."""

from __future__ import annotations

from bisect import bisect_right


class Plant:
    """Draw a constant power between scripted changes.

    Power is in watts, times in nanoseconds. The energy between two times is the exact integral of the steps.
    """

    def __init__(self, idle_w: float, start_ns: int = 0) -> None:
        self._times_ns: list[int] = [start_ns]
        self._power_w: list[float] = [idle_w]
        self._energy_j: list[float] = [0.0]

    def set_power(self, power_w: float, at_ns: int) -> None:
        """Draw `power_w` from `at_ns` on; raise ValueError for a time before the last change."""
        if at_ns < self._times_ns[-1]:
            raise ValueError("power changes are scripted in order of time")
        self._energy_j.append(self._total_j(at_ns))
        self._times_ns.append(at_ns)
        self._power_w.append(power_w)

    def power_w(self, at_ns: int) -> float:
        """Return the power drawn at `at_ns`."""
        return self._power_w[self._segment(at_ns)]

    def energy_j(self, start_ns: int, end_ns: int) -> float:
        """Return the exact energy drawn between two times, in joules."""
        return self._total_j(end_ns) - self._total_j(start_ns)

    def _segment(self, at_ns: int) -> int:
        return max(0, bisect_right(self._times_ns, at_ns) - 1)

    def _total_j(self, at_ns: int) -> float:
        index = self._segment(at_ns)
        return self._energy_j[index] + self._power_w[index] * (at_ns - self._times_ns[index]) / 1e9
