"""Read RDTech TC66 and TC66C over USB: 192 encrypted bytes an answer. Layout: shared by rd-usb and libsigrok."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from edgekit.core.aes import decrypted, encrypted
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.core.errors import HardwareError
from edgekit.core.protocols import Port
from edgekit.core.quantity import Origin
from edgekit.core.sync import ASKED
from edgekit.meters.rdtech import REPLY_S, Look, RdtechMeter
from edgekit.meters.reading.reader import silent

KEY: Final = bytes.fromhex("5821fa5601b2f02687ff1204622a4fb086f40260816f9a0ba7f106619ab87288")
FRAME_BYTES: Final = 192
_BLOCK: Final = 64
_CIPHER: Final = 16  # bytes that are encrypted together
_SERIAL: Final = slice(12, 16)
_TAGS: Final = (b"pac1", b"pac2", b"pac3")
_ASK, _QUERY, _BOOT = b"getva", b"query", b"boot"


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


def without_serial(data: bytes) -> bytes:
    """Return received bytes with the serial number of every answer in them zeroed, also of answers that are cut off or out of step."""
    place = 0
    while place + _CIPHER <= len(data):
        head = decrypted(KEY, data[place : place + _CIPHER])
        if head[:4] != _TAGS[0]:
            place += 1
            continue
        whole = (len(data) - place) // _CIPHER * _CIPHER
        plain = bytearray(decrypted(KEY, data[place : place + min(_BLOCK, whole)]))
        plain[_SERIAL] = bytes(4)
        if len(plain) == _BLOCK:  # what checks the number would tell something of it
            plain[60:] = crc16(bytes(plain[:60])).to_bytes(4, "little")
        clean = encrypted(KEY, bytes(plain))
        step = FRAME_BYTES if parse(data[place : place + FRAME_BYTES]) else len(clean)
        data, place = data[:place] + clean + data[place + len(clean) :], place + step
    return data


def _text(data: bytes) -> str:
    return data.decode("ascii", errors="replace").strip("\0 ")


class Tc66Meter(RdtechMeter):
    """Ask the meter ten times a second; both of its data groups together are an energy counter of 3.6 J, whichever is selected."""

    kind = "tc66"
    baud = 115_200  # any: it is a USB device
    usb_ids = ((0x28E9, 0x028A),)  # the product number is unverified
    every_s = 0.1  # it answers no faster; values are renewed about twice a second, and asking more often dates them better
    _frame: Frame | None = None

    def spec(self) -> MeterSpec:
        """Return the spec of the model that answers."""
        self.open()
        frame = self._frame
        assert frame is not None
        emulated = bool(self.options.get("emulated")) or frame.firmware == "EMUL"
        return MeterSpec(
            kind=self.kind,
            channels=self._channels(Origin.EMULATED if emulated else Origin.MEASURED, quantum_w=1e-4),
            accuracy=Accuracy(source="maker's statement of about 0.05 % of volts and 0.1 % of amperes, unverified", gain_rel=0.002),
            nominal_hz=10.0,
            effective_hz=2.0,
            max_power_w=150.0,
            delay=ASKED,
            identity=f"{frame.model} {frame.serial}",
            driver=f"firmware {frame.firmware}",
        )

    @property
    def serial(self) -> str:
        """Return the number by which the meter that answered is known, empty before."""
        return str(self._frame.serial) if self._frame is not None else ""

    @staticmethod
    def redact(data: bytes) -> bytes:
        """Return received bytes without the serial number."""
        return without_serial(data)

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

    def _look(self, port: Port) -> Look | None:
        frame = parse(self._answer(port, _ASK, FRAME_BYTES))
        if frame is None:
            return None
        return Look(power_w=frame.power_w, voltage_v=frame.voltage_v, count_mwh=sum(frame.group_mwh) % 2**32)
