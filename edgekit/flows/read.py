"""Read one instrument on this host for a while, and say what came: for a look, not for a benchmark."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.core.channel import MeterSpec
from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.protocols import Clock, HostMeter
from edgekit.core.quantity import Note
from edgekit.core.trace import Reading, Trace
from edgekit.energy.tally import Tally, Totals
from edgekit.links.clock import HostClock
from edgekit.metering import begin

_LONGEST_S = 30 * 86_400.0
_GLANCE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """Hold what was read of one instrument, whether somebody stopped it early, and the `failure` that ended it, if one did."""

    meter: MeterSpec
    totals: Totals
    stopped: bool
    failure: HardwareError | None = None
    notes: tuple[Note, ...] = ()


class Watched:
    """Hear what happens to the readings of one instrument, on whatever thread, and add them up."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.notes: list[Note] = []
        self.failure: Exception | None = None
        self._lock = threading.Lock()

    def sink(self, readings: Sequence[Reading] | Trace) -> None:
        """Take readings."""
        with self._lock:
            self.tally.take(readings)

    def look(self) -> tuple[Totals, list[tuple[float, float]]]:
        """Return the totals until now and the latest points of the plot."""
        with self._lock:
            return self.tally.totals(), self.tally.points()

    def note(self, note: Note) -> None:
        """Take a remark."""
        self.notes.append(note)

    def gap(self, start_ns: int, end_ns: int) -> None:
        """Take a stretch without readings; the remark beside it says it."""

    def failed(self, error: Exception) -> None:
        """Take the reason why no more readings come."""
        self.failure = error


Show = Callable[[Totals, list[tuple[float, float]]], None]


def read(meter: HostMeter, *, seconds: float | None, show: Show, clock: Clock | None = None) -> ReadResult:
    """Read until `seconds` are over, a Ctrl-C, or the end of the readings; `show` is told five times a second what came.

    Raises:
        UsageError: `seconds` cannot be meant.
        HardwareError: the instrument cannot be opened.
    """
    if seconds is not None and not 0 < seconds <= _LONGEST_S:
        raise UsageError(f"--seconds {seconds:g} cannot be meant", code="read.seconds", why=f"it must lie between 0 and {_LONGEST_S:g}")
    clock = clock or HostClock()
    spec = meter.spec()
    watched = Watched(Tally(spec, voltage_v=_volts(meter)))
    stopped = False
    try:
        begin(meter, watched.sink, watched)
        until_ns = None if seconds is None else clock.now_ns() + round(seconds * 1e9)
        while watched.failure is None and (until_ns is None or clock.now_ns() < until_ns):
            clock.sleep(_GLANCE_S if until_ns is None else max(0.0, min(_GLANCE_S, (until_ns - clock.now_ns()) / 1e9)))
            show(*watched.look())
    except KeyboardInterrupt:
        stopped = True
    finally:
        meter.stop()
    failure = watched.failure
    if failure is not None and not isinstance(failure, HardwareError):
        raise failure
    return ReadResult(meter=spec, totals=watched.look()[0], stopped=stopped, failure=failure, notes=tuple(watched.notes))


def _volts(meter: Any) -> float | None:
    """Return the volts at which an instrument measures amperes, where its driver knows them and the instrument does not send them."""
    found = getattr(meter, "voltage_v", None)
    return float(found) if found else None
