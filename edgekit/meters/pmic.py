"""Read the rails of a Raspberry Pi 5 through its power-management chip: not what the board takes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.meters.reading.base import channel_of, driver_of, identity_of, origin_of, require_usable


class PmicMeter:
    """Interpret the twelve rails that state volts and amperes; together they are the rails of the board, never its input."""

    kind = "pmic"
    counter = "pmic"

    def spec(self, probe: Mapping[str, Any]) -> MeterSpec:
        """Return the spec; raise HardwareError on anything but a Raspberry Pi 5, or where the firmware may not be asked."""
        require_usable(self.kind, probe)
        return MeterSpec(
            kind=self.kind,
            channels=tuple(
                channel_of(row, meter=self.kind, boundary=Boundary.SOC_RAIL, origin=origin_of(probe)) for row in probe["channels"]
            ),
            accuracy=Accuracy(source="Raspberry Pi states no accuracy for its PMIC; compare with a USB meter to know it"),
            nominal_hz=20.0,
            integrating=False,
            max_power_w=60.0,  # the board's supply gives 27 W
            detail=str(probe.get("detail", "")),
            identity=identity_of(probe),
            driver=driver_of(probe),
        )
