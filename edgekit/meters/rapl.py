"""Read Intel and AMD RAPL energy counters through the kernel's powercap tree (Documentation/power/powercap)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.meters.base import origin_of, require_usable

_BOUNDARY = {
    "package": Boundary.CPU_PACKAGE,
    "core": Boundary.CPU_CORE,
    "dram": Boundary.DRAM,
    "psys": Boundary.PLATFORM,
}


class RaplMeter:
    """Interpret the powercap zones that the runner found on the device; values are microjoules as the kernel gives them."""

    kind = "rapl"
    counter = "rapl"

    def spec(self, probe: Mapping[str, Any]) -> MeterSpec:
        """Return the spec; raise HardwareError with the remedy when the counters may not be read."""
        require_usable(self.kind, probe)
        channels = tuple(
            Channel(
                id=zone["id"],
                meter=self.kind,
                boundary=_BOUNDARY[zone["domain"]],
                measurand=Measurand.ENERGY_COUNTER,
                unit="J",
                origin=origin_of(probe),
                scale=1e-6,
                parent=zone.get("parent"),
                quantum=zone.get("quantum"),
                wrap=zone.get("wrap"),
            )
            for zone in probe["channels"]
            if zone["domain"] in _BOUNDARY  # uncore is inside the package and nothing is decided from it
        )
        return MeterSpec(
            kind=self.kind,
            channels=channels,
            accuracy=Accuracy(source="Intel and AMD state no accuracy for RAPL; compare with a wall meter to know it"),
            nominal_hz=1000.0,
            max_power_w=2000.0,
            detail=str(probe.get("detail", "")),
        )
