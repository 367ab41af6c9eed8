"""Model how a device warms while it works and cools while it rests: one heat capacity, one path to the room."""

from __future__ import annotations

import math


class Thermal:
    """Approach `rest_c` while idle and `rest_c + warming_c` while busy, with time constant `tau_s`; times are in nanoseconds."""

    def __init__(self, rest_c: float, warming_c: float, tau_s: float, start_ns: int) -> None:
        self._rest_c, self._warming_c, self._tau_s = rest_c, warming_c, tau_s
        self._above_c = 0.0
        self._at_ns = start_ns
        self._busy = False

    def set_busy(self, busy: bool, at_ns: int) -> None:
        """Begin or end to work at `at_ns`."""
        self._settle(at_ns)
        self._busy = busy

    def temperature_c(self, at_ns: int) -> float:
        """Return the temperature at `at_ns`, no earlier than the last time asked for."""
        self._settle(at_ns)
        return self._rest_c + self._above_c

    def _settle(self, at_ns: int) -> None:
        end_c = self._warming_c if self._busy else 0.0
        self._above_c = end_c + (self._above_c - end_c) * math.exp(-(at_ns - self._at_ns) / 1e9 / self._tau_s)
        self._at_ns = at_ns
