"""Make readings of a sensor whose habits are known, of a load whose edges are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Channel, Measurand
from edgekit.core.quantity import Origin
from edgekit.core.trace import Trace
from edgekit.energy.sensors.response import Load, load_of

ORIGINS = (Origin.EMULATED,)
IDLE_W, SWING_W = 70.0, 330.0
COUNTER = Channel(
    id="counter",
    meter="test",
    boundary=Boundary.GPU_BOARD,
    measurand=Measurand.ENERGY_COUNTER,
    unit="J",
    origin=Origin.EMULATED,
    scale=1e-3,
    quantum=1.0,
)
POWER = Channel(
    id="power",
    meter="test",
    boundary=Boundary.GPU_BOARD,
    measurand=Measurand.POWER,
    unit="W",
    origin=Origin.EMULATED,
    scale=1e-3,
    quantum=1.0,
)


@dataclass(frozen=True)
class Sensor:
    """Update every `period_s` (give or take `jitter`), look at `fraction` of it (or `averaging_s`), `lag_s` ago; scatter by `noise`."""

    period_s: float = 0.1
    fraction: float = 1.0
    averaging_s: float | None = None
    lag_s: float = 0.0
    jitter: float = 0.0
    noise: float = 0.02
    offset_s: float = 0.013

    def trace(self, channel: Channel, load: Load, reads_s: NDArray[np.float64], *, seed: int = 0) -> Trace:
        """Return what reading at `reads_s` shows, each read taking 200 µs."""
        drift, scatter = (
            np.random.default_rng(seed),
            np.random.default_rng(seed + 1),
        )  # two, so that a longer trace begins like a shorter one
        count = int(reads_s[-1] / self.period_s) + 3
        at = np.sort((np.arange(count) - 1 + self.jitter * drift.standard_normal(count)) * self.period_s + self.offset_s)
        width = self.averaging_s or self.fraction * self.period_s
        end = (at - self.lag_s) * 1e9
        share = (load.seconds_on(end) - load.seconds_on(end - width * 1e9)) / width
        watts = IDLE_W + SWING_W * (share + self.noise * scatter.standard_normal(count))
        joules = np.cumsum(watts * np.diff(at, prepend=at[0] - self.period_s))
        shown = np.floor((joules if channel is COUNTER else watts) * 1e3)
        seen = shown[np.searchsorted(at, reads_s, side="right") - 1]
        return trace(channel.id, reads_s, seen)


def trace(channel: str, reads_s: NDArray[np.float64], value: NDArray[np.float64]) -> Trace:
    """Return readings of 200 µs each."""
    return Trace(
        channel=channel,
        clock="host",
        t_ns=(reads_s * 1e9).astype(np.int64),
        bracket_ns=np.full(len(reads_s), 100_000, np.int64),
        value=value,
        flags=np.zeros(len(reads_s), np.uint8),
    )


def reads(seconds: float, spacing_s: float, *, seed: int = 0, lost: float = 0.03, held_up: int = 10) -> NDArray[np.float64]:
    """Return when a reader reads that is never quite in time, loses some turns, and is held up now and then for six of them."""
    rng = np.random.default_rng(1000 + seed)
    t = np.arange(0.0, seconds, spacing_s)
    t = np.sort(t + 0.2 * spacing_s * rng.random(len(t)))[rng.random(len(t)) > lost]
    for start in rng.random(held_up) * seconds:
        t = t[(t < start) | (t > start + 6 * spacing_s)]
    return t


def selftest_load(period_s: float, *, seed: int = 0, sweep_s: float = 20.0, steady_s: float = 3.5) -> tuple[Load, float]:
    """Return (load, seconds): idle, random, idle, steady, idle, a square wave that sweeps, idle."""
    rng = np.random.default_rng(2000 + seed)
    rows = [*square(3.0, 5.0, 0.05, rng, spread=0.9), row(8.5, 8.5 + steady_s)]
    begin = 9.5 + steady_s
    rows += square(begin, sweep_s, period_s * 28 / 27, rng)
    return load_of([rows]), begin + sweep_s + 1.0


def square(start_s: float, seconds: float, period_s: float, rng: np.random.Generator, *, spread: float = 0.0) -> list[Sequence[int]]:
    """Return the busy rows of a square wave of duty one half."""
    rows, t = [], start_s
    while t < start_s + seconds:
        busy, idle = period_s / 2 * (1 + spread * rng.uniform(-1, 1, 2))
        rows.append(row(t, t + busy))
        t += busy + idle
    return rows


def row(start_s: float, end_s: float) -> Sequence[int]:
    """Return one busy row."""
    return [int(start_s * 1e9), int(end_s * 1e9), int(end_s * 1e9) - int(start_s * 1e9)]
