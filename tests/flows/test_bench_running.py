"""The running estimate: the same joules as the record's analysis, from a bounded number of readings."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.core.trace import ClockMap, Reading
from edgekit.core.window import Phase, Window
from edgekit.energy.analyse import analyse
from edgekit.flows.bench.running import Running
from tests.reports.records import edge_rapl

SECOND = 1_000_000_000
PERIOD = SECOND // 100


def _spec(*names):
    channels = tuple(
        Channel(
            id=name, meter="m", boundary=place, measurand=Measurand.ENERGY_COUNTER, unit="J", origin=Origin.EMULATED, update_period_s=0.01
        )
        for name, place in zip(names, (Boundary.CPU_PACKAGE, Boundary.DRAM), strict=False)
    )
    return MeterSpec(kind="m", channels=channels, accuracy=Accuracy(source="made up", gain_rel=0.03), nominal_hz=100.0)


def _running(*names, offset_ns=0):
    record = replace(edge_rapl(), meters=(_spec(*names),), windows=(), traces=(), clock_maps=())
    clock_map = ClockMap(source="device", target="host", offset_ns=offset_ns, bracket_ns=10, at_ns=0)
    return Running([record], clocks=dict.fromkeys(names, "host" if offset_ns else "device"), clock_map=clock_map), record, clock_map


class World:
    """Let a counter run on, idle at 2 W and busy at what a window is given."""

    def __init__(self, take, name="package", shift_ns=0):
        self.take, self.name, self.shift_ns, self.t_ns, self.joules = take, name, shift_ns, 0, 0.0

    def run(self, seconds, watts):
        start_ns = self.t_ns
        for _ in range(round(seconds * 100)):
            self.t_ns += PERIOD
            self.joules += watts * 0.01
            self.take([Reading(channel=self.name, t_ns=self.t_ns + self.shift_ns, bracket_ns=1000, value=self.joules)])
        return start_ns, self.t_ns


def _window(index, span):
    return Window(phase=Phase.MEASURE, index=index, clock="device", start_ns=span[0], end_ns=span[1], bracket_ns=10, inferences=100)


def _measure(running, world, count, *, cooldown_s=1.0):
    draw, windows = random.Random(1), []
    world.run(1.0, 2.0)
    for index in range(count):
        running.begin()
        windows.append(_window(index, world.run(2.0, 5.0 * (1 + 0.03 * draw.gauss(0, 1)))))
        running.add(windows[-1], 0)
        world.run(cooldown_s, 2.0)
    return windows


@pytest.mark.parametrize("offset_ns", [0, 7 * SECOND])
def test_it_agrees_with_the_analysis_of_the_whole_run(offset_ns):
    running, record, clock_map = _running("package", offset_ns=offset_ns)
    readings = []

    def take(batch):
        readings.extend(batch)
        running.take(batch)

    windows = _measure(running, World(take, shift_ns=offset_ns), 12)
    standing = running.standing(0)
    assert standing.windows == 12
    trace = _trace(readings, "host" if offset_ns else "device")
    final = analyse(replace(record, windows=tuple(windows), clock_maps=(clock_map,)), {"package": trace}).energy_j_per_inference
    assert standing.value == pytest.approx(final.value, rel=1e-9)
    assert standing.half_rel == pytest.approx((final.high - final.low) / 2 / final.value, rel=0.25)
    assert (standing.fixed_name, standing.fixed_rel) == ("gain", pytest.approx(0.03 * 1.96, rel=0.05))


def _trace(readings, clock):
    import numpy as np

    from edgekit.core.trace import Trace

    return Trace(
        channel="package",
        clock=clock,
        t_ns=np.array([reading.t_ns for reading in readings], np.int64),
        bracket_ns=np.array([reading.bracket_ns for reading in readings], np.int64),
        value=np.array([reading.value for reading in readings]),
        flags=np.zeros(len(readings), np.uint8),
    )


def test_readings_are_forgotten_when_no_window_needs_them():
    running, _, _ = _running("package")
    world = World(running.take)
    _measure(running, world, 40)
    assert world.t_ns > 100 * SECOND
    assert running.held <= 400, "one window, a pause and a margin at 100 Hz"


def test_a_window_waits_for_the_readings_around_it():
    running, _, _ = _running("package")
    world = World(running.take)
    world.run(1.0, 2.0)
    running.add(_window(0, world.run(2.0, 5.0)), 0)
    assert running.standing(0) is None
    world.run(0.5, 2.0)
    assert running.standing(0).value == pytest.approx(0.1, rel=1e-6)


def test_a_channel_that_fell_silent_is_not_waited_for():
    running, _, _ = _running("package", "dram")
    running.take([Reading(channel="dram", t_ns=1, bracket_ns=1, value=0.0)])
    world = World(running.take)
    world.run(1.0, 2.0)
    running.add(_window(0, world.run(2.0, 5.0)), 0)
    world.run(1.0, 2.0)
    assert running.standing(0) is None
    world.run(4.0, 2.0)
    assert running.standing(0).value == pytest.approx(0.1, rel=1e-6)


def test_windows_without_readings_have_no_standing():
    running, _, _ = _running("package")
    running.add(_window(0, (0, SECOND)), 0)
    assert running.standing(0) is None
    invalid = replace(_window(1, (SECOND, 2 * SECOND)), invalid="the machine slept for 3.2 s")
    running.add(invalid, 0)
    assert running.standing(0) is None
