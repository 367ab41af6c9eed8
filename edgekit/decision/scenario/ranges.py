"""Read a quantity with the range that its source states: "0.17 kgCO2e (0.08 to 0.29)", or a table of value, low and high. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edgekit.decision.units import UnitProblem, parse

KEYS = {"value", "low", "high"}
_WRITTEN = re.compile(r"\s*([^\s()]+)\s*([^()]*?)\s*\(\s*([^()]+?)\s+to\s+([^()]+?)\s*\)\s*")


def parse_ranged(written: object, unit: str) -> tuple[float, tuple[float, float] | None]:
    """Return (value, (low, high)) in `unit`, without a range (value, None); an end without a unit has the value's.

    Raises:
        UnitProblem: it is no quantity, or the value does not lie in its range.
    """
    parts = _parts(written)
    value, low, high = (parse(parts[key], unit) if key in parts else None for key in ("value", "low", "high"))
    assert value is not None
    if low is None and high is None:
        return value, None
    low, high = value if low is None else low, value if high is None else high
    if not 0 <= low <= value <= high:
        raise UnitProblem(f"{value:g} does not lie between {low:g} and {high:g}, or an end is below 0")
    return value, (low, high)


def _parts(written: object) -> Mapping[str, Any]:
    if isinstance(written, dict):
        if "value" not in written or written.keys() - KEYS:
            raise UnitProblem("a quantity, or a table of value, low and high, is expected here")
        return written
    match = _WRITTEN.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        return {"value": written}
    number, unit, *ends = match.groups()
    low, high = (end if re.search(r"[^\d.eE+\-\s]", end) else f"{end} {unit}" for end in ends)
    return {"value": f"{number} {unit}", "low": low, "high": high}
