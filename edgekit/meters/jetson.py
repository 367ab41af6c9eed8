"""Read the power rails of NVIDIA Jetson modules: an INA3221 on the module, point samples of voltage times current."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.meters.base import channel_of, driver_of, identity_of, origin_of, require_usable


class JetsonMeter:
    """Interpret rails by label: the module's input where it has a sensor, and the rails inside it."""

    kind = "jetson"
    counter = "jetson"

    def spec(self, probe: Mapping[str, Any]) -> MeterSpec:
        """Return the spec; raise HardwareError where no sensor carries a Jetson label."""
        require_usable(self.kind, probe)
        return MeterSpec(
            kind=self.kind,
            channels=tuple(
                channel_of(row, meter=self.kind, boundary=Boundary(row["domain"]), origin=origin_of(probe)) for row in probe["channels"]
            ),
            accuracy=Accuracy(
                gain_rel=0.02, source="assumed 2 %: INA3221 with a 1 % shunt; NVIDIA states no accuracy for its boards", verified=False
            ),
            nominal_hz=_hz(probe),
            integrating=False,
            max_power_w=200.0,  # above any Jetson module (Thor: 130 W)
            detail=str(probe.get("detail", "")),
            identity=identity_of(probe),
            driver=driver_of(probe),
        )


def _hz(probe: Mapping[str, Any]) -> float:
    """Return how often the slowest channel has something new, or 50 Hz, the rate beyond which a bus sensor mostly measures itself."""
    periods = [float(row["update_period_s"]) for row in probe["channels"] if row.get("update_period_s")]
    return min(50.0, 1 / max(periods)) if periods else 50.0
