"""Estimate energy from the CPU time of the inference process, for machines without any sensor. Never a measurement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.meters.reading.base import require_usable

# Watts that one busy core adds, with the factor within which nearly all machines of that kind lie. These are assumptions, stated as such:
# single-board Arm computers add 0.4 to 2 W a core (a Raspberry Pi 4 rises from 3.1 W idle to 6.1 W with four busy cores), Arm laptops and
# servers up to 6 W; x86 packages range from 3 W (many-core servers, low-power laptops) to 25 W (desktop turbo).
_WATTS_PER_CORE = {"arm": (1.5, 4.0), "x86": (8.0, 3.0)}
# Vector and memory instructions draw more than plain ones on the same core, so the gain differs between two models too: also an assumption.
_LOAD_FACTOR = 1.3


class CpuTimeMeter:
    """Turn nanoseconds of CPU time into joules with an assumed power per busy core, by processor family."""

    kind = "cputime"
    counter = "cputime"

    def spec(self, probe: Mapping[str, Any]) -> MeterSpec:
        """Return the spec with its wide stated uncertainty; raise HardwareError when CPU time cannot be read."""
        require_usable(self.kind, probe)
        family = "arm" if str(probe.get("arch", "")).startswith(("arm", "aarch")) else "x86"
        watts, factor = _WATTS_PER_CORE[family]
        channels = tuple(
            Channel(
                id=item["id"],
                meter=self.kind,
                boundary=Boundary.CPU_PACKAGE,
                measurand=Measurand.ENERGY_COUNTER,
                unit="J",
                origin=Origin.ESTIMATED,
                scale=watts * 1e-9,
                quantum=item.get("quantum"),
            )
            for item in probe["channels"]
        )
        return MeterSpec(
            kind=self.kind,
            channels=channels,
            accuracy=Accuracy(
                gain_factor=factor,
                load_factor=_LOAD_FACTOR,
                source=f"assumed {watts:g} W per busy core of this processor family, within a factor of {factor:g}; not measured",
            ),
            detail=f"{watts:g} W per busy core",
        )
