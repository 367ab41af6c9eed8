"""Share what meters that are read on the device have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.errors import HardwareError
from edgekit.core.quantity import Origin


def require_usable(kind: str, probe: Mapping[str, Any]) -> None:
    """Raise HardwareError with what the runner found out when a counter is absent or refused."""
    if probe.get("usable"):
        return
    raise HardwareError(
        f"meter {kind} cannot be used on this device",
        code=f"meter.{kind}_unusable",
        why=str(probe.get("why", "the device offers no such counter")),
        do=[(advice, command) for advice, command in probe.get("do", ())] + [("see what is usable here:", "edgekit meters --all")],
    )


def origin_of(probe: Mapping[str, Any]) -> Origin:
    """Return MEASURED, or EMULATED when the counter was read from something that only imitates the hardware."""
    return Origin.EMULATED if probe.get("emulated") else Origin.MEASURED
