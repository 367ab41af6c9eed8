"""Read Intel and AMD RAPL energy counters, through perf_event or the kernel's powercap tree (Documentation/power/powercap)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.meters.reading.base import channel_of, driver_of, identity_of, origin_of, require_usable

_BOUNDARY = {
    "package": Boundary.CPU_PACKAGE,
    "core": Boundary.CPU_CORE,
    "uncore": Boundary.CPU_UNCORE,
    "dram": Boundary.DRAM,
    "psys": Boundary.PLATFORM,
}


class RaplMeter:
    """Interpret the counters that the runner found on the device: microjoules as powercap gives them, or units of 2^-32 J from perf."""

    kind = "rapl"
    counter = "rapl"

    def spec(self, probe: Mapping[str, Any]) -> MeterSpec:
        """Return the spec; raise HardwareError with the remedy when the counters may not be read."""
        require_usable(self.kind, probe)
        channels = tuple(
            # The counter adds up in hardware what its sensor sees (Intel SDM vol. 3B, 16.10); no stretch of time is known to be left out.
            replace(channel_of(zone, meter=self.kind, boundary=_BOUNDARY[zone["domain"]], origin=origin_of(probe)), sampled_fraction=1.0)
            for zone in probe["channels"]
            if zone["domain"] in _BOUNDARY
        )
        return MeterSpec(
            kind=self.kind,
            channels=channels,
            accuracy=Accuracy(source="Intel and AMD state no accuracy for RAPL"),
            nominal_hz=1000.0,
            max_power_w=2000.0,  # above any socket or memory of one socket that is sold today
            detail=str(probe.get("detail", "")),
            identity=identity_of(probe),
            driver=driver_of(probe),
        )
