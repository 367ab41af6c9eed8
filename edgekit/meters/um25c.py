"""Read RDTech UM24C, UM25C and UM34C over Bluetooth's serial profile. Layout: shared by libsigrok, rd-usb and pyummeter."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.protocols import Port
from edgekit.core.quantity import Origin
from edgekit.core.trace import FLAG_GAP, Reading
from edgekit.meters.reader import PortMeter, Readings, silent

REQUEST: Final = b"\xf0"
FRAME_BYTES: Final = 130
LAYOUT: Final = struct.Struct(">HHHLHHH80sHHHLLHLHHHLHBB")
MODELS: Final = {0x0963: ("UM24C", 100, 1000), 0x09C9: ("UM25C", 1000, 10_000), 0x0D4C: ("UM34C", 100, 1000)}  # counts per V and per A
CHECKED: Final = (
    *(1, 3, 7, 9, 15, 17, 19, 23, 31, 39, 41, 45, 49, 53, 55, 57, 59),
    *(63, 67, 69, 73, 79, 83, 89, 97, 99, 109, 111, 113, 119, 121, 127),
)
_REPLY_S: Final = 0.5
_POLL_S: Final = 0.4  # it renews its values about twice a second; asking more often gives them twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Hold one reply: volts, amperes, watts, and the milliwatt-hours of the selected group and of the recording."""

    model: str
    voltage_v: float
    current_a: float
    power_w: float
    group: int
    group_mwh: int
    recorded_mwh: int


def parse(data: bytes) -> Frame | None:
    """Return what a reply of 130 bytes says, None when it is none."""
    if len(data) != FRAME_BYTES:
        return None
    fields = LAYOUT.unpack(data)
    found = MODELS.get(fields[0])
    if found is None or not _whole(found[0], data) or not fields[6] < 10:
        return None
    name, per_v, per_a = found
    groups = struct.unpack(">20L", fields[7])
    return Frame(
        model=name,
        voltage_v=fields[1] / per_v,
        current_a=fields[2] / per_a,
        power_w=fields[3] / 1000,
        group=fields[6],
        group_mwh=groups[2 * fields[6] + 1],
        recorded_mwh=fields[12],
    )


def checksum(data: bytes) -> int:
    """Return the UM34C's check byte: the exclusive or of 32 of its bytes."""
    value = 0
    for index in CHECKED:
        value ^= data[index]
    return value


def _whole(model: str, data: bytes) -> bool:
    return data[129] == checksum(data) if model == "UM34C" else data[128:130] == b"\xff\xf1"


class Um25cMeter(PortMeter):
    """Ask the meter twice a second; its watts are means of its own, its milliwatt-hours an energy counter of 3.6 J."""

    kind = "um25c"
    serial_names = ("rfcomm", "cu.UM24C", "cu.UM25C", "cu.UM34C")  # Bluetooth gives its ports no ids

    def spec(self) -> MeterSpec:
        """Return the spec of the model that answers."""
        self.open()
        origin = Origin.EMULATED if self.options.get("emulated") else Origin.MEASURED
        power = Channel(
            id=f"{self.kind}.power",
            meter=self.kind,
            boundary=Boundary.USB_INPUT,
            measurand=Measurand.POWER,
            unit="W",
            origin=origin,
            quantum=0.001,
            update_period_s=0.5,
        )
        return MeterSpec(
            kind=self.kind,
            channels=(power,),
            accuracy=Accuracy(source="maker's statement of 0.05 % + 2 digits and 0.1 % + 4 digits, unverified", gain_rel=0.002),
            nominal_hz=2.0,
            max_power_w=150.0,
            identity=self._model,
        )

    def _greet(self, port: Port) -> None:
        self._next_ns = 0
        for _ in range(3):  # the first reply after a connection may be stale or short
            frame = self._ask(port)
            if frame is not None:
                self._model = frame.model
                return
        raise silent(self.kind, self.address, 3 * _REPLY_S)

    def _read(self, port: Port) -> Readings:
        now_ns = self._clock.now_ns()
        if now_ns < self._next_ns:
            self._clock.sleep(min(0.1, (self._next_ns - now_ns) / 1e9))
            return ()
        self._next_ns = now_ns + round(_POLL_S * 1e9)
        frame = self._ask(port)
        if frame is None:
            return ()
        after_ns = self._clock.now_ns()
        flags, self._after_gap = FLAG_GAP if self._after_gap else 0, False
        middle, half = (now_ns + after_ns) // 2, (after_ns - now_ns) // 2
        return (Reading(channel=f"{self.kind}.power", t_ns=middle, bracket_ns=half, value=frame.power_w, flags=flags),)

    def _ask(self, port: Port) -> Frame | None:
        while port.read(4096, 0.0):  # what is left of an earlier reply
            pass
        port.write(REQUEST)
        data, until_ns = b"", self._clock.now_ns() + round(_REPLY_S * 1e9)
        while len(data) < FRAME_BYTES and (left_ns := until_ns - self._clock.now_ns()) > 0:
            got = port.read(FRAME_BYTES - len(data), left_ns / 1e9)
            if not got:
                break
            data += got
        return parse(data)
