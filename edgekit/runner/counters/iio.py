"""Describe the power sensors among IIO devices (Documentation/ABI/testing/sysfs-bus-iio): raw count times scale is mW, mV or mA."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

from .files import entries, optional_number, optional_text

_RAW = re.compile(r"in_(power|voltage|current)(\d*)_raw$")


def devices(root: str, notes: List[str]) -> List[Dict[str, Any]]:
    """Return one row per power channel, or per pair of a voltage and a current channel of one number, of every device under `root`."""
    rows: List[Dict[str, Any]] = []
    for entry in entries(root):
        if entry.startswith("iio:device") and not any(name.startswith("rail_name_") for name in entries(f"{root}/{entry}")):
            rows += _device(f"{root}/{entry}", entry, notes)
    return rows


def _device(folder: str, entry: str, notes: List[str]) -> List[Dict[str, Any]]:
    name = optional_text(f"{folder}/name") or entry
    found: Dict[str, Dict[str, str]] = {"power": {}, "voltage": {}, "current": {}}
    for match in filter(None, map(_RAW.match, entries(folder))):
        found[match.group(1)][match.group(2)] = match.group(0)
    both = sorted(set(found["voltage"]) & set(found["current"]))
    wanted = [["power", n] for n in sorted(found["power"])] or [["voltage", "current", n] for n in both]
    rows = []
    for *kinds, n in wanted:
        scales = [_scale(folder, kind, n) for kind in kinds]
        label = f"{name} {optional_text(f'{folder}/in_{kinds[0]}{n}_label') or kinds[0] + n}"
        if None in scales:
            notes.append(f"{label} has no scale and is left out")
            continue
        if any(optional_number(f"{folder}/in_{kind}{n}_offset") for kind in kinds):
            notes.append(f"{label} has an offset, which is not supported: left out")
            continue
        scale = 1e-3 if len(kinds) == 1 else 1e-6  # mW, or mV times mA
        for factor in scales:
            scale *= factor or 1.0
        rows.append(
            {
                "id": f"hwmon.{name}-{entry}.{kinds[0]}{n}",
                "label": label,
                "detail": f"{name} at {entry}",
                "domain": "",
                "identity": f"{name} {entry}",
                "paths": [f"{folder}/{found[kind][n]}" for kind in kinds],
                "raw_unit": "count",
                "scale": scale,
                "quantum": 1 if len(kinds) == 1 else None,
                "measurand": "power",
                "update_period_s": _period(folder),
            }
        )
    return rows


def _scale(folder: str, kind: str, n: str) -> Optional[float]:
    own = optional_number(f"{folder}/in_{kind}{n}_scale")
    return own if own is not None else optional_number(f"{folder}/in_{kind}_scale")


def _period(folder: str) -> Optional[float]:
    hz = optional_number(f"{folder}/in_sampling_frequency") or optional_number(f"{folder}/sampling_frequency")
    return 1 / hz if hz and 1e-3 < hz < 1e9 else None
