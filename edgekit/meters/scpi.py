"""Read bench instruments that are asked in SCPI over a raw socket, a serial line, or what VISA reaches. Presets: scpi.toml.

Only queries are sent: no output is switched, no range is changed by a command of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.errors import HardwareError
from edgekit.core.protocols import Clock, Port
from edgekit.core.quantity import Origin
from edgekit.core.sync import ASKED
from edgekit.core.trace import FLAG_GAP, Reading
from edgekit.core.units import Unit
from edgekit.links.port import PortOpener, SerialPort
from edgekit.links.visa import NAME, VisaPort
from edgekit.meters.reading.reader import PortMeter, Readings, silent
from edgekit.meters.reading.settings import number, one_of, place, wrong
from edgekit.meters.reading.wiring import volts
from edgekit.meters.scpi_presets import QUANTITIES, Preset, own_queries, parse, preset_of, presets

_REPLY_S: Final = 1.0
_LONGEST: Final = 4096


def opened(address: str, baud: int = 9600) -> Port:
    """Open what VISA names through pyvisa, all else as pyserial does."""
    return VisaPort(address) if NAME.fullmatch(address) else SerialPort(address, baud)


class ScpiMeter(PortMeter):
    """Ask one channel of an instrument again and again. Its watts are used where it tells them, else volts times amperes."""

    kind = "scpi"
    silent_s = 5.0
    options_known = ("resource", "preset", "channel", "port", "baud", "boundary", "voltage", "period_s", *QUANTITIES)

    def __init__(
        self,
        address: str | None = None,
        options: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        open_port: PortOpener = opened,
    ) -> None:
        super().__init__(address, options, clock=clock, open_port=open_port)
        self._own = own_queries(self.kind, self.options)
        self._boundary = place(self.kind, self.options, Boundary.USB_INPUT)
        self._channel = round(number(self.kind, self.options, "channel", 1, low=1, high=64))
        self.baud = round(number(self.kind, self.options, "baud", 9600, low=300, high=4_000_000))
        named = one_of(self.kind, self.options, "preset", ("", *presets()), "")
        self._named = presets()[named] if named else None
        usual = self._own or self._named
        port = number(self.kind, self.options, "port", usual.port if usual else 5025, low=1, high=65_535)
        self.address = _place(self.kind, self.options.get("resource", self.address), round(port))
        self._preset: Preset | None = None
        self._identity = ""
        self._next_ns = 0

    def spec(self) -> MeterSpec:
        """Return the spec of the instrument that answers."""
        self.open()
        preset = self._known()
        origin = Origin.EMULATED if self.options.get("emulated") or "EMULATED" in self._identity else Origin.MEASURED

        def channel(
            name: str, measurand: Measurand, unit: Unit, quantum: float | None, *, times: str | None = None, scale: float = 1.0
        ) -> Channel:
            return Channel(
                id=f"scpi.{name}",
                meter=self.kind,
                boundary=self._boundary,
                measurand=measurand,
                unit=unit,
                origin=origin,
                scale=scale,
                quantum=quantum,
                update_period_s=preset.period_s,
                averaging_s=preset.look_s,
                times=times,
            )

        if "watts" in preset.gives:
            channels = [channel("power", Measurand.POWER, "W", None)]
        elif "volts" in preset.gives:
            channels = [
                channel("voltage", Measurand.VOLTAGE, "V", preset.volts_step),
                channel("current", Measurand.CURRENT, "A", preset.amps_step, times="scpi.voltage"),
            ]
        else:  # amperes at a voltage that the user states
            told = volts(self.options.get("voltage"), kind=self.kind, low_v=0.01, high_v=1000)
            channels = [channel("power", Measurand.POWER, "W", preset.amps_step, scale=told)]
        return MeterSpec(
            kind=self.kind,
            channels=tuple(channels),
            accuracy=Accuracy(source=preset.source, gain_rel=preset.gain_rel),
            nominal_hz=1 / preset.period_s,
            max_power_w=preset.max_w,
            delay=ASKED,
            identity=self._identity,
            detail=preset.title,
        )

    def _greet(self, port: Port) -> None:
        self._next_ns = 0
        identity = self._ask(port, "*IDN?")
        if not identity:
            raise silent(self.kind, self.address, _REPLY_S)
        self._identity = ", ".join(part.strip() for part in identity.split(","))[:120]
        self._preset = self._own or self._named or preset_of(identity)
        if self._preset is None:
            raise wrong(self.kind, "preset", f"nothing is known of {self._identity!r}; give queries: volts=MEAS:VOLT?,amps=MEAS:CURR?")
        if self._sample(port) is None:
            raise HardwareError(
                f"{self.address} does not answer the queries of {self._preset.title}",
                code="scpi.answer",
                why=self._ask(port, "SYST:ERR?") or "it says nothing",
                do=[("say which channel, or give queries of your own:", "edgekit meters read scpi:HOST,channel=1")],
            )

    def _read(self, port: Port) -> Readings:
        now_ns = self._clock.now_ns()
        if now_ns < self._next_ns:
            self._clock.sleep(min(0.1, (self._next_ns - now_ns) / 1e9))
            return ()
        self._next_ns = now_ns + round(self._known().period_s * 1e9)
        found = self._sample(port)
        if found is None:
            return ()
        after_ns = self._clock.now_ns()
        flags, self._after_gap = FLAG_GAP if self._after_gap else 0, False
        at: dict[str, int] = {"t_ns": (now_ns + after_ns) // 2, "bracket_ns": (after_ns - now_ns) // 2, "flags": flags}
        if "watts" in found:
            return (Reading(channel="scpi.power", value=found["watts"], **at),)
        if "volts" in found:
            return (
                Reading(channel="scpi.voltage", value=found["volts"], **at),
                Reading(channel="scpi.current", value=found["amps"], **at),
            )
        return (Reading(channel="scpi.power", value=found["amps"], **at),)

    def _sample(self, port: Port) -> dict[str, float] | None:
        """Return one answer to each query, None where one is missing: volts without their amperes are no power."""
        found: dict[str, float] = {}
        for query in self._known().queries:
            part = parse(self._ask(port, query.ask.replace("{channel}", str(self._channel))), query.gives)
            if part is None:
                return None
            found |= part
        return found

    def _known(self) -> Preset:
        assert self._preset is not None
        return self._preset

    def _ask(self, port: Port, query: str) -> str:
        while port.read(_LONGEST, 0.0):  # what is left of an earlier answer
            pass
        port.write(query.encode("ascii") + b"\n")
        data, until_ns = b"", self._clock.now_ns() + round(_REPLY_S * 1e9)
        while b"\n" not in data and len(data) < _LONGEST and (left_ns := until_ns - self._clock.now_ns()) > 0:
            got = port.read(_LONGEST, left_ns / 1e9)
            if not got:
                return ""
            data += got
        line, ended, _ = data.partition(b"\n")
        return line.decode("ascii", "replace").strip() if ended else ""


def _place(kind: str, address: str, number: int) -> str:
    """Return what is opened: a device, a URL or a VISA name as it is, a host as a raw socket."""
    if NAME.fullmatch(address) or "://" in address or address.startswith("/") or re.fullmatch(r"COM\d+", address):
        return address
    host, _, told = address.partition(":")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", host) or (told and not re.fullmatch(r"\d{1,5}", told)):
        raise wrong(kind, "port", "the address of an instrument reads HOST, HOST:PORT, socket://HOST:PORT, a VISA name or a serial port")
    return f"socket://{host}:{told or number}"
