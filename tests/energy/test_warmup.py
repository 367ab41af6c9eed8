from __future__ import annotations

import math
import random
import re
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.energy.conduct.warmup import drift_note, steady_from, theil_sen, trend_p


def _noisy(count, *, seed, start=0.0, decay=1.0, slope=0.0):
    draw = random.Random(seed)
    return [1 + start * math.exp(-step / decay) + slope * step + draw.gauss(0, 0.01) for step in range(count)]


def test_the_p_value_of_short_series_is_what_counting_all_orders_gives():
    def score(order):
        return abs(sum((order[j] > order[i]) - (order[j] < order[i]) for i in range(6) for j in range(i + 1, 6)))

    series = (0.0, 1.0, 3.0, 2.0, 4.0, 5.0)
    counted = [score(order) for order in permutations(range(6))]
    assert trend_p(series) == pytest.approx(sum(value >= score(series) for value in counted) / len(counted))
    assert trend_p([1, 2, 3, 4, 5, 6]) == pytest.approx(2 / 720)


def test_exact_and_normal_p_values_agree_where_they_meet():
    values = _noisy(40, seed=3, slope=0.0003)
    assert trend_p([*values, values[20]]) == pytest.approx(trend_p(values), rel=0.25, abs=0.02)


@given(st.lists(st.floats(-1e6, 1e6), max_size=50))
def test_a_trend_is_as_likely_backwards_and_upside_down(values):
    p = trend_p(values)
    assert 0 <= p <= 1
    assert trend_p(values[::-1]) == trend_p([-value for value in values]) == p


def test_equal_values_have_no_trend():
    assert trend_p([2.0] * 12) == 1.0
    assert drift_note([2.0] * 12) is None


def test_false_alarms_are_as_rare_as_promised():
    alarms = sum(drift_note(_noisy(10, seed=seed)) is not None for seed in range(2000))
    assert alarms <= 2000 * 0.01 + 3.09 * math.sqrt(2000 * 0.01 * 0.99)


def test_a_drift_is_seen_with_its_size():
    note = drift_note(_noisy(10, seed=1, slope=0.01))
    assert note is not None
    assert note.code == "run.drift"
    change = float(re.search(r"by \+([0-9.]+) %", note.text)[1])
    assert change == pytest.approx(9 / 1.045, rel=0.25)


def test_a_day_of_windows_is_judged_in_a_moment():
    assert trend_p([float(step % 7) for step in range(100_000)]) > 0.01
    assert drift_note([1.0 + step * 1e-6 for step in range(100_000)]).text.startswith("time per inference drifted by +9.")


def test_one_outlier_does_not_bend_the_slope():
    assert theil_sen([1.0, 1.01, 1.02, 5.0, 1.04, 1.05, 1.06]) == pytest.approx(0.01 / 1.04, rel=0.05)


def test_the_steady_state_begins_after_the_transient():
    starts = [steady_from(_noisy(20, seed=seed, start=0.5, decay=1.5)) for seed in range(50)]
    found = [start for start in starts if start is not None]
    assert len(found) >= 40, "a trend in what follows is allowed to appear by chance once in twenty"
    assert all(3 <= start <= 10 for start in found)


def test_a_series_that_still_changes_has_no_steady_state():
    assert all(steady_from(_noisy(20, seed=seed, slope=0.01)) is None for seed in range(20))
    assert steady_from(_noisy(8, seed=1, start=1.0, decay=6.0)) is None


def test_a_change_too_small_to_matter_is_not_waited_for():
    assert steady_from([1 + 1e-5 * step for step in range(10)]) is not None


def test_a_few_values_show_nothing_and_equal_ones_are_steady_at_once():
    assert steady_from([1.0] * 5) is None
    assert steady_from([1.0] * 6) == 0
