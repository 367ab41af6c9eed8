"""Stream from ChargerLAB's POWER-Z KM003C: authentication, then queues of samples with a tick of a millisecond.

Layout after okhsunrog's research, which others run against the meter. Only the hardware number is read from its memory: reading near it
crashes the meter, and nothing is ever written.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edgekit.core.aes import decrypted, encrypted
from edgekit.core.errors import HardwareError
from edgekit.core.protocols import Clock, Port
from edgekit.links.port import PortOpener
from edgekit.meters.reading.reader import Readings, silent
from edgekit.meters.reading.stream import StreamMeter, opened

CONNECT, ACCEPT, GET, START, STOP, PUT, MEMORY, AUTH = 0x02, 0x05, 0x0C, 0x0E, 0x0F, 0x41, 0x44, 0x4C
MEMORY_KEY: Final = b"Lh2yfB7n6X7d9a5Z"
AUTH_KEY: Final = b"Fa0b4tA25f4R038a"
HARDWARE_AT: Final = 0x40010450
HARDWARE_BYTES: Final = 12
_ALLOWED: Final = 0x0203
_EMULATED: Final = b"EMUL"
_QUEUE: Final = 2
_FAST: Final = 3  # the index of a thousand samples a second
_SAMPLE: Final = struct.Struct("<HHiiHHHH")
_REPLY_S: Final = 1.0
_POLL_S: Final = 0.02
_MANY: Final = 38  # samples of a reply after which more are waiting
_LONGEST: Final = 4096
_MOST_V, _MOST_A = 60.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Hold one sample: ticks of a millisecond modulo 65,536, volts, amperes with a sign."""

    tick: int
    voltage_v: float
    current_a: float


def control(code: int, number: int, attribute: int = 0) -> bytes:
    """Return a command of four bytes; the attribute stands in the upper 15 bits."""
    return struct.pack("<BBH", code, number & 0xFF, attribute << 1)


def memory_request(number: int, address: int, length: int) -> bytes:
    """Return the command that reads memory, with its encrypted argument."""
    asked = struct.pack("<III", address, length, 0xFFFFFFFF)
    return struct.pack("<BBH", MEMORY, number, 0x0101) + encrypted(MEMORY_KEY, asked + struct.pack("<I", crc32(asked)) + b"\xff" * 16)


def auth_request(number: int, hardware: bytes) -> bytes:
    """Return the command that asks for streaming, by the meter's own hardware number of 12 bytes."""
    return struct.pack("<BBH", AUTH, number, 0x0200) + encrypted(AUTH_KEY, bytes(8) + hardware + bytes(12))


def hardware_number(reply: bytes) -> bytes | None:
    """Return the 12 bytes that were read from memory; None where the reply (a confirmation of 20 bytes, a block) is none."""
    if len(reply) != 36 or reply[0] != MEMORY | 0x80 or struct.unpack_from("<II", reply, 4) != (HARDWARE_AT, HARDWARE_BYTES):
        return None
    return decrypted(MEMORY_KEY, reply[20:])[:HARDWARE_BYTES]


def without_hardware(data: bytes) -> bytes:
    """Return what passed without the hardware number: a reply that holds it, or the request that sends it back.

    That of an emulator is no secret, and is how a repeated capture stays known as one.
    """
    if (hardware := hardware_number(data)) is not None:
        return data if hardware.startswith(_EMULATED) else data[:20] + encrypted(MEMORY_KEY, bytes(16))
    if len(data) != 36 or data[0] & 0x7F != AUTH or decrypted(AUTH_KEY, data[4:])[8:].startswith(_EMULATED):
        return data
    if data[2:4] == b"\0\x02":
        return auth_request(data[1], bytes(HARDWARE_BYTES))
    return data[:4] + bytes(32)  # the answer to it, of which only the first word is read


def parse(reply: bytes, number: int | None = None) -> tuple[Sample, ...] | None:
    """Return the samples of a reply, none where the queue was empty, None for what is no reply (or not to `number`)."""
    if len(reply) < 4 or reply[0] != PUT or (number is not None and reply[1] != number):
        return None
    if len(reply) == 4:
        return ()
    wanted = wanted_bytes(reply)
    if wanted is None or len(reply) != wanted:
        return None
    samples = []
    for place in range(8, len(reply), _SAMPLE.size):
        tick, _, volts, amperes, *_ = _SAMPLE.unpack_from(reply, place)
        if abs(volts) > _MOST_V * 1e6 or abs(amperes) > _MOST_A * 1e6:
            return None
        samples.append(Sample(tick=tick, voltage_v=volts / 1e6, current_a=amperes / 1e6))
    return tuple(samples)


