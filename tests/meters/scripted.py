"""Put an emulated instrument behind a port on a scripted clock, so that driver and emulator meet without waiting and repeat exactly.

    clock = ScriptedClock()
    line = Line(Um25c(circuit), clock)
    meter = Um25cMeter("scripted", {"emulated": "yes"}, clock=clock, open_port=line.open)
    meter.start(sink, watch)
    pass_time(clock, seconds=10.0, step_s=0.05)

Whoever reads from the port with a timeout lets scripted time pass, as a real reader waits. `Line.unplug` and `Line.plug` pull the cable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgekit.core.errors import HardwareError
from edgekit.core.quantity import Note
from edgekit.core.trace import Reading, Trace
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Instrument


@dataclass(kw_only=True)
class Heard:
    """Take what a meter delivers and tells: blocks as they come, single readings, remarks, gaps, and what ended it."""

    blocks: list[Trace] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def sink(self, readings: Sequence[Reading] | Trace) -> None:
        """Take readings."""
        if isinstance(readings, Trace):
            self.blocks.append(readings)
        else:
            self.readings.extend(readings)

    def note(self, note: Note) -> None:
        """Take a remark."""
        self.notes.append(note)

    def gap(self, start_ns: int, end_ns: int) -> None:
        """Take a gap."""
        self.gaps.append((start_ns, end_ns))

    def failed(self, error: Exception) -> None:
        """Take what ended the readings."""
        self.errors.append(error)

    @property
    def codes(self) -> list[str]:
        """Return the codes of the remarks."""
        return [note.code for note in self.notes]

    def trace(self, channel: str, clock: str = "sim") -> Trace:
        """Return all readings of one channel as one trace."""
        import numpy as np

        singles = [reading for reading in self.readings if reading.channel == channel]
        columns = [np.array([getattr(r, name) for r in singles]) for name in ("t_ns", "bracket_ns", "value", "flags")]
        blocks = [block for block in self.blocks if block.channel == channel]
        t_ns, bracket_ns, value, flags = (
            np.concatenate([own, *(getattr(block, name) for block in blocks)])
            for own, name in zip(columns, ("t_ns", "bracket_ns", "value", "flags"), strict=True)
        )
        return Trace(
            channel=channel,
            clock=clock,
            t_ns=t_ns.astype(np.int64),
            bracket_ns=bracket_ns.astype(np.int64),
            value=value.astype(np.float64),
            flags=flags.astype(np.uint8),
        )


class Line:
    """Hold the cable between a host and an instrument; `latency_ns` is how late bytes arrive."""

    def __init__(self, instrument: Instrument, clock: ScriptedClock, *, latency_ns: int = 0) -> None:
        self.instrument = instrument
        self.clock = clock
        self.latency_ns = latency_ns
        self.plugged = True
        self.opened = 0

    def open(self, address: str, baud: int = 9600) -> ScriptedPort:
        """Open a port, as `edgekit.links.port.SerialPort` does; raise HardwareError while the cable is out."""
        if not self.plugged:
            raise HardwareError(f"{address} does not exist", code="port.absent", why="no instrument is connected there")
        self.opened += 1
        return ScriptedPort(self, address)

    def unplug(self) -> None:
        """Pull the cable."""
        self.plugged = False

    def plug(self) -> None:
        """Put the cable back."""
        self.plugged = True


class ScriptedPort:
    """Exchange bytes with the instrument at the other end of a `Line`."""

    def __init__(self, line: Line, name: str) -> None:
        self.name = name
        self._line = line
        self._waiting = b""

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return what there is; wait on the scripted clock for more when there is nothing."""
        clock = self._line.clock
        until_ns = clock.now_ns() + round(timeout_s * 1e9)
        while True:
            self._require()
            if not self._waiting:
                self._waiting = self._line.instrument.say(max(0, clock.now_ns() - self._line.latency_ns))
            if self._waiting or clock.now_ns() >= until_ns:
                got, self._waiting = self._waiting[:most], self._waiting[most:]
                return got
            due_ns = self._line.instrument.next_ns()
            wanted_ns = until_ns if due_ns is None else due_ns + self._line.latency_ns
            clock.advance(min(until_ns, max(wanted_ns, clock.now_ns() + 1)) - clock.now_ns())

    def write(self, data: bytes) -> None:
        """Send."""
        self._require()
        self._waiting += self._line.instrument.hear(data, self._line.clock.now_ns())

    def close(self) -> None:
        """Forget what was not read."""
        self._waiting = b""

    def _require(self) -> None:
        if not self._line.plugged:
            raise HardwareError(
                f"{self.name} is gone", code="port.gone", why="the cable was pulled", do=[("plug it in:", "edgekit meters")]
            )


class AskedOverHttp:
    """Carry a path to an emulated plug and the body of its answer back, `latency_ns` later; what is no answer is an error of HTTP."""

    name = "http://plug"

    def __init__(self, plug: Instrument, clock: ScriptedClock, *, latency_ns: int = 20_000_000) -> None:
        self._plug, self._clock, self._latency_ns, self._path = plug, clock, latency_ns, b""

    def open(self, address: str, baud: int = 0, login: object = None) -> AskedOverHttp:
        """Return the port, whoever opens it."""
        return self

    def write(self, data: bytes) -> None:
        """Take the path."""
        self._path = data

    def read(self, most: int, timeout_s: float) -> bytes:
        """Ask, wait, and return the body."""
        self._clock.advance(self._latency_ns)
        said = self._plug.hear(b"GET " + self._path + b" HTTP/1.1\r\nHost: plug\r\n\r\n", self._clock.now_ns())
        head, _, body = said.partition(b"\r\n\r\n")
        if (status := int(head.split()[1])) != 200:
            raise HardwareError(f"HTTP {status}", code="http.status", why="scripted")
        return body[:most]

    def close(self) -> None:
        """Do nothing."""


def pass_time(clock: ScriptedClock, *, seconds: float, step_s: float) -> None:
    """Let time pass in steps, so that a meter takes its turns within it."""
    end_ns, step_ns = clock.now_ns() + round(seconds * 1e9), round(step_s * 1e9)
    while clock.now_ns() < end_ns:  # a meter that waits for an answer lets time pass too
        clock.advance(min(step_ns, end_ns - clock.now_ns()))


def most_misses(runs: int, *, share: float = 0.05, risk: float = 0.001) -> int:
    """Return how many of `runs` intervals may miss the truth when `share` of them should: more has a chance below `risk` (binomial)."""
    beyond = 1.0
    for misses in range(runs + 1):
        beyond -= math.comb(runs, misses) * share**misses * (1 - share) ** (runs - misses)
        if beyond < risk:
            return misses
    return runs
