"""Share what RDTech's testers have in common: one question, one answer of known length, and the same three channels."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Channel, Measurand
from edgekit.core.protocols import Port
from edgekit.core.quantity import Origin
from edgekit.meters.reader import PortMeter

REPLY_S: Final = 0.5


class RdtechMeter(PortMeter):
    """Ask, and read the answer."""

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
