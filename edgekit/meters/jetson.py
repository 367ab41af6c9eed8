"""Read the power rails of NVIDIA Jetson modules: an INA3221 on the module, point samples of voltage times current."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.meters.reading.base import channel_of, driver_of, identity_of, origin_of, require_usable

# The largest power budget, or module power, that NVIDIA documents for each module (Jetson Linux Developer Guide, "Platform Power and
# Performance"; module data sheets), by what its device tree calls it; the first that fits. AGX Xavier: the supply of its kit.
_BUDGET_W = (
    (r"Thor", 130.0),
    (r"AGX Orin", 75.0),
    (r"Orin (NX|Nano)", 40.0),
    (r"Xavier NX", 20.0),
    (r"Xavier|Jetson-AGX", 65.0),
    (r"TX2|quill", 20.0),
    (r"TX1", 15.0),
    (r"Nano", 10.0),
)
_OVER_BUDGET = 2.0  # a budget caps averages by slowing down: for moments more is drawn
_ANY_MODULE_W = 260.0  # where neither module nor shunt is known: no module may draw more


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
            max_power_w=_most_w(probe),
            detail=str(probe.get("detail", "")),
            identity=identity_of(probe),
            driver=driver_of(probe),
        )


def _hz(probe: Mapping[str, Any]) -> float:
    """Return how often the slowest channel has something new, or 50 Hz, the rate beyond which a bus sensor mostly measures itself."""
    periods = [float(row["update_period_s"]) for row in probe["channels"] if row.get("update_period_s")]
    return min(50.0, 1 / max(periods)) if periods else 50.0


def _most_w(probe: Mapping[str, Any]) -> float:
    """Return the most watts that can be meant: twice the module's documented budget, and no more than its shunts can show."""
    rows = probe["channels"]
    model = next((str(row["model"]) for row in rows if row.get("model")), "")
    budget_w = next((budget for name, budget in _BUDGET_W if re.search(name, model)), None)
    shown_w = [row.get("full_scale_w") for row in rows if row.get("parent") is None]
    range_w = sum(shown_w) if shown_w and all(shown_w) else _ANY_MODULE_W
    return min(_ANY_MODULE_W if budget_w is None else _OVER_BUDGET * budget_w, range_w)
