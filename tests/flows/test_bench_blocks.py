"""Blocks of a dense stream while a run lasts: held as means, fast, and with the figure that the whole stream gives."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.core.trace import FLAG_OVER, ClockMap, Trace
from edgekit.core.window import Phase, Window
from edgekit.energy.analyse import analyse
from edgekit.flows.bench.running import Running
from tests.reports.records import edge_rapl

RATE_HZ, SIZE = 100_000, 3_000
WATTS = Channel(
    id="ppk2.power",
    meter="ppk2",
    boundary=Boundary.MCU_SUPPLY,
    measurand=Measurand.POWER,
    unit="W",
    origin=Origin.EMULATED,
    scale=3.3,
    update_period_s=1 / RATE_HZ,
    sampled_fraction=1.0,
)
SPEC = MeterSpec(
    kind="ppk2",
    channels=(WATTS,),
    accuracy=Accuracy(source="made up", gain_rel=0.05),
    nominal_hz=RATE_HZ,
    integrating=False,
    device_clock=True,
)


def _block(index: int) -> Trace:
    t_ns = np.arange(index * SIZE, (index + 1) * SIZE, dtype=np.int64) * 10_000
    value = 0.01 + 0.005 * np.sin(t_ns / 3e6)
    return Trace(channel=WATTS.id, clock="host", t_ns=t_ns, bracket_ns=np.full(SIZE, 1000), value=value, flags=np.zeros(SIZE, np.uint8))


def _running() -> tuple[Running, object]:
    record = replace(edge_rapl(), meters=(SPEC,), windows=(), traces=(), clock_maps=())
    clock_map = ClockMap(source="host", target="host", offset_ns=0, bracket_ns=0, at_ns=0)
    return Running([record], clocks={WATTS.id: "host"}, clock_map=clock_map), record


def _window(seconds: float) -> Window:
    return Window(phase=Phase.MEASURE, index=0, clock="host", start_ns=300_000_000, end_ns=300_000_000 + round(seconds * 1e9), inferences=7)


def test_a_dense_stream_is_held_as_means_and_gives_the_figure_of_all_of_it():
    running, record = _running()
    blocks = [_block(index) for index in range(100)]  # 3 s
    for block in blocks:
        running.take(block)
    running.add(_window(2.0), 0)
    assert running.held <= 100 * (SIZE // 20)
    columns = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in ("t_ns", "bracket_ns", "value", "flags")}
    whole = Trace(channel=WATTS.id, clock="host", **columns)
    final = analyse(replace(record, windows=(_window(2.0),)), {WATTS.id: whole}).energy_j_per_inference
    assert running.standing(0).value == pytest.approx(final.value, rel=1e-6)


def test_a_window_of_a_minute_at_a_hundred_thousand_readings_a_second_has_a_figure():
    running, _ = _running()
    block = _block(0)
    begun = time.process_time()
    for index in range(2040):  # 61 s
        running.take(replace(block, t_ns=block.t_ns + index * SIZE * 10_000))
    took = time.process_time() - begun
    running.add(_window(60.0), 0)
    assert running.standing(0).value == pytest.approx(3.3 * 60 / 7 * float(block.value.mean()), rel=1e-4)
    assert took < 6, "a tenth of real time on one core; 0.06 s where it was written"


def test_what_a_reading_says_beside_its_value_holds_for_the_mean():
    running, _ = _running()
    for index in range(100):
        block = _block(index)
        if index == 50:
            block.flags[7] = FLAG_OVER
        running.take(block)
    running.add(_window(2.0), 0)
    assert running.standing(0) is None, "a window in which the range was exceeded has no energy"
