"""Share one plant between processes and languages: a folder with `plant.json` (the spec and its epoch) and `plant.bin`.

`plant.bin` is what the C library maps, and where activity is recorded. Its layout is defined here and nowhere else: the structures below
become a C header (`header()`). Offsets count bytes from the start of the file; times are CLOCK_MONOTONIC in ns, except those of points,
which count from the epoch. A channel's events are appended by one writer, in order of time, and counted only when complete.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.sim.curve import Curve
from edgekit.sim.rail import Rails
from edgekit.sim.spec import rails_of

VARIABLE = "EDGEKIT_PLANT"
MAGIC = b"EKPLANT2"
EVENTS = 1 << 21
LAG_NS = 200_000
"""How much later than it is recorded an activity takes effect: every reader then knows all that precedes its own present. An event that
was recorded later than that, because the writer lost its processor meanwhile, is counted as `late`."""

_i64, _i32, _f64 = ctypes.c_int64, ctypes.c_int32, ctypes.c_double


class Head(ctypes.Structure):
    """Where everything is. `watch_pid` is the root of the processes whose CPU time drives the channel "cpu"."""

    _fields_ = (
        ("magic", ctypes.c_char * 8), ("epoch_ns", _i64), ("seed", _i64), ("watch_pid", _i64), ("gpus", _i64), ("gpus_at", _i64),
        ("rails_at", _i64), ("terms_at", _i64), ("curves_at", _i64), ("points_at", _i64), ("channels", _i64), ("channels_at", _i64),
        ("driver", ctypes.c_char * 32),
    )  # fmt: skip


class RailRow(ctypes.Structure):
    _fields_ = (("first_term", _i64), ("terms", _i64))


class TermRow(ctypes.Structure):
    """`weight` times curve number `index`, or, where `channel` is 1, times the level of channel number `index`."""

    _fields_ = (("weight", _f64), ("channel", _i64), ("index", _i64))


class CurveRow(ctypes.Structure):
    """A period of 0 is none."""

    _fields_ = (("period_ns", _i64), ("period_j", _f64), ("first_point", _i64), ("points", _i64))


class PointRow(ctypes.Structure):
    _fields_ = (("t_ns", _i64), ("power_w", _f64), ("total_j", _f64))


class ChannelRow(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char * 16), ("count", _i64), ("capacity", _i64), ("events_at", _i64), ("late", _i64))


class EventRow(ctypes.Structure):
    """From `t_ns` on the level holds; `total_s` is the integral up to `t_ns`."""

    _fields_ = (("t_ns", _i64), ("level", _f64), ("total_s", _f64))


class GpuRow(ctypes.Structure):
    """One GPU: rails are numbers or -1; a fault's time of 0 is never; `throttle` holds NVML's clocks-event bits."""

    _fields_ = (
        ("name", ctypes.c_char * 64), ("uuid", ctypes.c_char * 48), ("rail", _i64), ("memory_rail", _i64), ("module_rail", _i64),
        ("period_ns", _i64), ("jitter_ns", _i64), ("seed", _i64), ("sampled_fraction", _f64), ("start_mj", _i64), ("read_ns", _i64),
        ("has_energy", _i32), ("has_instant", _i32), ("mig", _i32), ("averaged_usage", _i32), ("throttle", _i64),
        ("sm_mhz", _i32), ("memory_mhz", _i32), ("temperature_c", _i32), ("limit_mw", _i32), ("memory_bytes", _i64), ("architecture", _i64),
        ("lost_at_ns", _i64), ("frozen_at_ns", _i64), ("reset_at_ns", _i64), ("forbidden_at_ns", _i64),
    )  # fmt: skip


_ROWS: Mapping[str, type[ctypes.Structure]] = {
    "head": Head, "rail": RailRow, "term": TermRow, "curve": CurveRow, "point": PointRow,
    "channel": ChannelRow, "event": EventRow, "gpu": GpuRow,
}  # fmt: skip


def header() -> str:
    """Return the layout as C."""
    names = {_i64: "int64_t", _i32: "int32_t", _f64: "double"}
    lines = ["#include <stdint.h>"]
    for name, row in _ROWS.items():
        fields = [(field, kind) for field, kind, *_ in row._fields_]
        body = "".join(f" {names[k]} {f};" if k in names else f" char {f}[{ctypes.sizeof(k)}];" for f, k in fields)
        lines += [f"struct {name} {{{body} }};", f'_Static_assert(sizeof(struct {name}) == {ctypes.sizeof(row)}, "{name}");']
    return "\n".join(lines) + "\n"


def create(folder: Path, spec: Mapping[str, Any], *, epoch_ns: int | None = None, watch_pid: int = 0) -> Plant:
    """Write a plant's folder and open it; the epoch is now unless given."""
    epoch = time.monotonic_ns() if epoch_ns is None else epoch_ns
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plant.json").write_text(json.dumps({**spec, "epoch_ns": epoch}))
    rails = Rails(rails_of(spec), epoch_ns=epoch)
    names = list(rails.terms)
    channels = sorted({channel for terms in rails.terms.values() for channel in terms.active_w} | set(spec.get("channels", ())))
    terms: list[TermRow] = []
    curves: list[Curve] = []
    rows: list[RailRow] = []
    for name in names:
        resolved, first = rails.terms[name], len(terms)
        for weight, curve in resolved.curves:
            terms.append(TermRow(weight, 0, len(curves)))
            curves.append(curve)
        terms += [TermRow(watts, 1, channels.index(channel)) for channel, watts in resolved.active_w.items()]
        rows.append(RailRow(first, len(terms) - first))
    points = [PointRow(*row) for curve in curves for row in zip(curve.times_ns, curve.power_w, curve.totals_j, strict=True)]
    sizes = [len(curve.times_ns) for curve in curves]
    described = [
        CurveRow(curve.period_ns or 0, curve.total_j(curve.period_ns or 0), sum(sizes[:index]), sizes[index])
        for index, curve in enumerate(curves)
    ]
    gpus = [_gpu(row, index, names, int(spec.get("seed", 1)), epoch) for index, row in enumerate(spec.get("nvml", {}).get("gpus", ()))]
    head = Head(MAGIC, epoch, int(spec.get("seed", 1)), watch_pid, len(gpus))
    head.channels = len(channels)
    head.driver = str(spec.get("nvml", {}).get("driver", "580.65.06")).encode()
    blocks: list[bytes] = []
    at = ctypes.sizeof(Head)
    for place, block in (("gpus", gpus), ("rails", rows), ("terms", terms), ("curves", described), ("points", points)):
        setattr(head, f"{place}_at", at)
        blocks.append(b"".join(bytes(row) for row in block))
        at += len(blocks[-1])
    head.channels_at, at = at, at + len(channels) * ctypes.sizeof(ChannelRow)
    stretch = EVENTS * ctypes.sizeof(EventRow)
    blocks += [bytes(ChannelRow(name.encode(), 0, EVENTS, at + index * stretch)) for index, name in enumerate(channels)]
    with (folder / "plant.bin").open("wb") as file:
        file.write(bytes(head) + b"".join(blocks))
        file.truncate(at + len(channels) * stretch)  # sparse: only what is recorded takes room
    return Plant(folder)


