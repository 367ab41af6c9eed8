"""Emulate an RDTech TC66C: `getva` is answered by 192 encrypted bytes; values renewed twice a second, milliwatt-hours counted inside."""

from __future__ import annotations

import random
import re
import struct
from functools import lru_cache

from edgekit.core.aes import encrypted
from edgekit.sim.emulators.answers import Answers
from edgekit.sim.emulators.instrument import Circuit, OwnClock

_KEY = struct.pack(
    "<8I", 0x56FA2158, 0x26F0B201, 0x0412FF87, 0xB04F2A62, 0x6002F486, 0x0B9A6F81, 0x6106F1A7, 0x8872B89A
)  # as the words of its firmware
_REFRESH_NS = 500_000_000
_COMMANDS = re.compile(rb"getva|query|lastp|nextp|rotat")
_LONGEST = 5
_J_PER_MWH = 3.6


class Tc66:
    """Answer `delay_s` after a question; each value is the mean since the renewal before, on its own clock.

    `gain` is what its watts are of the true ones, `boot` a unit that waits for new firmware. The firmware says EMUL.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        clock: OwnClock | None = None,
        gain: float = 1.0,
        delay_s: tuple[float, float] = (0.08, 0.1),
        group: int = 0,
        boot: bool = False,
        firmware: bytes = b"EMUL",
        serial: int = 9,
        seed: int = 0,
    ) -> None:
        self._circuit = circuit
        self._clock = clock or OwnClock()
        self._gain = gain
        self._delay_s = delay_s
        self._group = group
        self._boot = boot
        self._firmware = firmware
        self._serial = serial
        self._random = random.Random(seed)  # noqa: S311 -- a scatter, not a secret
        self._heard = b""
        self._answers = Answers()
        self._stuck_ns: int | None = None
        self._last: tuple[int, bytes] | None = None

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take commands, which nothing ends; the answers come later."""
        self._heard += data
        while (found := _COMMANDS.search(self._heard)) is not None:
            self._heard = self._heard[found.end() :]
            if found[0] == b"query":
                self._answers.later(t_ns + 1_000_000, b"boot" if self._boot else b"firm")
            elif found[0] == b"getva" and not self._boot:
                self._answers.later(t_ns + round(self._random.uniform(*self._delay_s) * 1e9), self.frame(t_ns))
        self._heard = self._heard[-(_LONGEST - 1) :]
        return b""

    def say(self, t_ns: int) -> bytes:
        """Return the answers that are due."""
        return self._answers.say(t_ns)

    def next_ns(self) -> int | None:
        """Return when the next answer is due."""
        return self._answers.next_ns()

    def stick(self, t_ns: int) -> None:
        """Renew no value after a time, as one that hangs."""
        self._stuck_ns = t_ns

    def frame(self, t_ns: int) -> bytes:
        """Return the 192 bytes that it would answer at a time."""
        t_ns = t_ns if self._stuck_ns is None else min(t_ns, self._stuck_ns)
        renewed_ns = self._clock.when(self._clock.at(t_ns) // _REFRESH_NS * _REFRESH_NS)
        if self._last is None or self._last[0] != renewed_ns:
            self._last = (renewed_ns, encrypted(_KEY, self._plain(renewed_ns)))
        return self._last[1]

    def _plain(self, renewed_ns: int) -> bytes:
        circuit = self._circuit
        since_ns = self._clock.when(self._clock.at(renewed_ns) - _REFRESH_NS)
        mean_w = self._gain * circuit.energy_j(since_ns, renewed_ns) / ((renewed_ns - since_ns) / 1e9)
        joules = self._gain * circuit.energy_j(circuit.start_ns, max(circuit.start_ns, renewed_ns))
        counts = (int(joules / _J_PER_MWH / circuit.voltage_v), int(joules / _J_PER_MWH))
        amperes, ohms = mean_w / circuit.voltage_v, circuit.voltage_v**2 / max(mean_w, 1e-6)
        first = b"pac1TC66" + self._firmware + struct.pack("<I28xI", self._serial, 7)
        first += struct.pack("<3I", round(circuit.voltage_v * 1e4), round(amperes * 1e5), round(mean_w * 1e4))
        groups = (*counts, 0, 0) if self._group == 0 else (0, 0, *counts)
        second = b"pac2" + struct.pack("<I4I4I", min(0xFFFFFFFF, round(10 * ohms)), *groups, 0, 25, 60, 60)
        return b"".join(_closed(block) for block in (first, second, b"pac3"))


@lru_cache(maxsize=8)  # the last block never changes
def _closed(block: bytes) -> bytes:
    """Return a block of 64 bytes with its check word: MODBUS, by division of the reflected message."""
    padded, register = block.ljust(60, b"\0"), 0xFFFF
    for bit in (byte >> place & 1 for byte in padded for place in range(8)):
        register = register >> 1 ^ 0xA001 * ((register ^ bit) & 1)
    return padded + register.to_bytes(4, "little")
