"""Read AVHzY CT-3 and its siblings (Shizuku, KT002): framed samples of float volts and amperes with microseconds since power-on.

A5 | length u32 | payload | XOR of the payload | 5A      payload of a sample: 04 00 id 00 | V f32 | A f32 | ... | microseconds u64
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final

from edgekit.core.protocols import Clock, Port
from edgekit.links.port import PortOpener
from edgekit.meters.reading.reader import Readings, silent
from edgekit.meters.reading.stream import StreamMeter, opened

STOP: Final = b"\x07"
_MOST_PAYLOAD: Final = 1024
_LEAST_SAMPLE: Final = 20
_ANSWER_S: Final = 1.0
_BLOCK: Final = 65_536
_MOST_OLD: Final = 64  # transfers
_MOST_V, _MOST_A = 60.0, 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Hold one sample: microseconds since power-on, volts, amperes with a sign."""

    t_us: int
    voltage_v: float
    current_a: float


def frame(payload: bytes) -> bytes:
    """Return a payload with what goes around it."""
    return b"\xa5" + struct.pack("<I", len(payload)) + payload + bytes((reduce(xor, payload, 0), 0x5A))


def request(code: bytes, number: int) -> bytes:
    """Return the frame of a command (its code and arguments) with the number by which it is answered."""
    return frame(bytes((1, code[0], number, 0)) + code[1:])


def start(interval_ms: int) -> bytes:
    """Return the command that starts samples every so many milliseconds."""
    return b"\x09" + struct.pack("<i", interval_ms)


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Return (payloads of whole frames, what is left); bytes that belong to none are dropped."""
    payloads: list[bytes] = []
    place = 0
    while (place := data.find(b"\xa5", place)) >= 0:
        head = data[place + 1 : place + 5]
        if len(head) < 4:
            return payloads, data[place:]
        length = int.from_bytes(head, "little")
        end = place + 5 + length
        if not 4 <= length <= _MOST_PAYLOAD:
            place += 1
        elif end + 2 > len(data):
            return payloads, data[place:]
        elif data[end + 1] == 0x5A and reduce(xor, payload := data[place + 5 : end], 0) == data[end]:
            payloads.append(payload)
            place = end + 2
        else:
            place += 1
    return payloads, b""


def parse(payload: bytes) -> Sample | None:
    """Return the sample of a payload, None for one that holds none or no numbers that this meter can mean."""
    if len(payload) < _LEAST_SAMPLE or payload[0] != 4:
        return None
    volts, amperes = struct.unpack_from("<ff", payload, 4)
    if not (math.isfinite(volts) and math.isfinite(amperes) and abs(volts) <= _MOST_V and abs(amperes) <= _MOST_A):
        return None
    t_us = int.from_bytes(payload[-8:], "little")
    return Sample(t_us=t_us, voltage_v=volts, current_a=amperes) if t_us < 2**50 else None


def answered(payload: bytes, number: int) -> bool:
    """Return whether a payload is the answer to the command of that number."""
    return len(payload) == 4 and payload[2] == number and payload[3] == 0x80


class Ct3Meter(StreamMeter):
    """Start a thousand samples a second and date them by the meter's own microseconds (S2)."""

    kind = "ct3"
    name = "CT-3"
    bulk_ids = ((0x0483, 0xFFFF), (0x0483, 0xFFFE))  # some are 0483:374B, as ST-LINKs are: those are named by their place
    tick_ns = 1000.0
    step = 1000

    def __init__(
        self,
        address: str | None = None,
        options: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        open_port: PortOpener = opened,
    ) -> None:
        super().__init__(address or "usb://0483:fffe", options, clock=clock, open_port=open_port)
        self._rest = b""

    def _greet(self, port: Port) -> None:
        self._rest = b""
        self._begin()
        for number, code in enumerate((STOP, start(self.step // 1000))):
            if not self._ask(port, code, number):
                raise silent(self.kind, self.address, _ANSWER_S)

    def _leave(self, port: Port) -> None:
        port.write(request(STOP, 2))

    def _ask(self, port: Port, code: bytes, number: int) -> bool:
        port.write(request(code, number))
        until_ns = self._clock.now_ns() + round(_ANSWER_S * 1e9)
        while (left_ns := until_ns - self._clock.now_ns()) > 0:
            payloads, self._rest = split(self._rest + port.read(_BLOCK, left_ns / 1e9))
            if any(answered(payload, number) for payload in payloads):
                return True
        return False

    def _read(self, port: Port) -> Readings:
        if self._timeline is None:  # what waited since the greeting is old, and some of it may be lost
            for _ in range(_MOST_OLD):
                if not port.read(_BLOCK, 0.0):
                    break
            self._rest = b""
        payloads, self._rest = split(self._rest + port.read(_BLOCK, 0.1))
        samples = [sample for payload in payloads if (sample := parse(payload)) is not None]
        return self._deliver(
            [sample.t_us for sample in samples],
            [sample.voltage_v for sample in samples],
            [sample.current_a for sample in samples],
        )
