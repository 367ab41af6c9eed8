"""Read Intel's and AMD's RAPL energy counters from the powercap tree of Linux.

Zones nest: core and uncore are inside their package; dram is a child folder but its energy is not inside the package's; psys is a zone
of its own that contains all of them (docs.kernel.org, power/powercap). A counter is (2^32 - 1) units at its maximum, so it wraps at
maximum + 1 unit. A zone's `enabled` says whether its power limit is enforced; the counter counts either way.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from . import offered, refused
from .files import optional_number, optional_text, text_of
from .rapl_refused import forbidden, masked

ROOT = "/sys/class/powercap"
MIRROR_UJ = 1_000_000  # two counters further apart than this were never one
_MSR, _MMIO = re.compile(r"intel-rapl:\d+(:\d+)?$"), re.compile(r"intel-rapl-mmio:\d+(:\d+)?$")
_INSIDE_PACKAGE = frozenset({"core", "uncore"})
_PARTS = frozenset({"core", "uncore", "dram", "psys"})
_PAUSE_S = 0.1  # long against the millisecond between two updates


def folder(roots: Mapping[str, str]) -> str:
    """Return where the tree is."""
    return roots.get("powercap") or (roots["sys"] + "/class/powercap" if "sys" in roots else ROOT)


def probe(roots: Mapping[str, str], pause: Callable[[float], None] = time.sleep) -> Dict[str, Any]:
    """Return one channel per zone that is nobody's duplicate, or why none can be read and the remedies."""
    root = folder(roots)
    try:
        names = sorted(os.listdir(root))
    except OSError as error:
        return refused(f"{root} cannot be listed: {error.strerror}", "no powercap tree: not Linux on x86, or a virtual machine")
    dangling = [name for name in names if os.path.islink(os.path.join(root, name)) and not os.path.exists(os.path.join(root, name))]
    if dangling:
        return masked(os.path.join(root, dangling[0]))
    rows, notes = _zones(root, names)
    if not rows:
        detail = "the processor has none, or this virtual machine or container hides it"
        return refused("; ".join([f"{root} holds no RAPL zone" if names else f"{root} is empty: it holds no RAPL zone", *notes]), detail)
    readable: List[Dict[str, Any]] = []
    closed: List[str] = []
    for row in rows:
        try:
            row["value"] = int(text_of(row["path"]))
            readable.append(row)
        except PermissionError:
            closed.append(row["path"])
        except (OSError, ValueError) as error:
            notes.append(f"{row['zone']} cannot be read and is left out: {error}")
    if closed and not readable:
        return forbidden(closed[0])
    notes += [f"{path} may not be read by this user and is left out" for path in closed]
    if not readable:
        return refused("; ".join(notes))
    kept, mirrors = without_mirrors(readable, lambda row: int(text_of(row["path"])), notes, pause)
    notes += [f"{row['zone']} states no maximum: where its counter wraps is not known" for row in kept if row["wrap"] is None]
    found = {**offered(nested(kept), f"powercap under {root}", notes), "mirrors": mirrors}
    if os.path.exists(os.path.join(root, "intel-rapl", "edgekit_emulated")):
        found["emulated"] = True
    return found


def _zones(root: str, names: Sequence[str]) -> Tuple[List[Dict[str, Any]], List[str]]:
    """Return every zone once: a zone of intel-rapl-mmio stands in only where intel-rapl has none of that name."""
    rows: List[Dict[str, Any]] = []
    notes: List[str] = []
    seen: Dict[Tuple[str, ...], str] = {}
    for pattern, twins in ((_MSR, False), (_MMIO, True)):
        for zone in filter(pattern.match, names):
            top = ":".join(zone.split(":")[:2])
            name = optional_text(os.path.join(root, zone, "name"))
            package = name if zone == top else optional_text(os.path.join(root, top, "name"))
            place = (package,) if zone == top else (package, name)
            if not name:
                notes.append(f"{zone} has no name and is left out")
            elif not name.startswith("package") and name not in _PARTS:
                notes.append(f"{zone} is called {name[:40]!r}, which is no place that RAPL counts at, and is left out")
            elif twins and place in seen:
                notes.append(f"{zone} ({name}) repeats {seen[place]} through another register and is skipped")
            else:
                identity = "rapl." + ".".join(place)
                rows.append(_row(root, zone, top, name, identity if place not in seen else f"{identity}@{zone.rpartition('-')[2]}"))
                seen.setdefault(place, zone)
    return rows, notes


def _row(root: str, zone: str, top: str, name: str, identity: str) -> Dict[str, Any]:
    wrap, quantum = modulus(optional_number(os.path.join(root, zone, "max_energy_range_uj")))
    return {
        "id": identity,
        "domain": "package" if name.startswith("package") else name,
        "raw_unit": "uJ",
        "quantum": quantum,
        "wrap": wrap,
        "path": os.path.join(root, zone, "energy_uj"),
        "detail": f"{zone} ({name})",
        "zone": zone,
        "top": top,
        "label": name,
    }


def nested(rows: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Return the rows with the parent of each: its package for core and uncore, psys for the rest where there is one."""
    psys = next((row["id"] for row in rows if row["domain"] == "psys"), None)
    packages = {row["top"]: row["id"] for row in rows if row["domain"] == "package"}

    def parent(row: Mapping[str, Any]) -> Optional[str]:
        if row["domain"] in _INSIDE_PACKAGE:
            return packages.get(row["top"], psys)
        return psys if row["id"] != psys else None

    return [{**row, "parent": parent(row)} for row in rows]


def without_mirrors(
    rows: Sequence[Dict[str, Any]],
    read: Callable[[Dict[str, Any]], float],
    notes: List[str],
    pause: Callable[[float], None],
    close: float = MIRROR_UJ,
    share: float = 0.05,
) -> Tuple[List[Dict[str, Any]], List[str]]:
    """Return (the rows without dies that show the counter of another die once more, as on AMD Zen 1 and 2, the labels left out).

    Two packages are one counter when their values are within `close` of each other and both advance over a pause, alike within `share`.
    """
    packages = [row for row in rows if row["domain"] == "package"]
    suspects = [row for row in packages if any(row is not other and abs(row["value"] - other["value"]) <= close for other in packages)]
    if not suspects:
        return list(rows), []
    pause(_PAUSE_S)
    advanced = {row["id"]: read(row) - row["value"] for row in suspects}
    first: List[Dict[str, Any]] = []
    mirrors: List[Dict[str, Any]] = []
    for row in suspects:
        one = advanced[row["id"]]
        alike = [other for other in first if abs(row["value"] - other["value"]) <= close and _alike(one, advanced[other["id"]], share)]
        if alike:
            mirrors.append(row)
            notes.append(f"{row['zone']} ({row['label']}) shows the counter of {alike[0]['zone']} ({alike[0]['label']}) once more: skipped")
        else:
            first.append(row)
    tops = {row["top"] for row in mirrors}
    return [row for row in rows if row["top"] not in tops], [str(row["label"]) for row in mirrors]


def _alike(one: float, two: float, share: float) -> bool:
    return one > 0 and two > 0 and abs(one - two) <= share * max(one, two)


def modulus(maximum: Optional[float]) -> Tuple[Optional[int], int]:
    """Return (modulus, unit) in µJ of a counter whose largest value is `maximum` µJ; the modulus is None where the maximum is not known."""
    if not maximum or maximum <= 0:
        return None, 1
    unit = max(1, round(maximum / (2**32 - 1)))
    return int(maximum) + unit, unit
