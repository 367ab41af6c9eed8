"""Read a board that prints its readings on a serial line: an INA226 behind an Arduino, an EdgePowerMeter, a bench logger."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.core.protocols import Clock
from edgekit.core.sync import Delay
from edgekit.links.port import PortOpener, SerialPort
from edgekit.meters.reading.lines import LinesMeter
from edgekit.meters.reading.settings import number


class SerialLinesMeter(LinesMeter):
    """Read lines at `baud`; the option `pattern` is a regular expression that names volts, amps, watts or joules."""

    kind = "serial-lines"
    options_known = (*LinesMeter.options_known, "baud")
    way = Delay(seconds=0.01, half_s=0.01, source="0 to 20 ms of a USB serial line")

    def __init__(
        self,
        address: str | None = None,
        options: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        open_port: PortOpener = SerialPort,
    ) -> None:
        super().__init__(address, options, clock=clock, open_port=open_port)
        self.baud = round(number(self.kind, self.options, "baud", 115_200, low=300, high=4_000_000))
