"""What a sensor's value looks at, found from a load whose edges are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.quantity import Estimate, Unknown
from edgekit.energy.sensors.calibrate import tick_watts, ticks, update_period
from edgekit.energy.sensors.response import load_of, response, sampled_fraction
from tests.energy.sensors import COUNTER, ORIGINS, POWER, Sensor, reads, row, selftest_load


def found(sensor, channel, *, spacing_s=None, seed=0, **load):
    known, seconds = selftest_load(sensor.period_s, seed=seed, **load)
    trace = sensor.trace(channel, known, reads(seconds, spacing_s or sensor.period_s / 20, seed=seed), seed=seed)
    seen = ticks(trace, channel)
    period = update_period(seen, origins=ORIGINS, counter=channel is COUNTER)
    at, half, watts = tick_watts(seen, channel, period.value)
    told = response(at, half, watts, known, period_s=period.value, running_average=channel is POWER, origins=ORIGINS, seed=seed)
    return told, sampled_fraction(told.window_s, period)


@pytest.mark.parametrize("channel", [COUNTER, POWER])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.75, 1.0])
def test_the_sampled_fraction_lies_within_its_own_interval(channel, fraction):
    told, share = found(Sensor(fraction=fraction, jitter=0.01), channel)
    assert share.low <= fraction <= share.high
    assert share.high - share.low < 0.12
    assert told.swing_w == pytest.approx(330, rel=0.02)


@pytest.mark.parametrize(
    "sensor", [Sensor(fraction=0.25, noise=0.15), Sensor(fraction=0.25, period_s=0.02), Sensor(fraction=0.25, lag_s=0.06)]
)
def test_noise_speed_and_lag_do_not_hide_it(sensor):
    _, share = found(sensor, COUNTER)
    assert share.low <= 0.25 <= share.high
    assert share.high < 0.5


def test_a_quarter_and_the_whole_are_told_apart_in_ten_seconds():
    _, quarter = found(Sensor(fraction=0.25), COUNTER, sweep_s=5.0, steady_s=1.0)
    _, whole = found(Sensor(), COUNTER, sweep_s=5.0, steady_s=1.0)
    assert quarter.high < 0.5 < whole.low


@pytest.mark.parametrize("averaging_s", [0.3, 1.0])
def test_a_running_average_is_told_from_an_instant_value(averaging_s):
    told, share = found(Sensor(averaging_s=averaging_s), POWER)
    assert told.window_s.low <= averaging_s <= told.window_s.high
    assert told.window_s.high - told.window_s.low < 0.3 * averaging_s
    assert share.value == 1.0


def test_a_load_that_the_sensor_does_not_see_says_nothing_about_it():
    blind = Sensor(noise=5.0)
    told, share = found(blind, COUNTER)
    assert isinstance(told.window_s, Unknown)
    assert "too little against its scatter" in told.window_s.reason
    assert share.reason == told.window_s.reason


def test_too_few_updates_and_too_vague_a_window_are_refused():
    none = np.zeros(3)
    told = response(none, none, none, load_of([]), period_s=0.1, running_average=False, origins=ORIGINS)
    assert "only 3 updates" in told.window_s.reason
    vague = Estimate(value=0.05, low=0.0, high=0.1, unit="s", origins=ORIGINS)
    period = Estimate(value=0.1, low=0.1, high=0.1, unit="s", origins=ORIGINS)
    assert "between 0.00 and 1.00" in sampled_fraction(vague, period).reason


@pytest.mark.slow
def test_nineteen_of_twenty_intervals_hold_the_truth_over_fractions_noise_and_jitter():
    rng = np.random.default_rng(7)
    held, runs = 0, 60
    for seed in range(runs):
        fraction = rng.uniform(0.1, 1.0)
        sensor = Sensor(fraction=fraction, noise=rng.uniform(0, 0.1), jitter=rng.uniform(0, 0.02), lag_s=rng.uniform(0, 0.02))
        _, share = found(sensor, (COUNTER, POWER)[seed % 2], seed=seed, sweep_s=12.0)
        held += share.low <= fraction <= share.high
    assert held >= 53  # a true 95 % gives fewer than 53 of 60 once in a hundred times


spans = st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 50), st.floats(0, 1)), min_size=1, max_size=8)


@given(st.lists(spans, min_size=1, max_size=4))
def test_the_load_of_several_threads_is_the_mean_of_their_busy_time(threads):
    laid: list[list[list[float]]] = []
    for own in threads:
        rows, t = [], 0
        for gap, length, share in own:  # one thread's stretches do not overlap
            rows.append([t + gap, t + gap + length, share * length])
            t += gap + length
        laid.append(rows)
    total = sum(item[2] for rows in laid for item in rows) / len(laid) / 1e9
    assert load_of(laid).seconds_on(np.array([-1.0, 1e9])) == pytest.approx([0.0, total], rel=1e-9, abs=1e-15)


def test_a_busy_row_is_as_long_as_it_says():
    load = load_of([[row(1.0, 3.0)], [row(2.0, 3.0)]])
    assert load.seconds_on(np.array([1e9, 2e9, 3e9, 9e9])) == pytest.approx([0.0, 0.5, 1.5, 1.5])
