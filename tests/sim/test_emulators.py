from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.sim import load
from edgekit.sim.emulators.counter import EnergyCounter
from edgekit.sim.emulators.sensor import PowerSensor
from edgekit.sim.emulators.ticks import Ticks

S = 10**9
TICKS = st.builds(
    lambda period, share, seed: Ticks(period_ns=period, jitter_ns=int(period * share), seed=seed),
    st.integers(10, 10**8),
    st.floats(0, 0.49),
    st.integers(0, 2**40),
)


@given(TICKS, st.integers(0, 10**12))
def test_the_last_tick_is_the_last(ticks, t_ns):
    number = ticks.last(t_ns)
    assert ticks.at(number) <= t_ns < ticks.at(number + 1)
    assert abs(ticks.at(number) - number * ticks.period_ns) <= ticks.jitter_ns


@given(TICKS, st.floats(0.1, 300), st.integers(0, 2**32 - 1), st.integers(0, 10**10), st.integers(0, 10**10))
def test_a_counter_brackets_the_truth_by_its_ticks_and_its_unit(ticks, power_w, start_raw, one, other):
    counter = EnergyCounter(total_j=load.constant(power_w).total_j, ticks=ticks, start_raw=start_raw)
    a, b = sorted((one, other))
    counted = (counter.raw(b) - counter.raw(a)) % 2**32 * 61.035e-6
    truth = power_w * (b - a) / 1e9
    assert abs(counted - truth) <= power_w * 2 * ticks.period_ns / 1e9 + 61.1e-6


def test_the_kernels_numbers_come_out():
    intel = EnergyCounter(total_j=lambda t: 0.0, ticks=Ticks(period_ns=10**6), start_raw=2**32 - 1)
    assert intel.energy_uj(0) == intel.max_energy_range_uj() == 262_143_328_850
    amd = EnergyCounter(total_j=lambda t: 0.0, ticks=Ticks(period_ns=10**6), unit_nj=15258)
    assert amd.max_energy_range_uj() == 65_532_610_987
    wrapped = EnergyCounter(total_j=lambda t: t / 1e9, ticks=Ticks(period_ns=10**6), start_raw=2**32 - 1000)
    assert wrapped.energy_uj(0) > 262e9
    assert wrapped.energy_uj(S) == (int(1e9 / 61035) - 1000) * 61035 // 1000


def test_an_all_time_sensor_is_exact_at_its_ticks_and_a_part_time_one_is_not():
    wave = load.square(70.0, 400.0, 0.1, duty=0.5)  # in phase with the sensor, whose look falls into the low half
    ticks = Ticks(period_ns=S // 10)
    whole, part = PowerSensor(wave.total_j, ticks), PowerSensor(wave.total_j, ticks, sampled_fraction=0.25)
    assert whole.energy_j(5 * S) == pytest.approx(5 * 235)
    assert whole.power_w(5 * S) == pytest.approx(235)
    assert part.energy_j(5 * S) == pytest.approx(5 * 70)
    assert whole.energy_j(5 * S + S // 20) == whole.energy_j(5 * S), "nothing moves between ticks"


def test_a_one_second_average_lags_behind_a_step():
    sensor = PowerSensor(load.steps([(0, 50), (2, 250)]).total_j, Ticks(period_ns=S // 10))
    assert sensor.average_w(2 * S) == pytest.approx(50)
    assert sensor.average_w(2 * S + S // 2) == pytest.approx(150)
    assert sensor.power_w(2 * S + S // 2) == pytest.approx(250)
    assert sensor.average_w(3 * S) == pytest.approx(250)


@pytest.mark.parametrize("fraction", [0.0, 1.1])
def test_a_sensor_that_never_looks_is_refused(fraction):
    with pytest.raises(ValueError, match="looks"):
        PowerSensor(lambda t: 0.0, Ticks(period_ns=1), fraction)


def test_ticks_that_could_overtake_one_another_are_refused():
    with pytest.raises(ValueError, match="jitter"):
        Ticks(period_ns=10, jitter_ns=5)
