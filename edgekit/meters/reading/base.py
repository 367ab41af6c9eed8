"""Share what meters that are read on the device have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Channel, Measurand
from edgekit.core.errors import HardwareError
from edgekit.core.quantity import Origin
from edgekit.core.units import Unit

# What a raw count is: unit and factor. "count" carries its own factor in the row's "scale".
_UNITS: Mapping[str, tuple[Unit, float]] = {
    "uJ": ("J", 1e-6),
    "mJ": ("J", 1e-3),
    "2^-32 J": ("J", 2.0**-32),
    "uW": ("W", 1e-6),
    "mW": ("W", 1e-3),
    "W": ("W", 1.0),
    "count": ("W", 1.0),
}


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


def channel_of(row: Mapping[str, Any], *, meter: str, boundary: Boundary, origin: Origin) -> Channel:
    """Return the channel that one row of a probe describes."""
    unit, scale = _UNITS[row["raw_unit"]]
    return Channel(
        id=row["id"],
        meter=meter,
        boundary=boundary,
        measurand=Measurand(row["measurand"]),
        unit=unit,
        origin=origin,
        scale=float(row.get("scale") or scale),
        parent=row.get("parent"),
        quantum=row.get("quantum"),
        wrap=row.get("wrap"),
        label=str(row.get("label") or ""),
        update_period_s=row.get("update_period_s"),
        averaging_s=row.get("averaging_s"),
    )


def identity_of(probe: Mapping[str, Any]) -> str:
    """Return what tells this instrument from another of its kind: every distinct identity among its channels."""
    return " + ".join(dict.fromkeys(str(row["identity"]) for row in probe["channels"] if row.get("identity")))


def driver_of(probe: Mapping[str, Any]) -> str:
    """Return the software between instrument and readings."""
    named = (str(row["driver"]) for row in probe["channels"] if row.get("driver"))
    return next(named, f"Linux {probe['kernel']}" if probe.get("kernel") else "")