def wanted_bytes(reply: bytes) -> int | None:
    """Return how long a reply that holds a queue says it is; None where it says no such thing."""
    if len(reply) < 8:
        return None
    word = int.from_bytes(reply[4:8], "little")
    attribute, size, chunk = word & 0x7FFF, word >> 22, word >> 16 & 0x3F
    return 8 + chunk * size if attribute == _QUEUE and size == _SAMPLE.size else None


class Km003cMeter(StreamMeter):
    """Fetch the queue every 20 ms and date its samples by the meter's own ticks (S2); up to some 956 of 1000 a second were seen."""

    kind = "km003c"
    name = "KM003C"
    bulk_ids = ((0x5FC9, 0x0063),)

    def __init__(
        self,
        address: str | None = None,
        options: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        open_port: PortOpener = opened,
    ) -> None:
        super().__init__(address or "usb://5fc9:0063", options, clock=clock, open_port=open_port)
        self._number, self._next_ns = 0, 0
        self._hardware = b""

    @property
    def serial(self) -> str:
        """Return the number by which the meter that answered is known, empty before."""
        return self._hardware.hex()

    @staticmethod
    def redact(data: bytes) -> bytes:
        """Return what passed without the hardware number."""
        return without_hardware(data)

    def _identity(self) -> str:
        return f"{self.name} {self.serial}"

    def _emulated(self) -> bool:
        return bool(self.options.get("emulated")) or self._hardware.startswith(_EMULATED)

    def _greet(self, port: Port) -> None:
        self._begin()
        self._unwrapped: tuple[int, int] | None = None
        self._require(self._ask(port, control(CONNECT, self._count()), 4)[:1] == bytes((ACCEPT,)))
        hardware = hardware_number(self._ask(port, memory_request(self._count(), HARDWARE_AT, HARDWARE_BYTES), 36))
        self._require(hardware is not None)
        self._hardware = hardware or b""
        allowed = self._ask(port, auth_request(self._count(), self._hardware), 36)
        if len(allowed) != 36 or allowed[0] & 0x7F != AUTH or struct.unpack_from("<H", allowed, 2)[0] != _ALLOWED:
            raise HardwareError(
                f"meter {self.kind} does not allow streaming",
                code="meter.not_allowed",
                why="it did not take its own hardware number as authentication; its firmware may be one that nobody has tried",
                do=[("on Linux 6.7 and later, read it through the kernel's driver:", "edgekit bench ARTIFACT --meter hwmon")],
            )
        self._require(self._ask(port, control(START, self._count(), _FAST), 4)[:1] == bytes((ACCEPT,)))

    def _leave(self, port: Port) -> None:
        self._ask(port, control(STOP, self._count()), 4)

    def _require(self, good: bool) -> None:
        if not good:
            raise silent(self.kind, self.address, _REPLY_S)

    def _count(self) -> int:
        self._number = (self._number + 1) & 0xFF
        return self._number

    def _ask(self, port: Port, request: bytes, length: int | None = None) -> bytes:
        """Send a command; return the reply, of `length` bytes or as long as it says, or what came of it in a second."""
        while port.read(_LONGEST, 0.0):  # what is left of an earlier reply
            pass
        port.write(request)
        data, until_ns = b"", self._clock.now_ns() + round(_REPLY_S * 1e9)
        while (left_ns := until_ns - self._clock.now_ns()) > 0:
            got = port.read(_LONGEST, left_ns / 1e9)
            data += got
            enough = length or wanted_bytes(data) or 4
            if not got or len(data) >= enough:
                break
        return data

    def _read(self, port: Port) -> Readings:
        now_ns = self._clock.now_ns()
        if now_ns < self._next_ns:
            self._clock.sleep(min(0.1, (self._next_ns - now_ns) / 1e9))
            return ()
        self._next_ns = now_ns + round(_POLL_S * 1e9)
        number = self._count()
        samples = parse(self._ask(port, control(GET, number, _QUEUE)), number)
        if not samples:
            return ()
        if len(samples) >= _MANY:
            self._next_ns = now_ns
        ticks = self._unwrap([sample.tick for sample in samples])
        return self._deliver(ticks, [sample.voltage_v for sample in samples], [sample.current_a for sample in samples])

    def _unwrap(self, ticks: list[int]) -> list[int]:
        """Return ticks that do not wrap: each follows the one before, and whole turns that passed unseen are told by the host's clock."""
        now_ms = self._clock.now_ns() // 1_000_000
        last, seen_ms = self._unwrapped or (ticks[0], now_ms)
        due = last + now_ms - seen_ms
        final = due + ((ticks[-1] - due + 32_768) & 0xFFFF) - 32_768
        self._unwrapped = (final, now_ms)
        return [final - ((ticks[-1] - tick) & 0xFFFF) for tick in ticks]
