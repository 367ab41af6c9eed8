from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.quantity import Origin
from edgekit.decision.montecarlo import Input, central, draw, influences, probability


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
