"""Read RDTech UM24C, UM25C and UM34C over Bluetooth's serial profile. Layout: shared by libsigrok, rd-usb and pyummeter."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.core.protocols import Port
from edgekit.core.quantity import Note, Origin
from edgekit.core.sync import ASKED
from edgekit.core.trace import FLAG_INVALID
from edgekit.meters.rdtech import REPLY_S, Look, RdtechMeter
from edgekit.meters.reading.reader import silent

REQUEST: Final = b"\xf0"
FRAME_BYTES: Final = 130
LAYOUT: Final = struct.Struct(">HHHLHHH80sHHHLLHLHHHLHBB")
MODELS: Final = {0x0963: ("UM24C", 100, 1000), 0x09C9: ("UM25C", 1000, 10_000), 0x0D4C: ("UM34C", 100, 1000)}  # counts per V and per A
CHECKED: Final = (
    *(1, 3, 7, 9, 15, 17, 19, 23, 31, 39, 41, 45, 49, 53, 55, 57, 59),
    *(63, 67, 69, 73, 79, 83, 89, 97, 99, 109, 111, 113, 119, 121, 127),
)


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


class Um25cMeter(RdtechMeter):
    """Ask the meter twice a second; its watts are means of its own, its milliwatt-hours an energy counter of 3.6 J."""

    kind = "um25c"
    serial_names: tuple[str, ...] = ("rfcomm", "cu.UM24C", "cu.UM25C", "cu.UM34C")  # Bluetooth gives its ports no ids
    every_s = 0.4  # it renews its values about twice a second; asking more often, as libsigrok does, gives them twice

    _group: int | None = None
    _counter_lost = False

    def spec(self) -> MeterSpec:
        """Return the spec of the model that answers."""
        self.open()
        origin = Origin.EMULATED if self.options.get("emulated") else Origin.MEASURED
        return MeterSpec(
            kind=self.kind,
            channels=self._channels(origin, quantum_w=0.001),
            accuracy=Accuracy(source="maker's statement of 0.05 % + 2 digits and 0.1 % + 4 digits, unverified", gain_rel=0.002),
            nominal_hz=2.0,
            max_power_w=150.0,
            delay=ASKED,
            identity=f"{self._model} {self.options.get('serial', '')}".strip(),
        )

    def _greet(self, port: Port) -> None:
        self._next_ns = 0
        for _ in range(3):  # the first reply after a connection may be stale or short
            frame = self._ask(port)
            if frame is not None:
                self._model = frame.model
                if self._group is None:
                    self._group = frame.group
                return
        raise silent(self.kind, self.address, 3 * REPLY_S)

    def _look(self, port: Port) -> Look | None:
        frame = self._ask(port)
        if frame is None:
            return None
        if frame.group != self._group and not self._counter_lost:  # another group counts for itself, and this one stands still meanwhile
            self._counter_lost = True
            text = f"meter {self.kind} was switched to data group {frame.group}: its energy counter says nothing of this run any more"
            self._tell("note", Note(code="meter.group", text=text, advice="leave the meter's keys alone during a run"))
        lost = FLAG_INVALID if self._counter_lost else 0
        return Look(power_w=frame.power_w, voltage_v=frame.voltage_v, count_mwh=frame.group_mwh, count_flags=lost)

    def _ask(self, port: Port) -> Frame | None:
        return parse(self._answer(port, REQUEST, FRAME_BYTES))
