"""Emulate a POWER-Z KM003C behind its bulk endpoints: memory read and authentication under AES-128, then queues of samples."""

from __future__ import annotations

import struct
import zlib

from edgekit.core.aes import decrypted, encrypted
from edgekit.sim.emulators.instrument import Circuit, OwnClock

_MEMORY_KEY = b"Lh2yfB7n6X7d9a5Z"
_AUTH_KEY = b"Fa0b4tA25f4R038a"
_BACK_KEY = b"FX0b4tA25f4R038a"
_STEPS_MS = (500, 100, 20, 1)
_HELD = 1000  # samples it holds for a host that does not fetch them
_MOST = 48  # samples of one reply, as were seen
_MARKER = 0x3C


class Km003c:
    """Answer each request at once. It starts to fill its queue when told so, and empties it only to a host that knows its number.

    Each `skip_every`th sample is not made though the ticks go on: of a real one some 956 samples a second were seen.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        clock: OwnClock | None = None,
        gain: float = 1.0,
        hardware: bytes = b"EMUL01\r\xff\x11\n\xff\xff",
        refuses: bool = False,
        skip_every: int = 0,
        seed: int = 0,
    ) -> None:
        self._circuit = circuit
        self._clock = clock or OwnClock()
        self._factor = gain / circuit.voltage_v
        self._hardware = hardware
        self._refuses = refuses
        self._skip_every = skip_every
        self._allowed = False
        self._step_ms = 1
        self._next_ms: int | None = None  # of its own time: the next sample to hand over
        self.asked: list[int] = []

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take one request as one transfer; return the answer."""
        if len(data) < 4:
            return b""
        code, number = data[0] & 0x7F, data[1]
        self.asked.append(code)
        if code == 0x44 and len(data) == 36:
            return self._memory(data)
        if code == 0x4C and len(data) == 36:
            return self._authenticate(data)
        if code == 0x0E:
            self._step_ms = _STEPS_MS[min(3, data[2] >> 1)]
            self._next_ms = self._clock.at(t_ns) // 1_000_000 // self._step_ms * self._step_ms + self._step_ms
        elif code == 0x0F:
            self._next_ms = None
        elif code == 0x0C:
            return self._queue(number, t_ns) if data[2] >> 1 == 2 else struct.pack("<BBH", 0x41, number, 0)
        elif code != 0x02:
            return struct.pack("<BBH", 0x06, number, 0)
        return struct.pack("<BBH", 0x05, number, 0)

    def say(self, t_ns: int) -> bytes:
        """Return nothing: it speaks when asked."""
        return b""

    def next_ns(self) -> int | None:
        """Return None: it speaks when asked."""
        return None

    def _memory(self, data: bytes) -> bytes:
        plain = decrypted(_MEMORY_KEY, data[4:])
        address, length, _, check = struct.unpack_from("<4I", plain)
        if check != zlib.crc32(plain[:12]) or (address, length) != (0x40010450, 12):
            return struct.pack("<BBH", 0x06, data[1], 0)
        block = encrypted(_MEMORY_KEY, self._hardware.ljust(16, b"\xff"))
        return b"\xc4" + data[1:4] + plain[:8] + bytes(8) + block

    def _authenticate(self, data: bytes) -> bytes:
        plain = decrypted(_AUTH_KEY, data[4:])
        self._allowed = plain[8:20] == self._hardware and not self._refuses
        return struct.pack("<BBH", 0x4C, 0, 0x0203 if self._allowed else 0x0201) + encrypted(_BACK_KEY, plain)

    def _queue(self, number: int, t_ns: int) -> bytes:
        if self._next_ms is None or not self._allowed:
            return struct.pack("<BBH", 0x41, number, 0)
        ready_ms = self._clock.at(t_ns) // 1_000_000
        oldest_ms = ready_ms - _HELD * self._step_ms
        if self._next_ms < oldest_ms:
            self._next_ms = oldest_ms // self._step_ms * self._step_ms
        samples: list[bytes] = []
        while self._next_ms <= ready_ms and len(samples) < _MOST:
            if not self._skip_every or self._next_ms // self._step_ms % self._skip_every:
                samples.append(self._sample(self._next_ms))
            self._next_ms += self._step_ms
        if not samples:
            return struct.pack("<BBH", 0x41, number, 0)
        words = (8 + 20 * len(samples)) // 4 - 3
        return struct.pack("<BBHI", 0x41, number, words << 6, 2 | len(samples) << 16 | 20 << 22) + b"".join(samples)

    def _sample(self, own_ms: int) -> bytes:
        amperes = self._circuit.power_w(self._clock.when(own_ms * 1_000_000)) * self._factor
        volts = round(self._circuit.voltage_v * 1e6)
        return struct.pack("<HHiiHHHH", own_ms & 0xFFFF, _MARKER, volts, round(amperes * 1e6), 400, 100, 600, 600)
