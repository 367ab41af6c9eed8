"""Read an ST STLINK-V3PWR: the probe and supply beside the debugger, 100 000 samples a second."""

from __future__ import annotations

from edgekit.core.channel import Accuracy
from edgekit.meters.shield import ShieldMeter


class V3PwrMeter(ShieldMeter):
    """Stream current up to 550 mA at 1.6 to 3.6 V, always as words. Its handshake was seen in excerpts of others' programs only."""

    kind = "v3pwr"
    usb_ids = ((0x0483, 0x3757),)
    volts_v = (1.6, 3.6)
    accuracy = Accuracy(source="0.5 % from memory of ST's pages, unverified", gain_rel=0.005)
    usual_hz = 100_000
    text_hz = 0
    outputs = ("current",)
    most_w = 0.55 * 3.6

    def _commands(self, voltage_v: float) -> list[str]:
        told = self.options.get("power") in ("on", "during")
        return [
            *("powershield", "power_monitor", "format bin_hexa", f"freq {self._rate_hz}", "acqtime inf"),
            f"volt vout {round(voltage_v * 1000)}m",
            *(["pwr vout on"] if told else []),
        ]

    def _farewell(self) -> list[str]:
        return ["pwr vout off"] if self.options.get("power") == "during" else []
