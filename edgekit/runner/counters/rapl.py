"""Read RAPL by the better of two ways: perf_event where the kernel permits it (no wrap), else the powercap tree.

Old kernels list events for AMD processors that count nothing, so only domains that both ways know are read through perf_event.
"""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from . import Opened, imitated, perf, powercap
from .files import Handles, entries, optional_number, optional_text

PERIOD_S = 1e-3  # both ways: the processor adds to its counters about every millisecond, with jitter


def probe(roots: Mapping[str, str], opener: perf.Opener = perf.open_event, pause: Callable[[float], None] = time.sleep) -> Dict[str, Any]:
    """Return the channels of the way that is used, with notes on duplicates and on why the other is not; or both refusals."""
    tree = powercap.probe(roots, pause)
    emulated = imitated(roots) or bool(tree.get("emulated"))
    identity, driver = _identity(roots, emulated), "Linux " + os.uname().release
    if "perf" in roots or not emulated:  # an imitated tree has no PMU beside it but the machine's own
        events = perf.probe(roots, opener)
        if events["usable"]:
            tree = _compared(events, tree, opener, pause, powercap.folder(roots))
        elif os.path.exists(perf.folder(roots)):
            if tree["usable"]:
                tree["notes"].append(f"perf_event is not used: {events['why']}")
            else:
                tree["why"] += f"; {events['why']}"
                tree["do"] += events["do"]
    for row in tree["channels"]:
        row.update(update_period_s=PERIOD_S, identity=identity, driver=driver)
    return tree


def start(
    roots: Mapping[str, str],
    pids: Sequence[int],
    found: Optional[Mapping[str, Any]] = None,
    opener: perf.Opener = perf.open_event,
) -> Opened:
    """Return the counters that the probe `found`, opened."""
    rows = (found or probe(roots, opener))["channels"]
    return perf.Events(rows, opener) if rows and "config" in rows[0] else Zones(rows)


class Zones(Opened):
    """Keep one descriptor per zone open."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self._files = Handles()
        try:
            self.readers = [(str(row["id"]), self._files.reader(str(row["path"]))) for row in rows]
        except OSError:
            self._files.close()
            raise

    def close(self) -> None:
        self._files.close()


def _compared(
    events: Dict[str, Any], tree: Dict[str, Any], opener: perf.Opener, pause: Callable[[float], None], root: str
) -> Dict[str, Any]:
    """Return the perf channels that powercap knows too, without mirrored dies, nested as the zones are."""
    notes: List[str] = list(events["notes"])
    known = _domains(root)
    rows: List[Dict[str, Any]] = list(events["channels"])
    if not known:
        notes.append("powercap lists no zones to compare with: events that count nothing would not be noticed")
    for domain in sorted({row["domain"] for row in rows} - set(known) if known else ()):
        notes.append(f"perf_event offers {domain}, which powercap does not know: left out, for old kernels list events that count nothing")
    notes += [f"powercap knows {domain}, which perf_event does not offer: not read" for domain in sorted(set(known) - _of(rows))]
    rows = [{**row, "quantum": _quantum(known.get(row["domain"]), row["scale"])} for row in rows if not known or row["domain"] in known]
    if tree["usable"]:
        rows = [row for row in rows if row["top"] not in tree["mirrors"]]
        notes += [note for note in tree["notes"] if note.endswith("once more: skipped")]
    else:
        rows = _without_mirrors(rows, notes, opener, pause)
    return {**events, "channels": powercap.nested(rows), "notes": notes}


def _of(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(row["domain"]) for row in rows}


def _domains(root: str) -> Dict[str, Optional[float]]:
    """Return the domains that the tree names, with the unit of each in µJ; names and maxima are readable where counters are not."""
    found: Dict[str, Optional[float]] = {}
    for zone in entries(root):
        name = optional_text(os.path.join(root, zone, "name"))
        if name and zone.startswith("intel-rapl"):
            wrap, unit = powercap.modulus(optional_number(os.path.join(root, zone, "max_energy_range_uj")))
            found["package" if name.startswith("package") else name] = float(unit) if wrap else None
    return found


def _quantum(unit_uj: Optional[float], scale: float) -> Optional[float]:
    return None if unit_uj is None else unit_uj * 1e-6 / scale


def _without_mirrors(
    rows: List[Dict[str, Any]], notes: List[str], opener: perf.Opener, pause: Callable[[float], None]
) -> List[Dict[str, Any]]:
    """Leave out dies of one package that count alike: counts start at zero when opened, so only their advance can tell."""
    for package in sorted({row["top"].partition("-die-")[0] for row in rows if "-die-" in row["top"]}):
        dies = [row for row in rows if row["domain"] == "package" and row["top"].startswith(package + "-die-")]
        opened = perf.Events(dies, opener)
        try:
            read = dict(opened.readers)
            dies = [{**row, "value": read[row["id"]]()} for row in dies]
            _, mirrors = powercap.without_mirrors(dies, lambda row: read[row["id"]](), notes, pause, close=float("inf"), share=0.005)  # noqa: B023
        finally:
            opened.close()
        rows = [row for row in rows if row["top"] not in mirrors]
    return rows


def _identity(roots: Mapping[str, str], emulated: bool) -> str:
    """Return the processor's name and how many sockets it fills: one instrument per machine of that kind.

    What imitates RAPL is not the processor that it runs on: it is called after who emulates, or after its folder.
    """
    if emulated and "proc" not in roots:
        return os.environ.get("EDGEKIT_EMULATED") or "tree in " + powercap.folder(roots)
    model, sockets = "", set()
    for line in optional_text(roots.get("proc", "/proc") + "/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            model = value.strip()
        if key.strip() == "physical id":
            sockets.add(value.strip())
    return f"{model}, {max(1, len(sockets))} socket(s)" if model else ""
