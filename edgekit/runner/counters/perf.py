"""Read RAPL through perf_event: 64-bit counters that the kernel extends, in units of 2^-32 J, without a wrap.

The PMU `power` lists its events; its `cpumask` holds one processor per package or die, and each event is opened there for all processes
(perf_event_open(2), Documentation/admin-guide/perf-security). Logic-tested with an injected opener, never run on RAPL.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import struct
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from . import Opened, offered, refused
from .files import entries, optional_number, optional_text, text_of
from .rapl_refused import perf_forbidden

ROOT = "/sys/bus/event_source/devices/power"
DOMAINS = {"energy-pkg": "package", "energy-cores": "core", "energy-gpu": "uncore", "energy-ram": "dram", "energy-psys": "psys"}
_CALL = {"x86_64": 298, "aarch64": 241}  # the number of perf_event_open
_ATTR_BYTES = 112  # PERF_ATTR_SIZE_VER5: known to every kernel since 4.1
_CLOEXEC = 8  # PERF_FLAG_FD_CLOEXEC
_COUNT = struct.Struct("=Q")

Opener = Callable[[int, int, int], int]


def open_event(kind: int, config: int, cpu: int) -> int:
    """Return a descriptor that counts event `config` of PMU `kind` for all processes on `cpu`; raise OSError."""
    number = _CALL.get(platform.machine())
    if number is None:
        raise OSError(38, f"the number of perf_event_open is not known on {platform.machine()}")
    attr = ctypes.create_string_buffer(struct.pack("=IIQ", kind, _ATTR_BYTES, config), _ATTR_BYTES)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    handle = libc.syscall(ctypes.c_long(number), attr, ctypes.c_int(-1), ctypes.c_int(cpu), ctypes.c_int(-1), ctypes.c_ulong(_CLOEXEC))
    if handle < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(handle)


def folder(roots: Mapping[str, str]) -> str:
    """Return where the PMU is described."""
    return roots.get("perf", ROOT)


def probe(roots: Mapping[str, str], opener: Opener = open_event) -> Dict[str, Any]:
    """Return one channel per event and package; a PMU that is absent or refused is not usable."""
    root = folder(roots)
    try:
        kind, cpus = int(text_of(f"{root}/type")), cpu_list(text_of(f"{root}/cpumask"))
    except (OSError, ValueError) as error:
        return refused(f"{root} describes no PMU of RAPL: {error}")
    rows, notes = _events(root, roots, kind, cpus)
    if not rows:
        return refused("; ".join([f"{root}/events lists no energy event", *notes]))
    try:
        os.close(opener(kind, rows[0]["config"], rows[0]["cpu"]))
    except OSError as error:
        why, do = perf_forbidden(error, roots)
        return refused(why, do=do)
    return offered(rows, f"perf_event, PMU power under {root}", notes)


def _events(root: str, roots: Mapping[str, str], kind: int, cpus: List[int]) -> Tuple[List[Dict[str, Any]], List[str]]:
    rows: List[Dict[str, Any]] = []
    notes: List[str] = []
    packages = _packages(roots.get("sys", "/sys"), cpus)
    for event in entries(f"{root}/events"):
        if event not in DOMAINS:
            continue
        config, scale = _config(optional_text(f"{root}/events/{event}")), optional_number(f"{root}/events/{event}.scale")
        unit = optional_text(f"{root}/events/{event}.unit")
        if config is None or not scale or unit != "Joules":
            notes.append(f"{event} is left out: its description is not understood (unit {unit!r})")
            continue
        psys = DOMAINS[event] == "psys"
        for cpu in cpus[:1] if psys else cpus:
            package, part = packages[cpu], DOMAINS[event]
            rows.append(
                {
                    "id": "rapl.psys" if psys else f"rapl.{package}" if part == "package" else f"rapl.{package}.{part}",
                    "domain": part,
                    "top": "psys" if psys else package,
                    "zone": f"{event} on cpu {cpu}",
                    "label": "psys" if psys else package if part == "package" else part,
                    "raw_unit": "2^-32 J",
                    "scale": scale,
                    "quantum": None,
                    "wrap": None,
                    "pmu": kind,
                    "config": config,
                    "cpu": cpu,
                    "detail": f"{event} on cpu {cpu}",
                }
            )
    return rows, notes


def _packages(sysfs: str, cpus: List[int]) -> Dict[int, str]:
    """Return the name of each leader's package, as powercap gives it: with its die where a package has several leaders."""
    places = {}
    for place, cpu in enumerate(cpus):
        topology = f"{sysfs}/devices/system/cpu/cpu{cpu}/topology"
        package, die = optional_number(f"{topology}/physical_package_id"), optional_number(f"{topology}/die_id")
        places[cpu] = (place if package is None else int(package), 0 if die is None else int(die))
    held = [package for package, _ in places.values()]
    return {cpu: f"package-{one}-die-{die}" if held.count(one) > 1 else f"package-{one}" for cpu, (one, die) in places.items()}


def cpu_list(text: str) -> List[int]:
    """Return the processors that a mask like "0,18" or "0-3" names; raise ValueError."""
    found: List[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _config(text: str) -> Optional[int]:
    match = re.match(r"event=(0x[0-9a-fA-F]+|\d+)$", text)
    return int(match.group(1), 0) if match else None


class Events(Opened):
    """Hold one descriptor per event and package; a reading is one system call of 8 bytes."""

    def __init__(self, rows: List[Dict[str, Any]], opener: Opener) -> None:
        super().__init__()
        self._open: List[int] = []
        try:
            for row in rows:
                self._open.append(opener(row["pmu"], row["config"], row["cpu"]))
                self.readers.append((str(row["id"]), _reader(self._open[-1])))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        for handle in self._open:
            os.close(handle)
        self._open = []


def _reader(handle: int) -> Callable[[], int]:
    def read() -> int:
        data = os.read(handle, _COUNT.size)
        if len(data) != _COUNT.size:
            raise ValueError(f"torn read of {len(data)} bytes")
        return int(_COUNT.unpack(data)[0])

    return read
