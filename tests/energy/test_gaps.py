"""Power samples that are missing, torn or late, and meters whose values look back."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.core.trace import FLAG_GAP, FLAG_INVALID, ChunkedTrace, Trace
from edgekit.core.window import Phase, Window
from edgekit.energy.clocks.clock import SAME_CLOCK
from edgekit.energy.windows.channel import channel_windows
from edgekit.energy.windows.integrate import Rule, integrate, power_energy
from tests.energy.traces import trace

S = 1_000_000_000


def test_a_reported_gap_is_not_bridged_however_short():
    steady = trace(range(0, 10 * S + 1, S), [10.0] * 11)
    steady.flags[4] = FLAG_GAP
    found = power_energy(steady, scale=1.0, start_ns=0, end_ns=10 * S, hold=True, max_gap_ns=5 * S)
    assert (found.joules, found.coverage) == (pytest.approx(90.0), pytest.approx(0.9))


def test_a_gap_that_an_unusable_reading_reports_holds_for_the_next_one():
    steady = trace(range(0, 10 * S + 1, S), [10.0] * 11)
    steady.flags[4] = FLAG_GAP | FLAG_INVALID
    found = power_energy(steady, scale=1.0, start_ns=0, end_ns=10 * S, hold=True, max_gap_ns=5 * S)
    assert found.coverage == pytest.approx(0.8)


def test_unusable_readings_are_no_values_and_no_gaps():
    ramp = trace(range(0, 10 * S + 1, S), [float(i) for i in range(11)])
    ramp.value[3], ramp.value[6], ramp.flags[6] = np.nan, 1e9, FLAG_INVALID
    found = power_energy(ramp, scale=1.0, start_ns=0, end_ns=10 * S, hold=False, max_gap_ns=2 * S)
    assert (found.joules, found.coverage) == (pytest.approx(50.0), pytest.approx(1.0))


def test_time_that_steps_back_is_not_bridged():
    stepped = trace([0, S, 2 * S, S + S // 2, 3 * S, 4 * S], [10.0] * 6)
    (found,) = integrate(stepped, [(0, 4 * S)], rule=Rule.TRAPEZOID, max_gap_ns=2 * S)
    assert found.mean == pytest.approx(10.0)


@pytest.mark.slow
@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("size", [1, 7, 1000, 70_000])
def test_pieces_give_the_same_energy_as_the_whole(rule, size):
    random = np.random.default_rng(0)
    n = 150_000
    t = np.cumsum(random.integers(500_000, 1_500_000, n))
    whole = trace(t, random.uniform(1, 9, n))
    whole.flags[random.integers(0, n, 20)] = FLAG_GAP
    whole.flags[random.integers(0, n, 20)] |= FLAG_INVALID

    def pieces():
        for start in range(0, n, size) if size > 1 else (0, 1, 2, 3):
            end = n if size == 1 and start == 3 else start + size
            columns = {name: getattr(whole, name)[start:end] for name in ("t_ns", "bracket_ns", "value", "flags")}
            yield Trace(channel="c", clock="host", **columns)

    spans = [(int(t[100]) + 7, int(t[60_000]) + 3), (int(t[70_001]), int(t[-1])), (int(t[5]) + 1, int(t[6]) - 1)]
    one = integrate(whole, spans, rule=rule, max_gap_ns=1_400_000)
    other = integrate(ChunkedTrace(channel="c", clock="host", rows=n, chunks=pieces), spans, rule=rule, max_gap_ns=1_400_000)
    for a, b in zip(one, other, strict=True):
        assert a.covered_ns == b.covered_ns
        assert a.area == pytest.approx(b.area, rel=1e-12)


def cut(channel: Channel, spec: MeterSpec, readings: Trace, window: Window):
    idle = Window(phase=Phase.IDLE, index=0, clock="host", start_ns=S, end_ns=4 * S)
    return channel_windows(channel, spec, readings, measured=[window], idles=[idle], line=SAME_CLOCK)


def power_channel(**fields) -> Channel:
    shared = {"id": "c", "meter": "test", "boundary": Boundary.GPU_BOARD, "measurand": Measurand.POWER, "unit": "W"}
    return Channel(**shared, origin=Origin.EMULATED, **fields)


def test_the_one_second_average_of_a_board_is_dated_back():
    # 50 W, and 300 W from 10 s to 14 s; every reading is the mean of the second before it, so the step arrives a second late.
    t = np.arange(2 * S, 30 * S, S // 10)
    total = 50.0 * t + 250.0 * np.clip(t - 10 * S, 0, 4 * S)
    before = 50.0 * (t - S) + 250.0 * np.clip(t - S - 10 * S, 0, 4 * S)
    readings = trace(t, (total - before) / S)
    window = Window(phase=Phase.MEASURE, index=0, clock="host", start_ns=10 * S, end_ns=14 * S, inferences=1000)
    spec = MeterSpec(kind="t", channels=(), accuracy=Accuracy(source="exact", gain_rel=0.0), nominal_hz=10.0)
    (known,) = cut(power_channel(averaging_s=1.0), spec, readings, window).measured
    assert known.joules == pytest.approx(1200.0, rel=1e-6)
    naive = power_energy(readings, scale=1.0, start_ns=window.start_ns, end_ns=window.end_ns, hold=True, max_gap_ns=S)
    assert naive.joules < 1100.0  # what the average taken for an instant value says


def test_an_average_as_long_as_the_window_is_interpolated_and_says_how_little_it_knows():
    t = np.arange(2 * S, 30 * S, S // 10)
    total = 50.0 * t + 250.0 * np.clip(t - 10 * S, 0, S)
    before = 50.0 * (t - S) + 250.0 * np.clip(t - S - 10 * S, 0, S)
    readings = trace(t, (total - before) / S)
    window = Window(phase=Phase.MEASURE, index=0, clock="host", start_ns=10 * S, end_ns=11 * S, inferences=1000)
    spec = MeterSpec(kind="t", channels=(), accuracy=Accuracy(source="exact", gain_rel=0.0), nominal_hz=10.0)
    found = cut(power_channel(averaging_s=1.0), spec, readings, window)
    (energy,) = found.measured
    assert found.edges == "interpolated"
    assert abs(energy.joules - 300.0) <= 1.96 * sum(effect.u_j for effect in energy.effects)


def test_a_missing_stretch_is_filled_with_the_mean_and_charged_for():
    t = np.arange(0, 30 * S, S // 100)
    readings = trace(t, np.full(len(t), 40.0) + np.tile([1.0, -1.0], len(t) // 2))
    kept = (t < 12 * S) | (t > 12 * S + S // 11)
    gappy = trace(t[kept], readings.value[kept])
    window = Window(phase=Phase.MEASURE, index=0, clock="host", start_ns=5 * S, end_ns=25 * S, inferences=1000)
    spec = MeterSpec(kind="t", channels=(), accuracy=Accuracy(source="exact", gain_rel=0.0), nominal_hz=100.0, integrating=False)
    (energy,) = cut(power_channel(), spec, gappy, window).measured
    assert energy.coverage < 1
    assert energy.joules == pytest.approx(800.0, rel=1e-3)
    assert [effect.name for effect in energy.effects if effect.name == "coverage"]
