"""Spreads of errors that are no normal ones: their coverage factor against drawn ones, and what bounds make of a prediction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.energy.uncertainty.spread import added, bounded, normal, rectangle


@settings(max_examples=25, deadline=None)
@given(halves=st.lists(st.floats(0.01, 10), max_size=4), u=st.floats(0.01, 10))
def test_the_half_width_holds_95_percent_of_what_is_drawn(halves: list[float], u: float) -> None:
    draw = np.random.default_rng(1)
    error = u * draw.standard_normal(200_000) + sum(half * (2 * draw.random(200_000) - 1) for half in halves)
    half95 = added([normal(u), *map(rectangle, halves)]).half95
    assert half95 == pytest.approx(float(np.quantile(np.abs(error), 0.95)), rel=0.02)


def test_one_rectangle_ends_where_it_ends_and_nothing_is_exact() -> None:
    assert rectangle(2.0).half95 == pytest.approx(1.9, rel=1e-3)
    assert normal(2.0).half95 == pytest.approx(3.92)
    assert added([]).half95 == 0.0


def test_a_vague_prediction_between_bounds_is_all_that_lies_between_them_and_a_sharp_one_is_itself() -> None:
    centre, vague = bounded(3.0, 1e6, 10.0, freedom=1)
    assert (centre, vague.half95) == (pytest.approx(5.0), pytest.approx(5.0))
    centre, sharp = bounded(3.0, 0.01, 10.0, freedom=math.inf)
    assert (centre, sharp.half95) == (pytest.approx(3.0), pytest.approx(0.0196))
    assert bounded(3.0, 0.01, 10.0, freedom=4)[1].half95 == pytest.approx(0.0278)  # Student's t
    assert bounded(3.0, 1.0, math.inf, freedom=math.inf)[1].u == pytest.approx(1.0)
    assert bounded(3.0, 0.0, 2.0, freedom=4) == (2.0, normal(0.0))


@settings(max_examples=50, deadline=None)
@given(mean=st.floats(0, 20), s=st.floats(0.001, 100), freedom=st.sampled_from([1.0, 2.0, 5.0, math.inf]))
def test_bounds_never_make_a_prediction_vaguer_than_they_are(mean: float, s: float, freedom: float) -> None:
    centre, spread = bounded(mean, s, 10.0, freedom=freedom)
    assert 0 <= centre <= 10
    assert spread.half95 <= 10.0
