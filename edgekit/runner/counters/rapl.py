"""Read Intel's and AMD's RAPL energy counters from the powercap tree of Linux.

Zones nest: core and uncore are inside their package; dram is a child folder but its energy is not inside the package's; psys is a zone
of its own that contains all of them (docs.kernel.org, power/powercap). A counter is (2^32 - 1) units at its maximum, so it wraps at
maximum + 1 unit.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from . import offered, refused

ROOT = "/sys/class/powercap"
_ZONE = re.compile(r"intel-rapl:\d+(:\d+)?$")
_INSIDE_PACKAGE = {"core": "core", "uncore": "uncore"}


def probe(roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return one channel per zone, or why none can be read and three remedies."""
    root = roots.get("powercap", ROOT)
    try:
        entries = sorted(os.listdir(root))
    except OSError as error:
        return refused(f"{root} cannot be listed: {error.strerror}", "no powercap tree: not Linux on x86, or a virtual machine")
    zones = [entry for entry in entries if _ZONE.match(entry)]
    notes = [f"{entry} repeats a zone of intel-rapl and is skipped" for entry in entries if re.match(r"intel-rapl-mmio:\d", entry)]
    if not zones:
        return refused(f"{root} holds no RAPL zone", "the processor has none, or this virtual machine or container hides it")
    channels: List[Dict[str, Any]] = []
    for zone in zones:
        folder = os.path.join(root, zone)
        try:
            with open(os.path.join(folder, "energy_uj")) as file:
                int(file.read())
            channels.append(_channel(folder, zone, root))
        except PermissionError:
            return _forbidden(os.path.join(folder, "energy_uj"))
        except (OSError, ValueError) as error:
            notes.append(f"{zone} cannot be read and is left out: {error}")
    if not channels:
        return refused("; ".join(notes))
    psys = next((channel["id"] for channel in channels if channel["domain"] == "psys"), None)
    for channel in channels:
        if channel["parent"] is None and channel["id"] != psys:
            channel["parent"] = psys
    return offered(channels, f"powercap under {root}", notes)


def start(roots: Mapping[str, str], pids: Sequence[int]) -> Zones:
    """Return the zones opened."""
    return Zones([(str(row["id"]), str(row["path"])) for row in probe(roots)["channels"]])


class Zones:
    """Keep one descriptor per zone open, so that a reading is one system call."""

    max_hz = 1000.0  # the kernel's counters move once a millisecond

    def __init__(self, rows: Sequence[Tuple[str, str]]) -> None:
        self._open = [os.open(path, os.O_RDONLY) for _, path in rows]
        self.readers: List[Tuple[str, Callable[[], int]]] = [(rows[place][0], _reader(handle)) for place, handle in enumerate(self._open)]

    def close(self) -> None:
        """Close every zone."""
        for handle in self._open:
            os.close(handle)


def _reader(handle: int) -> Callable[[], int]:
    return lambda: int(os.pread(handle, 32, 0))


def _channel(folder: str, zone: str, root: str) -> Dict[str, Any]:
    name = _text(os.path.join(folder, "name"))
    top = ":".join(zone.split(":")[:2])
    package = name if top == zone else _text(os.path.join(root, top, "name"))
    domain = "package" if name.startswith("package") else name
    identity = f"rapl.{name}" if top == zone else f"rapl.{package}.{name}"
    wrap, quantum = modulus(_optional_int(os.path.join(folder, "max_energy_range_uj")))
    return {
        "id": identity,
        "domain": domain,
        "parent": f"rapl.{package}" if top != zone and name in _INSIDE_PACKAGE else None,
        "raw_unit": "uJ",
        "quantum": quantum,
        "wrap": wrap,
        "path": os.path.join(folder, "energy_uj"),
        "detail": f"{zone} ({name})",
    }


def modulus(maximum: Optional[int]) -> Tuple[Optional[int], int]:
    """Return (modulus, unit) in µJ of a counter whose largest value is `maximum` µJ; the modulus is None where the maximum is not known."""
    if not maximum or maximum <= 0:
        return None, 1
    unit = max(1, round(maximum / (2**32 - 1)))
    return maximum + unit, unit


def _forbidden(path: str) -> Dict[str, Any]:
    mode = oct(os.stat(path).st_mode & 0o777)
    udev = 'SUBSYSTEM=="powercap", ACTION=="add", RUN+="/bin/chmod a+r /sys%p/energy_uj"'
    tmpfiles = "z /sys/class/powercap/intel-rapl:*/energy_uj 0444 - - -"
    return refused(
        f"{path} has mode {mode} and this user may not read it",
        "since Linux 5.10 only root may (CVE-2020-8694: the counters leak what other programs compute)",
        [
            ("until the next boot:", "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"),
            (
                "at every boot, with udev:",
                f"echo '{udev}' | sudo tee /etc/udev/rules.d/99-rapl.rules && sudo udevadm control --reload"
                " && sudo udevadm trigger -s powercap -c add",
            ),
            (
                "at every boot, with systemd-tmpfiles:",
                f"echo '{tmpfiles}' | sudo tee /etc/tmpfiles.d/rapl.conf && sudo systemd-tmpfiles --create",
            ),
            ("or run this one command as root:", "sudo -E $(command -v edgekit) bench ..."),
        ],
    )


def _text(path: str) -> str:
    with open(path) as file:
        return file.read().strip()


def _optional_int(path: str) -> Optional[int]:
    try:
        return int(_text(path))
    except (OSError, ValueError):
        return None
