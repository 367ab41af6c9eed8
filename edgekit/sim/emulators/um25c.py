"""Emulate RDTech's UM24C, UM25C and UM34C: one byte asks, 130 bytes answer; values renewed twice a second, milliwatt-hours counted."""

from __future__ import annotations

import random
import struct

from edgekit.sim.emulators.answers import Answers
from edgekit.sim.emulators.instrument import Circuit, OwnClock

_LAYOUT = struct.Struct(">HHHLHHH80sHHHLLHLHHHLHBB")
_ASK, _CLEAR, _GROUPS = 0xF0, 0xF4, range(0xA0, 0xAA)
_REFRESH_NS = 500_000_000
_J_PER_MWH = 3.6
_TRAILER = b"\xff\xf1"
# The bytes whose exclusive or is the UM34C's last byte.
_CHECKED = bytes.fromhex("01030709 0f111317 1f27292d 31353739 3b3f4345 494f5359 61636d6f 7177797f")


class Um25c:
    """Answer requests `delay_s` later, within the scatter of a Bluetooth link; each value is the mean since the renewal before.

    `gain` is what its watts are of the true ones.
    """

    model, counts_per_v, counts_per_a = 0x09C9, 1000, 10_000

    def __init__(
        self,
        circuit: Circuit,
        *,
        clock: OwnClock | None = None,
        gain: float = 1.0,
        delay_s: tuple[float, float] = (0.05, 0.3),
        seed: int = 0,
    ) -> None:
        self._circuit = circuit
        self._clock = clock or OwnClock()
        self._gain = gain
        self._delay_s = delay_s
        self._random = random.Random(seed)  # noqa: S311 -- a scatter, not a secret
        self._answers = Answers()
        self._group = 0
        self._cleared_ns = circuit.start_ns

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take commands of one byte; the answer to a request comes later."""
        for command in data:
            if command == _ASK:
                self._answers.later(t_ns + round(self._random.uniform(*self._delay_s) * 1e9), self.frame(t_ns))
            elif command == _CLEAR:
                self._cleared_ns = t_ns
            elif command in _GROUPS:
                self._group = command - _GROUPS.start
        return b""

    def say(self, t_ns: int) -> bytes:
        """Return the answers that are due."""
        return self._answers.say(t_ns)

    def next_ns(self) -> int | None:
        """Return when the next answer is due."""
        return self._answers.next_ns()

    def frame(self, t_ns: int) -> bytes:
        """Return the 130 bytes that it would answer at a time."""
        renewed_ns = self._clock.when(self._clock.at(t_ns) // _REFRESH_NS * _REFRESH_NS)
        mean_w = self._gain * self._circuit.energy_j(renewed_ns - _REFRESH_NS, renewed_ns) / (_REFRESH_NS / 1e9)
        joules = self._gain * self._circuit.energy_j(self._cleared_ns, max(self._cleared_ns, t_ns))
        groups = [0] * 20
        groups[2 * self._group : 2 * self._group + 2] = [round(joules / 3.6 / self._circuit.voltage_v), int(joules / _J_PER_MWH)]
        volts, amperes = round(self._circuit.voltage_v * self.counts_per_v), round(mean_w / self._circuit.voltage_v * self.counts_per_a)
        frame = _LAYOUT.pack(
            *(self.model, volts, amperes, round(mean_w * 1000), 25, 77, self._group, struct.pack(">20L", *groups)),
            *(0, 0, 0, groups[2 * self._group], groups[2 * self._group + 1], 0, (t_ns - self._cleared_ns) // 10**9, 0, 1, 1),
            *(min(0xFFFFFFFF, round(10 * self._circuit.voltage_v**2 / max(mean_w, 1e-6))), 1, 0, 0),
        )
        return frame[:-2] + self._trailer(frame)

    def _trailer(self, frame: bytes) -> bytes:
        return _TRAILER


class Um24c(Um25c):
    """Answer as a UM24C: volts in hundredths, amperes in thousandths."""

    model, counts_per_v, counts_per_a = 0x0963, 100, 1000


class Um34c(Um25c):
    """Answer as a UM34C: as coarse as a UM24C, with a check byte."""

    model, counts_per_v, counts_per_a = 0x0D4C, 100, 1000

    def _trailer(self, frame: bytes) -> bytes:
        """Return the exclusive or of 32 bytes as the last one."""
        value = 0
        for place in _CHECKED:
            value ^= frame[place]
        return bytes((frame[-2], value))
