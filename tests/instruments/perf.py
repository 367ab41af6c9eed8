"""Lay out what perf's `power` events show under /sys/bus/event_source, and one stream per event and socket that counts as they do.

    {"sockets": [{"cpu": 0, "events": {"energy-pkg": "package", "energy-cores": "core", "energy-ram": "dram"}}], "tick_s": 0.001}

A stream `perf/<event>-<cpu>` (below the folder that EDGEKIT_INSTRUMENTS names) gives 8 bytes, little-endian, in units of 2^-32 J, from 0
at the epoch. Nothing can pass for perf_event_open(2) itself: an opener that is injected returns the stream's descriptor instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.sim.emulators.ticks import Ticks
from edgekit.sim.rail import Rails
from tests.instruments.files import File, Link, Tree, fixed

FOLDER = "devices/power"
CONFIG = {"energy-cores": 1, "energy-pkg": 2, "energy-ram": 3, "energy-gpu": 4, "energy-psys": 5}
SCALE = "2.3283064365386962890625e-10"


def tree(options: Mapping[str, Any], rails: Rails, seed: int) -> tuple[Tree, Tree]:
    """Return the files of /sys, and the streams."""
    sockets = options["sockets"]
    system: dict[str, File | Link] = {
        "bus/event_source/devices/power": Link(f"../../../{FOLDER}"),
        f"{FOLDER}/type": fixed(options.get("type", 28)),
        f"{FOLDER}/cpumask": fixed(",".join(str(socket["cpu"]) for socket in sockets)),
        f"{FOLDER}/edgekit_emulated": fixed("served by tests/instruments of edgekit: no hardware is behind it"),
    }
    streams: dict[str, File | Link] = {}
    tick_ns = round(options.get("tick_s", 0.001) * 1e9)
    for place, socket in enumerate(sockets):
        ticks = Ticks(period_ns=tick_ns, jitter_ns=int(tick_ns * options.get("jitter", 0.3)), seed=seed + place)
        for event, rail in socket["events"].items():
            system[f"{FOLDER}/events/{event}"] = fixed(f"event=0x{CONFIG[event]:02x}")
            system[f"{FOLDER}/events/{event}.scale"] = fixed(SCALE)
            system[f"{FOLDER}/events/{event}.unit"] = fixed("Joules")
            streams[f"perf/{event}-{socket['cpu']}"] = _stream(rails, rail, ticks)
    return system, streams


def _stream(rails: Rails, rail: str, ticks: Ticks) -> File:
    def read(t_ns: int) -> bytes:
        tick_ns = ticks.at(ticks.last(t_ns - rails.epoch_ns)) + rails.epoch_ns
        return int(rails.total_j(rail, tick_ns) * 2**32).to_bytes(8, "little")

    return File(read, mode=0o400, stream=True)
