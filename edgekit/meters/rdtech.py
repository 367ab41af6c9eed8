"""Share what RDTech's testers have in common: one question, one answer of known length, and the same three channels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Channel, Measurand
from edgekit.core.protocols import Port
from edgekit.core.quantity import Origin
from edgekit.core.trace import FLAG_GAP, Reading
from edgekit.meters.reading.reader import PortMeter, Readings

REPLY_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Hold what one answer tells: watts, volts, and counted milliwatt-hours with the flags of that count."""

    power_w: float
    voltage_v: float
    count_mwh: int
    count_flags: int = 0


class RdtechMeter(PortMeter):
    """Ask every `every_s` (`fast_s` for a self-test), and date what the answer says between question and answer."""

    every_s = fast_s = 0.1
    _next_ns = 0

    def _look(self, port: Port) -> Look | None:
        """Ask once; return None where no whole answer came."""
        raise NotImplementedError

    def _read(self, port: Port) -> Readings:
        now_ns = self._clock.now_ns()
        if now_ns < self._next_ns:
            self._clock.sleep(min(0.1, (self._next_ns - now_ns) / 1e9))
            return ()
        self._next_ns = now_ns + round((self.fast_s if self.fast else self.every_s) * 1e9)
        found = self._look(port)
        if found is None:
            return ()
        after_ns = self._clock.now_ns()
        flags, self._after_gap = FLAG_GAP if self._after_gap else 0, False
        at: dict[str, int] = {"t_ns": (now_ns + after_ns) // 2, "bracket_ns": (after_ns - now_ns) // 2}
        return (
            Reading(channel=f"{self.kind}.power", value=found.power_w, flags=flags, **at),
            Reading(channel=f"{self.kind}.voltage", value=found.voltage_v, flags=flags, **at),
            Reading(channel=f"{self.kind}.energy", value=float(found.count_mwh), flags=flags | found.count_flags, **at),
        )

    def _channels(self, origin: Origin, *, quantum_w: float) -> tuple[Channel, ...]:
        """Return power, milliwatt-hours as a counter of 3.6 J, and voltage; values are renewed twice a second."""
        power = Channel(
            id=f"{self.kind}.power",
            meter=self.kind,
            boundary=Boundary.USB_INPUT,
            measurand=Measurand.POWER,
            unit="W",
            origin=origin,
            quantum=quantum_w,
            update_period_s=0.5,
        )
        voltage = replace(power, id=f"{self.kind}.voltage", measurand=Measurand.VOLTAGE, unit="V")
        energy = replace(
            power,
            id=f"{self.kind}.energy",
            measurand=Measurand.ENERGY_COUNTER,
            unit="J",
            scale=3.6,
            quantum=1,
            wrap=2**32,
            update_period_s=None,
        )
        return power, energy, voltage

    def _answer(self, port: Port, question: bytes, length: int) -> bytes:
        """Ask, without a line end; return what came of an answer of `length` bytes within half a second."""
        while port.read(4096, 0.0):  # what is left of an earlier answer
            pass
        port.write(question)
        data, until_ns = b"", self._clock.now_ns() + round(REPLY_S * 1e9)
        while len(data) < length and (left_ns := until_ns - self._clock.now_ns()) > 0:
            got = port.read(length - len(data), left_ns / 1e9)
            if not got:
                break
            data += got
        return data
