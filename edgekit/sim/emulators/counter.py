"""Emulate an energy counter of the RAPL kind: moves at ticks in whole units, wraps, and is turned to microjoules by the kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgekit.sim.emulators.ticks import Ticks

INTEL_UNIT_NJ = 61035
"""2^-14 J as the kernel rounds it; the plant's unit is this integer, so that the 2.6 ppm of the rounding are no error of a reader."""
FINE_UNIT_NJ = 15258
"""2^-16 J as the kernel rounds it: AMD packages, and DRAM of Haswell-EP, Broadwell-EP and Knights Landing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCounter:
    """Count `total_j` (joules from the epoch to a time, in ns since the epoch) from `start_raw` on."""

    total_j: Callable[[int], float]
    ticks: Ticks
    unit_nj: int = INTEL_UNIT_NJ
    start_raw: int = 0
    bits: int = 32

    def raw(self, t_ns: int) -> int:
        """Return the register at a time, in ns since the epoch."""
        counted = int(self.total_j(self.ticks.at(self.ticks.last(t_ns))) * 1e9 / self.unit_nj)
        return (self.start_raw + counted) % (1 << self.bits)

    def energy_uj(self, t_ns: int) -> int:
        """Return what the kernel prints in `energy_uj`: integer arithmetic on the raw register."""
        return self.raw(t_ns) * self.unit_nj // 1000

    def max_energy_range_uj(self) -> int:
        """Return what the kernel prints in `max_energy_range_uj`."""
        return ((1 << self.bits) - 1) * self.unit_nj // 1000