def _gpu(row: Mapping[str, Any], index: int, rails: Sequence[str], seed: int, epoch_ns: int) -> GpuRow:
    period_ns = round(row.get("period_s", 0.1) * 1e9)
    gpu = GpuRow()
    gpu.name = str(row.get("name", "Emulated H100")).encode()
    gpu.uuid = str(row.get("uuid", f"GPU-ed9e0000-0000-4000-8000-{seed:08x}{index:04x}")).encode()
    gpu.rail = rails.index(row["rail"])
    gpu.memory_rail = rails.index(row["memory_rail"]) if "memory_rail" in row else -1
    gpu.module_rail = rails.index(row["module_rail"]) if "module_rail" in row else -1
    gpu.period_ns, gpu.jitter_ns, gpu.seed = period_ns, int(period_ns * row.get("jitter", 0.0)), seed + 100 + index
    gpu.sampled_fraction = row.get("sampled_fraction", 1.0)
    gpu.start_mj = row.get("start_mj", 123_456_789 + 1_000_003 * index)
    gpu.read_ns = round(row.get("read_s", 0.0) * 1e9)
    gpu.has_energy, gpu.has_instant = row.get("has_energy", True), row.get("has_instant", True)
    gpu.mig, gpu.averaged_usage = row.get("mig", False), row.get("averaged_usage", True)
    gpu.throttle = row.get("throttle", 0)
    gpu.sm_mhz, gpu.memory_mhz, gpu.temperature_c = row.get("sm_mhz", 1980), row.get("memory_mhz", 2619), row.get("temperature_c", 45)
    gpu.limit_mw, gpu.memory_bytes = round(1e3 * row.get("limit_w", 700)), 80 << 30
    gpu.architecture = row.get("architecture", 9)  # Hopper
    for fault in ("lost", "frozen", "reset", "forbidden"):
        if f"{fault}_s" in row:
            setattr(gpu, f"{fault}_at_ns", epoch_ns + round(row[f"{fault}_s"] * 1e9))
    return gpu


