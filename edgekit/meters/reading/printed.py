"""Understand lines that say volts, amperes, watts or joules: JSON objects, columns of numbers, or what a regular expression names. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Channel, Measurand
from edgekit.core.quantity import Origin

QUANTITIES: Final = ("volts", "amps", "watts", "joules")
LONGEST: Final = 4096  # of a line; what is longer is no line of a meter
_NAMES: Final = {
    **dict.fromkeys(("volts", "voltage", "voltage_v", "v"), "volts"),
    **dict.fromkeys(("amps", "amperes", "current", "current_a", "a"), "amps"),
    **dict.fromkeys(("watts", "power", "power_w", "w"), "watts"),
    **dict.fromkeys(("joules", "energy", "energy_j", "j"), "joules"),
}
_MOST = 1e15


def parse_line(line: str, *, columns: Sequence[str] = (), pattern: re.Pattern[str] | None = None) -> dict[str, float] | None:
    """Return what a line says by quantity; None for a line that says nothing whole, such as a header or a remark.

    Without `columns` one number is watts, and two are volts and amperes. A column "" is left out.
    """
    if len(line) > LONGEST:
        return None
    if pattern is not None:
        matched = pattern.search(line)
        return _whole({name: text for name, text in matched.groupdict().items() if text is not None}) if matched else None
    text = line.strip()
    if text.startswith("{"):
        return _of_json(text)
    fields = re.split(r"[\s,;]+", text)
    names = columns or {1: ("watts",), 2: ("volts", "amps")}.get(len(fields), ())
    if not names or len(fields) < len(names):
        return None
    return _whole({name: field for name, field in zip(names, fields, strict=False) if name})


def named(name: str) -> str:
    """Return the quantity that a column's usual name means, "" for one that is none."""
    return _NAMES.get(name.strip().lower(), "")


def complete(found: frozenset[str]) -> bool:
    """Return whether a power or an energy can be made of these quantities."""
    return bool(found & {"watts", "joules"}) or {"volts", "amps"} <= found


def channels_of(kind: str, found: frozenset[str], *, boundary: Boundary, origin: Origin) -> tuple[Channel, ...]:
    """Return the channels of a meter that tells these quantities; watts stand before volts times amperes."""

    def channel(name: str, measurand: Measurand, unit: Any, times: str | None = None) -> Channel:
        return Channel(
            id=f"{kind}.{name}",
            meter=kind,
            boundary=boundary,
            measurand=measurand,
            unit=unit,
            origin=origin,
            times=times,
        )

    made = []
    if "watts" in found:
        made.append(channel("power", Measurand.POWER, "W"))
    elif {"volts", "amps"} <= found:
        made.append(channel("voltage", Measurand.VOLTAGE, "V"))
        made.append(channel("current", Measurand.CURRENT, "A", times=f"{kind}.voltage"))
    if "joules" in found:
        made.append(channel("energy", Measurand.ENERGY_COUNTER, "J"))
    return tuple(made)


def names_of(quantity: str) -> str:
    """Return the last part of the id of the channel that carries a quantity."""
    return {"watts": "power", "volts": "voltage", "amps": "current", "joules": "energy"}[quantity]


def _of_json(text: str) -> dict[str, float] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _whole({quantity: value for name, value in found.items() if (quantity := named(name))})


def _whole(found: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the numbers of a line that make a power or an energy, None where one of them is no number."""
    values = {}
    for name, value in found.items():
        number = _number(value)
        if number is None:
            return None
        values[name] = number
    return values if complete(frozenset(values)) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) < _MOST else None
