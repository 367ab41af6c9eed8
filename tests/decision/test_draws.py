from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.quantity import Origin
from edgekit.decision.draws.montecarlo import Input, central, draw, influences, probability

STREAM = [-2.3003397946338002, 0.1342046981421574, 0.5864714539324476]  # the first of stream "a" (PCG64, seed 20261122)


def made(name, value, low, high, group=None):
    return Input(
        name=name, value=value, low=low, high=high, origins=(Origin.MEASURED,), evidence=name, group=group or name, shrink="more windows"
    )


def test_draws_have_the_stated_value_as_median_and_the_stated_interval_as_its_95_percent():
    inputs = {"a": made("a", 2.0, 1.0, 8.0), "b": made("b", -1.0, -3.0, 0.5), "c": made("c", 1.1, 1.1, 1.1)}
    drawn = draw(inputs, draws=200_000)
    for name, item in inputs.items():
        low, median, high = np.percentile(drawn[name], (2.5, 50, 97.5))
        assert low == pytest.approx(item.low, rel=0.03, abs=0.03)
        assert median == pytest.approx(item.value, rel=0.01, abs=0.02)
        assert high == pytest.approx(item.high, rel=0.03, abs=0.03)
        assert central(inputs)[name].tolist() == [item.value]


def test_the_same_seed_gives_the_same_draws_and_another_input_changes_nobody_elses():
    one = draw({"a": made("a", 2, 1, 3)}, draws=100, seed=7)
    two = draw({"z": made("z", 2, 1, 3), "a": made("a", 2, 1, 3)}, draws=100, seed=7)
    assert one["a"].tolist() == two["a"].tolist()
    assert one["a"].tolist() != two["z"].tolist()
    assert one["a"].tolist() != draw({"a": made("a", 2, 1, 3)}, draws=100, seed=8)["a"].tolist()


def test_inputs_of_one_instrument_move_together():
    drawn = draw({"a": made("a", 2, 1, 4, "meter"), "b": made("b", 5, 4, 6, "meter")}, draws=1000)
    assert np.all(np.argsort(drawn["a"]) == np.argsort(drawn["b"]))


def test_a_probability_is_never_stated_without_its_own_doubt():
    all_won = probability(np.ones(20_000, dtype=bool), (Origin.MODELED,))
    assert all_won.value == 1
    assert 0.999 < all_won.low < 1


def test_influences_name_the_input_that_spreads_most():
    drawn = draw({"a": made("a", 1, 0.5, 2), "b": made("b", 1, 0.99, 1.01), "c": made("c", 1, 1, 1)}, draws=5000)
    found = influences(drawn, drawn["a"] * drawn["b"], drawn)
    assert list(found) == ["a", "b"]
    assert found["a"] > 0.9


def test_the_streams_are_those_that_reports_were_made_from():
    """A numpy that draws otherwise makes other reports of the same runs: then say so in the change log, and make the examples again."""
    drawn = draw({"a": made("a", 0.0, -1.959964, 1.959964)}, draws=3)["a"]
    assert drawn.tolist() == pytest.approx(STREAM, rel=1e-12)


def test_sums_have_the_mean_and_the_spread_that_theory_says():
    inputs = {"a": made("a", 1.0, 1 - 1.959964, 1 + 1.959964), "b": made("b", 3.0, 3 - 2 * 1.959964, 3 + 2 * 1.959964)}
    drawn = draw(inputs, draws=200_000)
    total = 2 * drawn["a"] + drawn["b"]
    assert float(total.mean()) == pytest.approx(5.0, abs=0.03)
    assert float(total.std()) == pytest.approx(8**0.5, rel=0.01)


def test_what_ends_at_zero_is_never_drawn_below_it():
    drawn = draw({"a": made("a", 1.0, 0.0, 2.0), "b": made("b", 1.0, -1.0, 3.0)}, draws=20_000)
    assert float(drawn["a"].min()) == 0.0
    assert 0.02 < float(np.mean(drawn["a"] == 0)) < 0.03
    assert float(drawn["b"].min()) < -1.0


def test_a_chance_of_none_or_all_says_how_many_draws_that_rests_on():
    none, all_won = (probability(np.full(20_000, wins), (Origin.MODELED,)) for wins in (False, True))
    assert (none.value, none.low, all_won.value, all_won.high) == (0.0, 0.0, 1.0, 1.0)
    assert none.high == pytest.approx(1 - all_won.low) == pytest.approx(1.92e-4, rel=0.01)
    assert none.n == 20_000
