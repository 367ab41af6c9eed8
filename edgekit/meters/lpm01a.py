"""Read an ST X-NUCLEO-LPM01A: the probe of MLPerf Tiny, with the edges of D7 in its stream."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.channel import Accuracy
from edgekit.meters.shield import ShieldMeter


class Lpm01aMeter(ShieldMeter):
    """Stream current up to 50 mA at 1.8 to 3.3 V as text up to 10 kHz and as words above, or energy up to 10 kHz.

    Edges of D7 come with text only: how the words tell them is not known.
    """

    kind = "lpm01a"
    usb_ids = ((0x0483, 0x5740),)
    products = ("PowerShield", "LPM01A")
    accuracy = Accuracy(source="ST's 2 % of the dynamic range, as a limit (UM2243)", gain_rel=0.02 / 3**0.5)
    edge = "d7"
    most_w = 0.2 * 3.3

    def _commands(self, voltage_v: float) -> Sequence[str | tuple[str, ...]]:
        told = self.options.get("power") in ("on", "during")
        return [
            *("htc", "powershield", "acqtime inf", "trigdelay 0", "trigsrc sw"),
            *(["eventsrc d7 fal"] if self._has_edges else []),
            *(f"output {self._output}", f"format {'ascii_dec' if self._text else 'bin_hexa'}"),
            *(f"freq {self._rate_hz}", f"volt {round(voltage_v * 1000)}m"),
            *(["pwr on nostatus"] if told else []),
        ]

    def _farewell(self) -> list[str]:
        return [*(["pwr off"] if self.options.get("power") == "during" else []), "hrc"]