class Plant:
    """Open a plant's folder: the truth of every rail, the activity of every channel, and the GPUs' faults."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec: Mapping[str, Any] = json.loads((folder / "plant.json").read_text())
        with (folder / "plant.bin").open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._view = memoryview(self._map)
        self.head = Head.from_buffer(self._map)
        if self.head.magic != MAGIC:
            raise ValueError(f"{folder} holds no plant of this version")
        rows = (ChannelRow * self.head.channels).from_buffer(self._map, self.head.channels_at)
        self.channels = {row.name.decode(): History(row, self._view) for row in rows}
        self.gpus = (GpuRow * self.head.gpus).from_buffer(self._map, self.head.gpus_at)
        self.epoch_ns = int(self.head.epoch_ns)
        self.rails = Rails(rails_of(self.spec), epoch_ns=self.epoch_ns, activity=self)

    def level(self, channel: str, t_ns: int) -> float:
        """Return the recorded level of a channel at a time."""
        return self.channels[channel].level(t_ns)

    def total_s(self, channel: str, t_ns: int) -> float:
        """Return the integral of a channel's level up to a time."""
        return self.channels[channel].total_s(t_ns)

    def energy_j(self, rail: str, start_ns: int, end_ns: int) -> float:
        """Return the truth: the exact energy of a rail between two monotonic times."""
        return self.rails.energy_j(rail, start_ns, end_ns)


class History:
    """Record one channel's level over time, for any process that maps the file."""

    def __init__(self, row: ChannelRow, view: memoryview) -> None:
        end = row.events_at + row.capacity * ctypes.sizeof(EventRow)
        self._row = row
        self._ints, self._floats = view[row.events_at : end].cast("q"), view[row.events_at : end].cast("d")

    def append(self, level: float, at_ns: int | None = None) -> None:
        """Set the level from `at_ns` on (default: LAG_NS from now); ignored when equal, or when the file is full."""
        count = int(self._row.count)
        t = time.monotonic_ns() + LAG_NS if at_ns is None else at_ns
        if count and (self._floats[3 * count - 2] == level or self._ints[3 * count - 3] > t):
            return
        if count < self._row.capacity:
            since, held, total = (self._ints[3 * count - 3], *self._floats[3 * count - 2 : 3 * count]) if count else (t, 0.0, 0.0)
            self._ints[3 * count], self._floats[3 * count + 1], self._floats[3 * count + 2] = t, level, total + held * (t - since) / 1e9
            self._row.count = count + 1
            self._row.late += time.monotonic_ns() > t

    def level(self, t_ns: int) -> float:
        """Return the level at a time; 0 before the first event."""
        index = self._index(t_ns)
        return self._floats[3 * index + 1] if index >= 0 else 0.0

    def total_s(self, t_ns: int) -> float:
        """Return the integral of the level up to a time, in level-seconds."""
        index = self._index(t_ns)
        if index < 0:
            return 0.0
        return self._floats[3 * index + 2] + self._floats[3 * index + 1] * (t_ns - self._ints[3 * index]) / 1e9

    def _index(self, t_ns: int) -> int:
        count, reach = int(self._row.count), 16
        while reach < count and self._ints[3 * (count - reach)] > t_ns:  # mostly the newest events are asked for
            reach *= 4
        return bisect_right(range(count), t_ns, lo=max(0, count - reach), key=lambda event: self._ints[3 * event]) - 1


@contextlib.contextmanager
def opened(folder: Path | None = None) -> Iterator[Plant]:
    """Open the plant that this process was started on, or the one in `folder`."""
    yield Plant(folder or Path(os.environ[VARIABLE]))
