"""Read RDTech TC66 and TC66C over USB: 192 encrypted bytes an answer. Layout: shared by rd-usb and libsigrok."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from edgekit.core.aes import decrypted
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.core.errors import HardwareError
from edgekit.core.protocols import Port
from edgekit.core.quantity import Origin
from edgekit.core.trace import FLAG_GAP, Reading
from edgekit.meters.rdtech import REPLY_S, RdtechMeter
from edgekit.meters.reader import Readings, silent

KEY: Final = bytes.fromhex("5821fa5601b2f02687ff1204622a4fb086f40260816f9a0ba7f106619ab87288")
FRAME_BYTES: Final = 192
_BLOCK: Final = 64
_TAGS: Final = (b"pac1", b"pac2", b"pac3")
_ASK, _QUERY, _BOOT = b"getva", b"query", b"boot"
_POLL_S: Final = 0.1  # it answers no faster; values are renewed about twice a second, and asking more often dates them better


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Hold one answer: volts, amperes, watts, degrees Celsius, and the milliwatt-hours of both data groups."""

    model: str
    firmware: str
    serial: int
    runs: int
    voltage_v: float
    current_a: float
    power_w: float
    temperature_c: int
    group_mwh: tuple[int, int]


@lru_cache(maxsize=4)  # most answers repeat the one before
def parse(data: bytes) -> Frame | None:
    """Return what an answer of 192 encrypted bytes says, None when it is none: all three blocks have a tag and a check word."""
    if len(data) != FRAME_BYTES:
        return None
    plain = decrypted(KEY, data)
    for place, tag in enumerate(_TAGS):
        block = plain[_BLOCK * place : _BLOCK * (place + 1)]
        if block[:4] != tag or int.from_bytes(block[60:], "little") != crc16(block[:60]):
            return None
    serial, runs = struct.unpack_from("<I28xI", plain, 12)
    volts, amperes, watts = struct.unpack_from("<3I", plain, 48)
    groups = struct.unpack_from("<4I", plain, 72)
    below, degrees = struct.unpack_from("<2I", plain, 88)
    return Frame(
        model=_text(plain[4:8]),
        firmware=_text(plain[8:12]),
        serial=serial,
        runs=runs,
        voltage_v=volts / 1e4,
        current_a=amperes / 1e5,
        power_w=watts / 1e4,
        temperature_c=-degrees if below else degrees,
        group_mwh=(groups[1], groups[3]),
    )


def crc16(data: bytes) -> int:
    """Return the check word of MODBUS: polynomial 0xA001 reflected, beginning with 0xFFFF."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def _text(data: bytes) -> str:
    return data.decode("ascii", errors="replace").strip("\0 ")


class Tc66Meter(RdtechMeter):
    """Ask the meter ten times a second; both of its data groups together are an energy counter of 3.6 J, whichever is selected."""

    kind = "tc66"
    baud = 115_200  # any: it is a USB device
    usb_ids = ((0x28E9, 0x028A),)  # the product number is unverified
    _next_ns = 0

    def spec(self) -> MeterSpec:
        """Return the spec of the model that answers."""
        self.open()
        emulated = bool(self.options.get("emulated")) or self._frame.firmware == "EMUL"
        return MeterSpec(
            kind=self.kind,
            channels=self._channels(Origin.EMULATED if emulated else Origin.MEASURED, quantum_w=1e-4),
            accuracy=Accuracy(source="maker's statement of about 0.05 % of volts and 0.1 % of amperes, unverified", gain_rel=0.002),
            nominal_hz=10.0,
            effective_hz=2.0,
            max_power_w=150.0,
            identity=f"{self._frame.model} {self._frame.serial}",
            driver=f"firmware {self._frame.firmware}",
        )

    def _greet(self, port: Port) -> None:
        if self._answer(port, _QUERY, len(_BOOT)) == _BOOT:
            raise HardwareError(
                f"meter {self.kind} waits for new firmware",
                code="meter.boot",
                why=f"{self.address} answers in boot mode: it was switched on while its button was held",
                do=[("unplug it, plug it in without touching its buttons, then:", "edgekit meters --all")],
            )
        for _ in range(3):
            frame = parse(self._answer(port, _ASK, FRAME_BYTES))
            if frame is not None:
                self._frame = frame
                return
        raise silent(self.kind, self.address, 3 * REPLY_S)

    def _read(self, port: Port) -> Readings:
        now_ns = self._clock.now_ns()
        if now_ns < self._next_ns:
            self._clock.sleep(min(0.1, (self._next_ns - now_ns) / 1e9))
            return ()
        self._next_ns = now_ns + round(_POLL_S * 1e9)
        frame = parse(self._answer(port, _ASK, FRAME_BYTES))
        if frame is None:
            return ()
        after_ns = self._clock.now_ns()
        flags, self._after_gap = FLAG_GAP if self._after_gap else 0, False
        at: dict[str, int] = {"t_ns": (now_ns + after_ns) // 2, "bracket_ns": (after_ns - now_ns) // 2, "flags": flags}
        return (
            Reading(channel=f"{self.kind}.power", value=frame.power_w, **at),
            Reading(channel=f"{self.kind}.voltage", value=frame.voltage_v, **at),
            Reading(channel=f"{self.kind}.energy", value=float(sum(frame.group_mwh) % 2**32), **at),
        )
