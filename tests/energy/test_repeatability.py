from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.energy.uncertainty.stats import effective_n, repeatability, t95


def _series(rng, *, rho, n, lognormal):
    steps = rng.standard_normal(n)
    for place in range(1, n):
        steps[place] = rho * steps[place - 1] + math.sqrt(1 - rho * rho) * steps[place]
    return (np.exp(0.2 * steps), math.exp(0.02)) if lognormal else (10 + steps, 10.0)


@pytest.mark.parametrize("lognormal", [False, True])
@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
def test_intervals_of_ten_correlated_windows_cover_what_they_promise_and_are_not_absurdly_wide(rho, lognormal):
    rng, draws = np.random.default_rng(20), 1000
    covered = bootstrapped = 0
    halves, means = [], []
    for _ in range(draws):
        joules, truth = _series(rng, rho=rho, n=10, lognormal=lognormal)
        found = repeatability(joules, [1.0] * 10)
        halves.append(t95(found.freedom) * found.u)
        means.append(found.mean)
        covered += abs(found.mean - truth) <= halves[-1]
        bootstrapped += found.bootstrap[0] <= truth <= found.bootstrap[1]
    least = 0.95 * draws - 3.09 * math.sqrt(draws * 0.95 * 0.05)  # a one-sided binomial test at 0.1 % sees less than 95 % below this
    assert covered >= least
    assert bootstrapped >= least
    assert np.mean(halves) < 2.2 * 1.96 * np.std(means)


def test_mean_is_joules_over_counts_not_the_mean_of_ratios():
    found = repeatability([1.0, 4.0, 9.0], [1.0, 2.0, 3.0])
    assert found.mean == pytest.approx(14 / 6)
    assert found.u == pytest.approx(math.sqrt(sum((j - c * 14 / 6) ** 2 for j, c in ((1, 1), (4, 2), (9, 3))) / (3 * 2)) / 2)


def test_below_three_windows_the_spread_is_not_known():
    found = repeatability([1.0, 1.2], [1.0, 1.0])
    assert (found.mean, found.u, found.bootstrap, found.n) == (pytest.approx(1.1), None, None, 2)


def test_a_drifting_series_is_worth_fewer_windows_than_a_shuffled_one():
    drifting = [float(step) - 9.5 for step in range(20)]
    shuffled = [drifting[(7 * step) % 20] for step in range(20)]
    assert effective_n(drifting) < 5 < effective_n(shuffled)


def test_equal_windows_have_no_spread():
    found = repeatability([2.0] * 6, [4.0] * 6)
    assert (found.u, found.bootstrap, found.n_effective) == (0.0, (0.5, 0.5), 6.0)


def test_the_same_windows_give_the_same_bytes():
    joules = [1.0, 1.1, 0.95, 1.3, 1.02]
    assert repr(repeatability(joules, [1.0] * 5)) == repr(repeatability(joules, [1.0] * 5))


@given(st.lists(st.tuples(st.floats(1e-3, 1e3), st.integers(1, 1000)), min_size=3, max_size=12), st.floats(0.01, 100))
def test_joules_in_other_units_scale_everything_alike(windows, factor):
    joules, counts = [j for j, _ in windows], [float(c) for _, c in windows]
    one, other = repeatability(joules, counts), repeatability([j * factor for j in joules], counts)
    assert other.mean == pytest.approx(one.mean * factor)
    assert other.n_effective == pytest.approx(one.n_effective, rel=1e-6)
    assert other.u == pytest.approx(one.u * factor, rel=1e-6, abs=1e-9 * other.mean)
    assert 1 <= other.n_effective <= len(windows)
    assert other.bootstrap[0] <= other.mean <= other.bootstrap[1]
