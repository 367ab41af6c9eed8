"""Emulate an AVHzY CT-3: samples of its own microsecond clock after the start, each in a frame of its own."""

from __future__ import annotations

import struct

from edgekit.sim.emulators.instrument import Circuit, OwnClock

_MOST = 4096  # frames it holds for a host that does not fetch them
_BUNCH = 10  # frames that travel together


class Ct3:
    """Answer commands, and send a sample each interval; what the host does not fetch in time is lost, and the clock goes on."""

    def __init__(
        self, circuit: Circuit, *, clock: OwnClock | None = None, gain: float = 1.0, reversed_: bool = False, seed: int = 0
    ) -> None:
        self._circuit = circuit
        self._clock = clock or OwnClock()
        self._factor = gain * (-1 if reversed_ else 1) / circuit.voltage_v
        self._heard = b""
        self._start_ns: int | None = None  # on its own clock
        self._period_ns = 1_000_000
        self._made = 0
        self._id = 0
        self._jump_us = 0
        self._skip = 0

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take frames; return the answers."""
        self._heard += data
        said = b""
        while (begin := self._heard.find(b"\xa5")) >= 0 and len(self._heard) >= begin + 7:
            length = struct.unpack_from("<I", self._heard, begin + 1)[0]
            if length > 64:
                self._heard = self._heard[begin + 1 :]
                continue
            if len(self._heard) < begin + 7 + length:
                break
            payload = self._heard[begin + 5 : begin + 5 + length]
            whole = self._heard[begin + 5 + length : begin + 7 + length] == bytes((_parity(payload), 0x5A))
            self._heard = self._heard[begin + (7 + length if whole else 1) :]
            if whole and length >= 4:
                said += self._obey(payload, t_ns)
        return said

    def _obey(self, payload: bytes, t_ns: int) -> bytes:
        code, number = payload[1], payload[2]
        if code == 0x07:
            self._start_ns = None
        elif code == 0x09 and len(payload) == 8:
            self._start_ns, self._made, self._id = self._clock.at(t_ns), 0, number
            self._period_ns = max(1, struct.unpack_from("<i", payload, 4)[0]) * 1_000_000
        return _framed(bytes((2, code, number, 0x80)))

    def say(self, t_ns: int) -> bytes:
        """Return the samples that are due, in bunches."""
        if self._start_ns is None:
            return b""
        ready = (self._clock.at(t_ns) - self._start_ns) // self._period_ns // _BUNCH * _BUNCH
        self._made = max(self._made, ready - _MOST)
        said = []
        while self._made < ready:
            self._made += 1
            if self._skip:
                self._skip -= 1
            else:
                said.append(self._sample(self._start_ns + self._made * self._period_ns))
        return b"".join(said)

    def next_ns(self) -> int | None:
        """Return when the next bunch is due."""
        if self._start_ns is None:
            return None
        return self._clock.when(self._start_ns + (self._made // _BUNCH + 1) * _BUNCH * self._period_ns) + 1

    def lose(self, samples: int) -> None:
        """Drop the next samples."""
        self._skip += samples

    def jump(self, seconds: float) -> None:
        """Set its clock anew."""
        self._jump_us += round(seconds * 1e6)

    def _sample(self, own_ns: int) -> bytes:
        amperes = self._circuit.power_w(self._clock.when(own_ns)) * self._factor
        values = struct.pack("<6f", self._circuit.voltage_v, amperes, 0.6, 0.6, 0.1, 0.4)
        return _framed(bytes((4, 0, self._id, 0)) + values + struct.pack("<Q", max(0, own_ns // 1000 + self._jump_us)))


def _framed(payload: bytes) -> bytes:
    return struct.pack("<BI", 0xA5, len(payload)) + payload + bytes((_parity(payload), 0x5A))


def _parity(payload: bytes) -> int:
    value = 0
    for byte in payload:
        value ^= byte
    return value
