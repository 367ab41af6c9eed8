"""List the emulated instruments that `edgekit meters emulate` serves: a line for each, by the kind of meter that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, Final

from edgekit.core.errors import unknown_name
from edgekit.sim.curve import Load
from edgekit.sim.emulators.instrument import Circuit, Instrument, OwnClock


class Line(StrEnum):
    """Name what an instrument is reached through: a serial line or HID reports on a pseudo-terminal, a socket, HTTP."""

    SERIAL = "serial"
    HID = "hid"
    TCP = "tcp"
    HTTP = "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedKind:
    """Say which class emulates a kind: Class(circuit, *, clock: OwnClock, seed: int), how it is reached, and its usual voltage."""

    target: str
    line: Line = Line.SERIAL
    voltage_v: float = 5.0
    load: str | None = None  # in words, where what others draw is beyond its range
    current_only: bool = False  # the voltage must be told to whoever reads it
    pin: str = ""  # the argument that takes the level of its input: {0: level} for "inputs", else the level itself


_SMALL = "idle 20 mW; burst 80 mW 20 ms every 100 ms"  # a microcontroller

EMULATED: Final[Mapping[str, EmulatedKind]] = {
    "ppk2": EmulatedKind(target="edgekit.sim.emulators.ppk2:Ppk2", voltage_v=3.3, load=_SMALL, current_only=True, pin="inputs"),
    "lpm01a": EmulatedKind(target="edgekit.sim.emulators.lpm01a:Lpm01a", voltage_v=3.3, load=_SMALL, current_only=True, pin="marks"),
    "v3pwr": EmulatedKind(target="edgekit.sim.emulators.v3pwr:V3Pwr", voltage_v=3.3, load=_SMALL, current_only=True),
    "um24c": EmulatedKind(target="edgekit.sim.emulators.um25c:Um24c"),
    "um25c": EmulatedKind(target="edgekit.sim.emulators.um25c:Um25c"),
    "um34c": EmulatedKind(target="edgekit.sim.emulators.um25c:Um34c"),
    "tc66": EmulatedKind(target="edgekit.sim.emulators.tc66:Tc66"),
    "fnb58": EmulatedKind(target="edgekit.sim.emulators.fnirsi:Fnb58", line=Line.HID),
    "fnb48s": EmulatedKind(target="edgekit.sim.emulators.fnirsi:Fnb48s", line=Line.HID),
    "fnb48": EmulatedKind(target="edgekit.sim.emulators.fnirsi:Fnb48", line=Line.HID),
    "fnirsi-c1": EmulatedKind(target="edgekit.sim.emulators.fnirsi:C1", line=Line.HID),
    "ct3": EmulatedKind(target="edgekit.sim.emulators.ct3:Ct3"),
    "km003c": EmulatedKind(target="edgekit.sim.emulators.km003c:Km003c"),
    "shelly": EmulatedKind(target="edgekit.sim.emulators.plugs:Shelly", line=Line.HTTP, voltage_v=230.0),
    "tasmota": EmulatedKind(target="edgekit.sim.emulators.plugs:Tasmota", line=Line.HTTP, voltage_v=230.0),
    "scpi": EmulatedKind(target="edgekit.sim.emulators.scpi:SiglentSpd", line=Line.TCP),
    "serial-lines": EmulatedKind(target="edgekit.sim.emulators.lines:PrintedLines"),
}


def emulated_kind(kind: str) -> EmulatedKind:
    """Return how a kind is emulated; raise UsageError for one that is not."""
    if kind not in EMULATED:
        raise unknown_name("emulator", kind, EMULATED, list_command="edgekit meters emulate --help")
    return EMULATED[kind]


def open_emulated(kind: str, circuit: Circuit, *, clock: OwnClock, seed: int = 0, pin: Load | None = None) -> Instrument:
    """Return a new emulated instrument of a kind on a circuit, with a clock of its own; `pin` drives its input, where it has one."""
    found = emulated_kind(kind)
    module, _, name = found.target.partition(":")
    emulator: Any = getattr(import_module(module), name)
    driven: dict[str, Any] = {found.pin: {0: pin} if found.pin == "inputs" else pin} if found.pin and pin is not None else {}
    opened: Instrument = emulator(circuit, clock=clock, seed=seed, **driven)
    return opened
