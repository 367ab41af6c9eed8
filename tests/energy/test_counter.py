from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.energy.traces import counted, counter, trace

S = 1_000_000_000
WRAP = 262_143_328_850 + 61


def test_steady_power_is_recovered_with_edges_between_readings():
    times = list(range(0, 10 * S + 1, S // 100))
    steady = trace(times, [50.0 * t / 1e9 * 1e6 for t in times])
    found = counted(steady, counter(), start_ns=S + 1234, end_ns=9 * S + 77, max_power_w=1000)
    assert found.joules == pytest.approx(50 * (8 * S + 77 - 1234) / 1e9, rel=1e-9)
    assert found.edge_s == pytest.approx(0.01)


@given(st.integers(0, WRAP - 1), st.floats(1.0, 400.0))
def test_wrap_at_any_point_gives_the_same_joules(offset, watts):
    times = list(range(0, 3 * S + 1, S // 10))
    raw = [(offset + round(watts * t / 1e3)) % WRAP for t in times]
    found = counted(trace(times, raw), counter(wrap=WRAP), start_ns=S // 2, end_ns=5 * S // 2, max_power_w=2000)
    assert found.joules == pytest.approx(2 * watts, rel=1e-5)


def test_reset_inside_the_window_is_not_taken_for_a_wrap():
    times = [0, S, 2 * S, 3 * S, 4 * S]
    raw = [5_000_000_000, 5_050_000_000, 20_000_000, 70_000_000, 120_000_000]
    found = counted(trace(times, raw), counter(wrap=WRAP), start_ns=S // 2, end_ns=7 * S // 2, max_power_w=2000)
    assert found.reason is not None
    assert math.isnan(found.joules)


def test_reset_outside_the_window_does_not_touch_it():
    times = [0, S, 2 * S, 3 * S, 4 * S]
    raw = [5_000_000_000, 20_000_000, 70_000_000, 120_000_000, 170_000_000]
    found = counted(trace(times, raw), counter(wrap=WRAP), start_ns=2 * S, end_ns=4 * S, max_power_w=2000)
    assert found.reason is None
    assert found.joules == pytest.approx(100.0)


def test_window_that_readings_do_not_reach_is_none():
    assert counted(trace([S, 2 * S], [0, 10]), counter(), start_ns=0, end_ns=2 * S, max_power_w=1) is None


def test_counter_that_updates_rarely_is_dated_by_its_own_ticks():
    # 100 W, the counter shows it only every 100 ms although it is read every 10 ms: edges between ticks must not cost 10 J each.
    times = list(range(0, 5 * S + 1, S // 100))
    raw = [100e6 * (t // (S // 10)) / 10 for t in times]
    found = counted(trace(times, raw), counter(), start_ns=S + S // 20, end_ns=3 * S + S // 20, max_power_w=1000)
    assert found.joules == pytest.approx(200.0, rel=1e-6)
    assert found.edge_s == pytest.approx(0.1, rel=0.01)


def test_a_rest_before_the_window_neither_takes_its_energy_nor_widens_its_edge():
    # CPU time of a process that sleeps until 8 s and is then busy: the count stands still for 8 s, and that is the truth.
    times = [S // 100 * i + 3_000_000 for i in range(1200)]
    busy = trace(times, [max(0, t - 8 * S) for t in times])
    found = counted(busy, counter(scale=8e-9), start_ns=8 * S, end_ns=10 * S, max_power_w=1000)
    assert found.joules == pytest.approx(16.0, abs=8 * 0.01 / 4)
    assert found.edge_s == pytest.approx(0.01)


@pytest.mark.parametrize("window", [0, 1, 2, 3])
def test_a_counter_that_stands_still_states_no_window_however_short(window):
    # 100 W, shown every 100 ms, until the counter stops at 2.3 s: neither a zero nor a part of a window is an energy.
    times = list(range(0, 5 * S + 1, S // 100))
    raw = [100e6 * (min(t, 23 * S // 10) // (S // 10)) / 10 for t in times]
    start_ns = window * S + S // 20
    found = counted(trace(times, raw), counter(), start_ns=start_ns, end_ns=start_ns + S, max_power_w=1000)
    assert (found.reason is None) == (window < 2)
    if window < 2:
        assert found.joules == pytest.approx(100.0, rel=1e-6)
    else:
        assert "stood still for" in found.reason


def test_a_counter_that_moves_on_after_a_rest_at_the_edge_of_a_window_states_it():
    times = list(range(0, 8 * S + 1, S // 100))
    raw = [100e6 * max(0, t - 4 * S) / 1e9 for t in times]
    found = counted(trace(times, raw), counter(), start_ns=4 * S - S // 50, end_ns=6 * S, max_power_w=1000)
    assert found.joules == pytest.approx(200.0, abs=1.0)


def test_counts_of_perf_events_stay_exact_beyond_what_a_float_counts_one_by_one():
    # 2^-32 J a count passes 2^53 at 2.1 MJ; the kernel shifts a unit of 2^-14 J (AMD: 2^-16 J) up, so that the lowest bits are zero.
    for unit in (2**18, 2**16):
        raw = [2**60 + 7 * unit * step for step in range(11)]
        found = counted(trace(range(0, 11 * S, S), raw), counter(scale=2.0**-32), start_ns=2 * S, end_ns=8 * S, max_power_w=1000)
        assert found.joules == 6 * 7 * unit * 2.0**-32
