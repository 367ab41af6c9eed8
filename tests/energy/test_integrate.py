from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.energy.windows.integrate import power_energy
from tests.energy.traces import trace

S = 1_000_000_000

samples = st.lists(st.tuples(st.integers(1_000_000, 50_000_000), st.floats(0, 1000, allow_nan=False)), min_size=4, max_size=60)


def _trace(steps):
    t, times = 0, []
    for gap, _ in steps:
        t += gap
        times.append(t)
    return trace(times, [watts for _, watts in steps])


def _joules(found):
    assert found is not None
    return found.joules


@pytest.mark.parametrize("hold", [True, False])
def test_constant_power_gives_power_times_time(hold):
    steady = trace(range(0, 11 * S, S // 10), [50.0] * 110)
    found = power_energy(steady, scale=1.0, start_ns=S // 3, end_ns=10 * S, hold=hold, max_gap_ns=S)
    assert found.joules == pytest.approx(50 * (10 - 1 / 3), rel=1e-9)
    assert found.coverage == pytest.approx(1.0)


def test_step_is_not_turned_into_a_ramp_by_identical_samples():
    # 30 W for 9 s, then 300 W for 1 s: 570 J. Dropping repeated samples would draw a ramp over nine seconds.
    times = list(range(0, 10 * S + 1, S // 100))
    watts = [30.0 if t < 9 * S else 300.0 for t in times]
    found = power_energy(trace(times, watts), scale=1.0, start_ns=0, end_ns=10 * S, hold=True, max_gap_ns=S)
    assert found.joules == pytest.approx(570, abs=1e-6)


def test_ramp_is_exact_with_the_trapezoid_rule_between_samples():
    ramp = trace([0, 2 * S, 4 * S], [0.0, 20.0, 40.0])
    found = power_energy(ramp, scale=1.0, start_ns=S, end_ns=3 * S, hold=False, max_gap_ns=3 * S)
    assert found.joules == pytest.approx(40.0)


def test_gap_is_not_bridged_and_lowers_the_coverage():
    gappy = trace([0, S, 8 * S, 9 * S], [10.0] * 4)
    found = power_energy(gappy, scale=1.0, start_ns=0, end_ns=9 * S, hold=True, max_gap_ns=2 * S)
    assert found.coverage == pytest.approx(2 / 9)
    assert found.joules == pytest.approx(20.0)


def test_window_outside_the_samples_is_none():
    assert power_energy(trace([0, S], [1.0, 1.0]), scale=1.0, start_ns=2 * S, end_ns=3 * S, hold=True, max_gap_ns=S) is None


@given(samples, st.floats(0.1, 0.9), st.booleans())
def test_energy_adds_over_adjacent_windows(steps, share, hold):
    whole = _trace(steps)
    first, last = int(whole.t_ns[0]), int(whole.t_ns[-1])
    middle = first + int((last - first) * share)
    parts = [power_energy(whole, scale=1.0, start_ns=a, end_ns=b, hold=hold, max_gap_ns=S) for a, b in ((first, middle), (middle, last))]
    both = power_energy(whole, scale=1.0, start_ns=first, end_ns=last, hold=hold, max_gap_ns=S)
    assert sum(map(_joules, parts)) == pytest.approx(_joules(both), rel=1e-9, abs=1e-12)


@given(samples, st.integers(0, 10**15), st.booleans())
def test_energy_does_not_depend_on_when_the_clock_started(steps, shift, hold):
    here = _trace(steps)
    there = trace([int(t) + shift for t in here.t_ns], list(here.value))
    first, last = int(here.t_ns[0]), int(here.t_ns[-1])
    a = power_energy(here, scale=1.0, start_ns=first, end_ns=last, hold=hold, max_gap_ns=S)
    b = power_energy(there, scale=1.0, start_ns=first + shift, end_ns=last + shift, hold=hold, max_gap_ns=S)
    assert _joules(a) == pytest.approx(_joules(b), rel=1e-9, abs=1e-12)


@given(samples, st.booleans())
def test_energy_lies_between_least_and_most_power_times_time(steps, hold):
    whole = _trace(steps)
    first, last = int(whole.t_ns[0]), int(whole.t_ns[-1])
    joules = _joules(power_energy(whole, scale=1.0, start_ns=first, end_ns=last, hold=hold, max_gap_ns=S))
    seconds = (last - first) / 1e9
    assert min(whole.value) * seconds - 1e-9 <= joules <= max(whole.value) * seconds + 1e-9
