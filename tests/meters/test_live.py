"""Each emulated meter on the real clock, behind a pseudo-terminal or a socket: three runs of each agree with the true joules.

Runs of one test go on at the same time, each with an emulator, a line and a driver of its own. No gain error is drawn: whatever is off is
timing, and a machine that is busy may make it worse; by how much is in the interval.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from edgekit.core.quantity import Estimate
from edgekit.core.sync import SyncPlan
from edgekit.links.clock import HostClock
from edgekit.links.pty import served
from edgekit.links.tcp import served_at_port
from edgekit.sim.emulators.instrument import Circuit, OwnClock
from tests.meters.proven import PROVEN, Proven
from tests.meters.rehearsed import remembered, true_j
from tests.meters.scripted import AskedOverHttp

RUNS = 3
BUSY = SyncPlan(max_error_rel=0.1, max_lost_rel=0.05)
SLOW = ("um24c", "um25c", "um34c", "tc66", "serial-lines", "scpi, siglent-spd", "shelly", "shelly, generation 1", "tasmota")
FAST = (("fnb58", "fnb48s", "km003c"), ("fnb48",), ("fnirsi-c1",), ("ct3", "lpm01a"), ("ppk2",), ("v3pwr",))


@contextmanager
def reached(kind: Proven, emulated: Any) -> Iterator[str]:
    """Yield the address of an emulator that is served as its kind is reached."""
    if kind.line is AskedOverHttp or kind.meter.kind == "scpi":
        with served_at_port(emulated) as (host, port):
            yield f"{host}:{port}"
    else:
        with served(emulated) as path:
            yield path


def live(kind: Proven, seed: int) -> tuple[Estimate, float]:
    """Return what is stated in one run on the real clock, and what is true."""
    draw, clock = random.Random(seed), HostClock()
    table = kind.timetable(draw)
    own = OwnClock(offset_ns=draw.randrange(10**9), drift=draw.uniform(-5e-5, 5e-5))
    circuit = Circuit(power=table.load, voltage_v=kind.volts, start_ns=clock.now_ns())
    emulated = kind.emulator(circuit, clock=own, seed=seed)
    with reached(kind, emulated) as address:
        meter = kind.meter(address, {"emulated": "yes", **kind.options}, clock=clock)
        stated = remembered(table, meter, clock, time.sleep, start_ns=circuit.start_ns, sync=BUSY).energy_j_per_inference
    assert isinstance(stated, Estimate), stated
    return stated, true_j(table)


def require_truth(kinds: Sequence[tuple[str, Proven]]) -> None:
    """Run each kind three times, all together."""
    runs = [(name, kind, seed) for name, kind in kinds for seed in range(RUNS)]
    with ThreadPoolExecutor(len(runs)) as pool:
        found = list(pool.map(lambda run: live(run[1], run[2]), runs))
    off = [(name, seed, stated, truth) for (name, _, seed), (stated, truth) in zip(runs, found, strict=True) if not holds(stated, truth)]
    assert off == []


def holds(stated: Estimate, truth: float) -> bool:
    return stated.low <= truth <= stated.high


@pytest.mark.slow
def test_meters_of_a_few_values_a_second_agree() -> None:
    slow = [(name, PROVEN[name]) for name in SLOW]
    require_truth([(name, replace(kind, windows=1, window_s=max(20.0, kind.window_s), idle_s=2.0, lead_s=2.0)) for name, kind in slow])


@pytest.mark.slow
@pytest.mark.parametrize("names", FAST)
def test_meters_that_stream_agree(names: tuple[str, ...]) -> None:
    require_truth([(name, replace(PROVEN[name], windows=3, window_s=1.5, idle_s=0.4, gap_s=0.2, lead_s=2.0)) for name in names])
