"""Lay out RAPL's powercap tree as the kernel does (Documentation/power/powercap), below sys/class and sys/devices/virtual.

    {"zones": [{"name": "package-0", "rail": "package", "zones": [{"name": "core", "rail": "core"}, {"name": "dram", "rail": "dram"}]},
               {"name": "psys", "rail": "psys"}],
     "mmio": [{"name": "package-0", "rail": "package"}], "unit_nj": 61035, "tick_s": 0.001, "jitter": 0.3, "mode": "0400"}

A zone may have its own "unit_nj", "start_raw", "wrap_in_j" (start so that the register wraps after so many joules), "mirror" (the name
of a zone whose register this one repeats, as on AMD's multi-die packages), or "max_energy_range_uj": null (no such file).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.sim.emulators.counter import INTEL_UNIT_NJ, EnergyCounter
from edgekit.sim.emulators.ticks import Ticks, scramble
from edgekit.sim.rail import Rails
from tests.instruments.files import File, Link, Tree, fixed

DEVICES, CLASS = "devices/virtual/powercap", "class/powercap"
Options = Mapping[str, Any]


def tree(options: Options, rails: Rails, seed: int) -> Tree:
    """Return the whole tree; paths are relative to /sys."""
    nodes: dict[str, File | Link] = {}
    registers: dict[str, EnergyCounter] = {}
    for control, rows in (("intel-rapl", options["zones"]), ("intel-rapl-mmio", options.get("mmio", []))):
        if not rows:
            continue
        top = f"{DEVICES}/{control}"
        nodes[f"{top}/enabled"] = fixed(1)
        nodes[f"{top}/subsystem"] = Link("../../../../class/powercap")
        nodes[f"{CLASS}/{control}"] = Link(f"../../{top}")
        for depth, path, row in _walk(rows, control):
            folder, zone = f"{top}/{path}", path.rpartition("/")[2]
            known = registers.get(row.get("mirror") or (row["name"] if control == "intel-rapl-mmio" else ""))
            register = known or _register(options, row, rails, seed + int(zone.split(":")[1]), len(registers))
            registers.setdefault(row["name"], register)
            nodes[f"{CLASS}/{zone}"] = Link(f"../../{folder}")
            nodes[f"{folder}/subsystem"] = Link("../" * (4 + depth) + "class/powercap")
            nodes[f"{folder}/device"] = Link(f"../../{(control if depth == 1 else zone.rpartition(':')[0])}")
            nodes.update({f"{folder}/{name}": file for name, file in _files(options, row, register, rails.epoch_ns).items()})
    nodes[f"{DEVICES}/intel-rapl/edgekit_emulated"] = fixed("served by tests/instruments of edgekit: no hardware is behind it")
    return nodes


def _walk(rows: list[Options], prefix: str, folder: str = "", depth: int = 1) -> Iterator[tuple[int, str, Options]]:
    for index, row in enumerate(rows):
        zone = f"{prefix}:{index}"
        path = f"{folder}{zone}"
        yield depth, path, row
        yield from _walk(row.get("zones", []), zone, f"{path}/", depth + 1)


def _register(options: Options, row: Options, rails: Rails, socket_seed: int, place: int) -> EnergyCounter:
    unit_nj = int(row.get("unit_nj", options.get("unit_nj", INTEL_UNIT_NJ)))
    tick_ns = round(options.get("tick_s", 0.001) * 1e9)
    start_raw = int(row.get("start_raw", 1_000_000 + 100 * scramble(socket_seed, place)))  # alike, two sockets would pass for mirrors
    if "wrap_in_j" in row:
        start_raw = (1 << 32) - round(row["wrap_in_j"] * 1e9 / unit_nj)
    return EnergyCounter(
        total_j=lambda t_ns, rail=row["rail"]: rails.total_j(rail, rails.epoch_ns + t_ns),
        ticks=Ticks(period_ns=tick_ns, jitter_ns=int(tick_ns * options.get("jitter", 0.3)), seed=socket_seed),
        unit_nj=unit_nj,
        start_raw=start_raw,
    )


def _files(options: Options, row: Options, register: EnergyCounter, epoch_ns: int) -> Tree:
    mode = int(str(options.get("mode", "0400")), 8)
    files = {
        "name": fixed(row["name"]),
        "enabled": fixed(0),
        "energy_uj": File(lambda t_ns: b"%d\n" % register.energy_uj(t_ns - epoch_ns), mode),
        "power/runtime_status": fixed("unsupported"),
        "constraint_0_name": fixed("long_term"),
        "constraint_0_power_limit_uw": fixed(65_000_000),
        "constraint_0_time_window_us": fixed(27_983_872),
        "constraint_0_max_power_uw": fixed(65_000_000),
        "uevent": fixed(b""),
    }
    if row.get("max_energy_range_uj", options.get("max_energy_range_uj", 0)) is not None:
        files["max_energy_range_uj"] = fixed(register.max_energy_range_uj())
    return files
