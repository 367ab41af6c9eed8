"""How often a value changes, how it scatters, what a counter counts: found from readings of sensors whose habits are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.quantity import Estimate, Unknown
from edgekit.energy.sensors.calibrate import counter_ratio, mean_power, noise, read_cost, tick_watts, ticks, update_period
from edgekit.energy.sensors.response import Load
from tests.energy.sensors import COUNTER, IDLE_W, ORIGINS, POWER, Sensor, reads, selftest_load, trace

IDLE = Load(t_ns=np.zeros(2), share=np.zeros(2))


def period(sensor, spacing_s, *, seconds=30.0, seed=0, channel=COUNTER):
    load = IDLE if channel is COUNTER else selftest_load(sensor.period_s)[0]
    found = ticks(sensor.trace(channel, load, reads(seconds, spacing_s, seed=seed), seed=seed), channel)
    return update_period(found, origins=ORIGINS, counter=channel is COUNTER)


@pytest.mark.parametrize("channel", [COUNTER, POWER])
@pytest.mark.parametrize(
    ("sensor", "spacing_s", "half"),
    [
        (Sensor(), 0.005, 0.01),
        (Sensor(), 0.03, 0.04),
        (Sensor(jitter=0.05), 0.005, 0.02),
        (Sensor(period_s=0.02, jitter=0.02), 0.002, 0.01),
    ],
)
def test_the_update_period_lies_within_its_own_narrow_interval(channel, sensor, spacing_s, half):
    for seed in range(5):
        found = period(sensor, spacing_s, seed=seed, channel=channel)
        assert isinstance(found, Estimate), found
        assert found.low <= sensor.period_s <= found.high
        assert found.high - found.low < 2 * half * sensor.period_s


@pytest.mark.parametrize("spacing_s", [0.0001, 0.0003])
def test_a_counter_with_much_jitter_is_timed_by_its_rhythm(spacing_s):
    sensor = Sensor(period_s=0.001, jitter=0.15, noise=0.0)
    found = period(sensor, spacing_s, seconds=3.0)
    assert found.low <= 0.001 <= found.high
    assert found.high - found.low < 2e-5


def test_a_value_that_stays_the_same_now_and_then_does_not_lengthen_the_period():
    at = np.arange(0.0, 30.0, 0.005)
    number = np.floor(at / 0.1)
    stays = np.random.default_rng(3).random(400) < 0.5  # at half of the updates nothing changes
    value = np.cumsum(np.where(stays, 0, 700))[number.astype(int)].astype(float)
    found = update_period(ticks(trace("counter", at, value), COUNTER), origins=ORIGINS, counter=True)
    assert found.low <= 0.1 <= found.high


@pytest.mark.parametrize("spacing_s", [0.06, 0.09, 0.2])
def test_a_sensor_that_is_read_too_slowly_is_refused_with_the_bound_that_is_known(spacing_s):
    found = period(Sensor(), spacing_s)
    assert isinstance(found, Unknown)
    assert "faster readings would tell" in found.reason


def test_few_changes_and_a_coarse_counter_are_refused():
    assert "changed only" in period(Sensor(period_s=5.0), 0.05).reason
    at = np.arange(0.0, 30.0, 0.005)
    coarse = np.floor(at / 0.1)  # one step every 100 ms: a power of 10 steps a second, whatever the sensor does
    found = update_period(ticks(trace("counter", at, coarse), COUNTER), origins=ORIGINS, counter=True)
    assert "its resolution, not its period" in found.reason


@given(shift_ns=st.integers(0, 10**15), factor=st.sampled_from([1, 3, 10]))
def test_the_period_does_not_depend_on_when_it_was_looked_for_and_scales_with_time(shift_ns, factor):
    one = Sensor().trace(COUNTER, IDLE, np.arange(0.0, 12.0, 0.005), seed=1)
    other = replace(one, t_ns=one.t_ns * factor + shift_ns, bracket_ns=one.bracket_ns * factor)
    first, second = (update_period(ticks(item, COUNTER), origins=ORIGINS, counter=True) for item in (one, other))
    assert second.value == pytest.approx(factor * first.value, rel=1e-6)


def test_unusable_readings_are_left_out():
    whole = Sensor().trace(COUNTER, IDLE, np.arange(0.0, 12.0, 0.005))
    flags = np.zeros(len(whole), np.uint8)
    flags[::7] = 2
    torn = replace(whole, flags=flags, value=np.where(flags, 0.0, whole.value))
    assert update_period(ticks(torn, COUNTER), origins=ORIGINS, counter=True).value == pytest.approx(0.1, rel=0.01)


def test_ticks_of_a_counter_become_watts():
    found = ticks(Sensor(noise=0.0).trace(COUNTER, IDLE, np.arange(0.0, 12.0, 0.005)), COUNTER)
    at, half, watts = tick_watts(found, COUNTER, 0.1)
    assert len(at) == len(half) == len(watts) > 100
    assert watts == pytest.approx(IDLE_W, abs=0.02)


def test_noise_is_told_apart_from_drift_and_a_flat_reading_is_not_called_perfect():
    rng = np.random.default_rng(0)
    watts = 100 + 2.0 * rng.standard_normal(400) + np.linspace(0, 30, 400)
    found = noise(watts, step_w=0.001, origins=ORIGINS)
    assert found.low <= 2.0 <= found.high
    assert found.high - found.low < 0.5
    flat = noise(np.full(50, 100.0), step_w=1.0, origins=ORIGINS)
    assert (flat.value, flat.low, flat.high) == (0.0, 0.0, pytest.approx(1 / 3**0.5))
    assert isinstance(noise(watts[:3], step_w=1.0, origins=ORIGINS), Unknown)


def test_the_level_and_the_ratio_of_two_readings_hold_the_truth():
    rng = np.random.default_rng(1)
    level = mean_power(70 + rng.standard_normal(200), origins=ORIGINS)
    assert level.low <= 70 <= level.high
    joules = rng.uniform(5, 50, 30)
    ratio = counter_ratio(list(1.04 * joules + rng.standard_normal(30)), list(joules), origins=ORIGINS)
    assert ratio.low <= 1.04 <= ratio.high
    assert ratio.low > 1.0
    assert isinstance(counter_ratio([1.0], [1.0], origins=ORIGINS), Unknown)


def test_a_read_costs_twice_its_bracket():
    found = read_cost(trace("counter", np.arange(0.0, 1.0, 0.01), np.zeros(100)), origins=ORIGINS)
    assert (found.low, found.value, found.high) == (2e-4, 2e-4, 2e-4)
