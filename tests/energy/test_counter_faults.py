"""What a counter does that is no counting: wraps, resets, jumps, standstills and lost readings are told apart, never averaged over."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.trace import FLAG_INVALID
from edgekit.energy.sensors.counter import Step, classify, unwrap
from edgekit.sim.virtual import RAPL_UNIT_NJ, RAPL_WRAP_UJ
from tests.energy.traces import counted, counter, trace

S = 1_000_000_000


def steps(raw, *, period_ns=S, wrap=RAPL_WRAP_UJ, max_power_w=300.0, update_period_s=1e-3):
    t = np.arange(len(raw), dtype=np.int64) * period_ns
    counts, kinds = classify(np.array(raw, float), t, scale=1e-6, wrap=wrap, max_power_w=max_power_w, update_period_s=update_period_s)
    return counts.tolist(), [Step(int(kind)) for kind in kinds]


def test_each_kind_of_step_is_told_from_the_others():
    top = RAPL_WRAP_UJ
    assert steps([1e9, 1.05e9])[1] == [Step.FORWARD]
    assert steps([top - 20e6, 30e6]) == ([50e6], [Step.WRAP])
    assert steps([120e9, 30e6]) == ([0.0], [Step.RESET])  # 30 J in a second from zero on is plausible, 142 kJ is not
    assert steps([120e9, 100e9]) == ([0.0], [Step.IMPOSSIBLE])
    assert steps([1e9, 2e9]) == ([0.0], [Step.IMPOSSIBLE])  # 1000 J in a second
    assert steps([1e9, 1.05e9], period_ns=1000 * S) == ([0.0], [Step.AMBIGUOUS])  # 262 kJ more is plausible in 1000 s
    assert steps([5e9, 1e9], wrap=None) == ([0.0], [Step.IMPOSSIBLE])


def test_reads_that_straddle_an_update_closely_do_not_look_like_a_jump():
    # 250 W, updates every 10 ms, two reads 20 us apart of which the second sees the next update: 2.5 J in 20 us.
    counts, kinds = steps([0.0, 2.5e6, 2.5e6], period_ns=20_000, update_period_s=0.01)
    assert kinds == [Step.FORWARD, Step.FORWARD]
    assert counts == [2.5e6, 0.0]


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 4_000_000), min_size=1, max_size=50))
def test_the_kernels_integer_arithmetic_costs_a_microjoule_at_most(start, units):
    raw = (start + np.concatenate([[0], np.cumsum(units)])) % 2**32
    shown = raw * RAPL_UNIT_NJ // 1000
    t = np.arange(len(shown), dtype=np.int64) * S
    joules, broken = unwrap(shown.astype(float), t, scale=1e-6, wrap=RAPL_WRAP_UJ, max_power_w=1000.0, update_period_s=1e-3)
    assert not broken.any()
    assert joules[-1] == pytest.approx(sum(units) * RAPL_UNIT_NJ / 1e9, abs=2.1e-6)
    assert (np.diff(joules) >= 0).all()


@given(st.integers(0, RAPL_WRAP_UJ - 1))
def test_a_wrap_anywhere_even_at_the_edge_changes_nothing(offset):
    t = np.arange(0, 3 * S + 1, S // 100)
    straight = trace(t, 80.0 * t / 1e3)
    wrapped = trace(t, (80.0 * t / 1e3 + offset) % RAPL_WRAP_UJ)
    channel = counter(wrap=RAPL_WRAP_UJ)
    for start_ns, end_ns in ((S, 2 * S), (S + 3_333_333, 2 * S + 7_777_777)):
        a, b = (counted(item, channel, start_ns=start_ns, end_ns=end_ns, max_power_w=500.0) for item in (straight, wrapped))
        assert a.joules == pytest.approx(b.joules, abs=1e-5)


def test_a_counter_that_froze_for_part_of_the_window_is_no_measurement():
    t = np.arange(0, 10 * S + 1, S // 100)
    running = np.where(t < 4 * S, t, np.where(t < 7 * S, 4 * S, t - 3 * S))
    found = counted(trace(t, 50.0 * running / 1e3), counter(), start_ns=S, end_ns=9 * S, max_power_w=500.0)
    assert found.reason.startswith("the counter stood still for 3")
    assert math.isnan(found.joules)
    before = counted(trace(t, 50.0 * running / 1e3), counter(), start_ns=S, end_ns=3 * S, max_power_w=500.0)
    assert before.joules == pytest.approx(100.0)


def test_readings_that_are_missing_are_no_standstill():
    t = np.arange(0, 10 * S + 1, S // 100)
    kept = (t < 4 * S) | (t >= 7 * S)
    found = counted(trace(t[kept], 50.0 * t[kept] / 1e3), counter(), start_ns=S, end_ns=9 * S, max_power_w=500.0)
    assert found.reason is None
    assert found.joules == pytest.approx(400.0)


def test_invalid_and_missing_values_are_no_counts():
    t = np.arange(0, 5 * S + 1, S // 10)
    torn = trace(t, 50.0 * t / 1e3)
    torn.value[20], torn.value[25], torn.flags[25] = np.nan, 0.0, FLAG_INVALID
    found = counted(torn, counter(wrap=RAPL_WRAP_UJ), start_ns=S, end_ns=4 * S, max_power_w=500.0)
    assert found.joules == pytest.approx(150.0)


def test_cpu_time_may_rest():
    t = np.arange(0, 10 * S + 1, S // 100)
    busy = trace(t, np.maximum(0, t - 5 * S))
    sleeper = replace(counter(scale=8e-9), origin="estimated")
    found = counted(busy, sleeper, start_ns=S, end_ns=9 * S, max_power_w=500.0)
    assert found.reason is None
    assert found.joules == pytest.approx(32.0, rel=0.01)


@given(st.lists(st.integers(0, 5_000_000), min_size=5, max_size=40), st.floats(0.1, 0.9))
def test_energy_adds_over_adjacent_windows(units, share):
    raw = np.concatenate([[0], np.cumsum(np.array(units) + 1)])
    t = np.arange(len(raw), dtype=np.int64) * (S // 10)
    whole = trace(t, raw)
    middle = int(t[-1] * share)
    parts = [counted(whole, counter(), start_ns=a, end_ns=b, max_power_w=1000.0) for a, b in ((0, middle), (middle, int(t[-1])))]
    both = counted(whole, counter(), start_ns=0, end_ns=int(t[-1]), max_power_w=1000.0)
    if all(item.reason is None for item in (*parts, both)):
        assert sum(item.joules for item in parts) == pytest.approx(both.joules, rel=1e-9, abs=1e-12)


def test_an_update_that_comes_a_period_late_at_the_boards_power_limit_is_no_jump():
    # 700 W, an update every 100 ms; the one due at 2.1 s is left out. Readings are dense, so that hardly any time passes between two.
    t = np.arange(0, 5 * S, S // 200)
    told = t // (S // 10) * (S // 10)
    told = np.where(told == 21 * S // 10, 2 * S, told)
    counts, kinds = classify(700e3 * told / 1e9, t, scale=1e-3, wrap=None, max_power_w=1.5 * 700, update_period_s=0.1)
    assert not kinds.any()
    assert counts.sum() == pytest.approx(700e3 * 4.9)
