"""Read any power sensor that Linux shows under hwmon or IIO: INA breakouts, USB meters with a driver, graphics cards, power supplies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.core.errors import SetupError
from edgekit.meters.reading.base import channel_of, driver_of, identity_of, origin_of, require_usable


class HwmonMeter:
    """Interpret sensors by what their files state; where a bare sensor sits, only the user knows (device option `hwmon_boundary`)."""

    kind = "hwmon"
    counter = "hwmon"

    def spec(self, probe: Mapping[str, Any]) -> MeterSpec:
        """Return the spec; raise HardwareError without a sensor, SetupError for a place that does not exist."""
        require_usable(self.kind, probe)
        channels = tuple(
            channel_of(row, meter=self.kind, boundary=_place(row["domain"]), origin=origin_of(probe)) for row in probe["channels"]
        )
        periods = [channel.update_period_s for channel in channels if channel.update_period_s]
        return MeterSpec(
            kind=self.kind,
            channels=channels,
            accuracy=Accuracy(source="the kernel states no accuracy for these sensors: it is that of the chip and its shunt resistor"),
            nominal_hz=min(100.0, 1 / max(periods)) if periods else 20.0,
            integrating=all(channel.averaging_s is not None or channel.unit == "J" for channel in channels),
            max_power_w=2000.0,
            detail=str(probe.get("detail", "")),
            identity=identity_of(probe),
            driver=driver_of(probe),
        )


def _place(name: str) -> Boundary:
    try:
        return Boundary(name)
    except ValueError as error:
        raise SetupError(
            f"the device option hwmon_boundary is {name!r}",
            code="config.invalid",
            why=f"it names where the sensor sits: {', '.join(Boundary)}",
            do=[("look at the devices:", "edgekit devices --all")],
        ) from error
