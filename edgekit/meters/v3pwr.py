"""Read an ST STLINK-V3PWR: the probe and supply beside the debugger, 100 000 samples a second."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.channel import Accuracy
from edgekit.meters.shield import ShieldMeter


class V3PwrMeter(ShieldMeter):
    """Stream current up to 550 mA at 1.6 to 3.6 V, always as words.

    Two public programs greet it alike and then differ in what they call its output and its format: the form of ST's own scripts (in its
    power measurements of the STM32N6) is tried first, then that of minuteOS.
    """

    kind = "v3pwr"
    usb_ids = ((0x0483, 0x3757),)
    volts_v = (1.6, 3.6)
    accuracy = Accuracy(source="0.5 % from memory of ST's pages, unverified", gain_rel=0.005)
    usual_hz = 100_000
    text_hz = 0
    outputs = ("current",)
    most_w = 0.55 * 3.6

    def _commands(self, voltage_v: float) -> Sequence[str | tuple[str, ...]]:
        told, volts = self.options.get("power") in ("on", "during"), f"{round(voltage_v * 1000)}m"
        return [
            *("powershield", "power_monitor"),
            (f"volt {volts}", f"volt vout {volts}"),
            ("format bin_hex", "format bin_hexa"),
            *("acqtime inf", f"freq {self._rate_hz}"),
            *([("pwr on", "pwr vout on")] if told else []),
        ]

    def _farewell(self) -> list[str]:
        if self.options.get("power") != "during":
            return []
        return ["pwr vout off" if "pwr vout on" in self._taken else "pwr off"]
