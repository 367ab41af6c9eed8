"""Say what an emulated instrument is: something that speaks a protocol byte for byte, standing on a circuit whose energy is exact.

Nothing here waits or opens anything: time is told, bytes go in and out. `edgekit.links.pty` puts an instrument behind a serial line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edgekit.sim.curve import Load


class Instrument(Protocol):
    """Speak one instrument's protocol. Times are nanoseconds of the clock of whoever serves it, and never go back."""

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take bytes that arrived at `t_ns`; return what is answered at once."""

    def say(self, t_ns: int) -> bytes:
        """Return what is due of its own accord until `t_ns`."""

    def next_ns(self) -> int | None:
        """Return when it will say something of its own accord, None when only asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """Draw `power` at `voltage_v`; the load begins at `start_ns`."""

    power: Load
    voltage_v: float = 5.0
    start_ns: int = 0

    def power_w(self, t_ns: int) -> float:
        """Return the power at a time."""
        return self.power.power(t_ns - self.start_ns)

    def current_a(self, t_ns: int) -> float:
        """Return the current at a time."""
        return self.power_w(t_ns) / self.voltage_v

    def energy_j(self, from_ns: int, to_ns: int) -> float:
        """Return the exact energy between two times."""
        return self.power.total_j(to_ns - self.start_ns) - self.power.total_j(from_ns - self.start_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnClock:
    """Count time as an instrument's own crystal does: `offset_ns` at time 0, and `drift` (seconds per second) ever after."""

    offset_ns: int = 0
    drift: float = 0.0

    def at(self, t_ns: int) -> int:
        """Return what it shows at a time of the outer clock."""
        return t_ns + self.offset_ns + round(self.drift * t_ns)

    def when(self, own_ns: int) -> int:
        """Return the time of the outer clock at which it shows `own_ns`."""
        return round((own_ns - self.offset_ns) / (1 + self.drift))
