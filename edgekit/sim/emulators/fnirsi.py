"""Emulate FNIRSI's testers: a report of four samples every 40 ms after the start, which ends when nobody keeps it alive."""

from __future__ import annotations

import struct
from functools import lru_cache

from edgekit.sim.emulators.instrument import Circuit, OwnClock

_REPORT = 64
_PERIOD_NS = 40_000_000
_QUARTERS = (0.25, 0.5, 0.75, 1.0)


class Fnb58:
    """Give the mean over the last `smoothing_s` every 40 ms; the first three of four samples lie on the line from the measurement before.

    `stalls_after` reports it stops until it is started again, as firmware 0.68 does; `junk` is how many reports after a start are garbage.
    """

    starts: tuple[int, ...] = (0x81, 0x82, 0x82)
    alive_ns = 2_000_000_000
    smoothing_s = 0.2

    def __init__(
        self,
        circuit: Circuit,
        *,
        clock: OwnClock | None = None,
        gain: float = 1.0,
        stalls_after: int | None = None,
        junk: int = 3,
        seed: int = 0,
    ) -> None:
        self._circuit = circuit
        self._clock = clock or OwnClock()
        self._gain = gain
        self._stalls_after = stalls_after
        self._junk = junk
        self._heard = b""
        self._commands: list[int] = []
        self._start_ns: int | None = None  # on its own clock
        self._made = 0
        self._alive_ns = 0
        self._amperes = 0.0
        self.wrong = 0

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take reports of 64 bytes, with or without the number 0 before them that hidraw wants."""
        self._heard += data
        while (start := self._heard.find(b"\xaa")) >= 0 and len(self._heard) >= start + _REPORT:
            report, self._heard = self._heard[start : start + _REPORT], self._heard[start + _REPORT :]
            if report[63] != _crc(report[1:63]):
                self.wrong += 1
                continue
            self._alive_ns = t_ns
            if report[1] == 0x83 and self._start_ns is not None:
                continue
            self._commands = [*self._commands, report[1]][-len(self.starts) :]
            if tuple(self._commands) == self.starts:
                self._begin(t_ns)
        return b""

    def say(self, t_ns: int) -> bytes:
        """Return the reports that are due."""
        said = []
        while self._start_ns is not None and (due_ns := self._due_ns()) <= t_ns:
            if due_ns - self._alive_ns > self.alive_ns or self._made == self._stalls_after:
                self._start_ns = None
                break
            said.append(self._report(due_ns))
            self._made += 1
        return b"".join(said)

    def next_ns(self) -> int | None:
        """Return when the next report is due."""
        return None if self._start_ns is None else self._due_ns()

    def stop(self) -> None:
        """Stop sending until started again."""
        self._start_ns = None

    def _begin(self, t_ns: int) -> None:
        self._commands = []
        if self._start_ns is None:
            self._start_ns, self._made = self._clock.at(t_ns), 0
            self._amperes = self._mean_a(t_ns)

    def _due_ns(self) -> int:
        return self._clock.when((self._start_ns or 0) + (self._made + 1) * _PERIOD_NS)

    def _report(self, t_ns: int) -> bytes:
        before, value = self._amperes, self._mean_a(t_ns)
        self._amperes = value
        if self._made < self._junk:
            return bytes((17 * place + self._made) & 0xFF for place in range(_REPORT))
        body = b"\x04" + b"".join(self._sample(before + (value - before) * share) for share in _QUARTERS) + b"\0"
        return b"\xaa" + body + bytes((_crc(body),))

    def _mean_a(self, t_ns: int) -> float:
        since_ns = t_ns - round(self.smoothing_s * 1e9)
        return self._circuit.energy_j(since_ns, t_ns) / self.smoothing_s / self._circuit.voltage_v

    def _sample(self, amperes: float) -> bytes:
        volts = round(self._circuit.voltage_v * 1e5)
        return struct.pack("<IIHHBH", volts, round(max(0.0, amperes * self._gain) * 1e5), 600, 601, 1, 253)


class Fnb48s(Fnb58):
    """Smooth less."""

    smoothing_s = 0.12


class Fnb48(Fnb58):
    """Want another start, and to hear something all the time."""

    starts = (0x81, 0x82, 0x83)
    alive_ns = 100_000_000


class C1(Fnb48):
    """Do as an FNB48, and smooth more."""

    smoothing_s = 0.5


@lru_cache(maxsize=16)  # what keeps it alive is the same report hundreds of times a second
def _crc(data: bytes) -> int:
    """Return the check byte: the message divided byte by byte."""
    register = 0x42
    for byte in data:
        register = _REST[register ^ byte]
    return register


def _divided(byte: int) -> int:
    """Return what is left of a byte when it is divided bit by bit."""
    for _ in range(8):
        byte = byte << 1 & 0xFF ^ 0x39 * (byte >> 7)
    return byte


_REST = bytes(map(_divided, range(256)))
