from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.decision.accounts.energy import Convention
from edgekit.decision.cloud.batching import answered_s, fills, largest_batch
from edgekit.decision.draws.criteria import Grid, saved_kg
from edgekit.decision.turning import breakeven, carbon_flips, roots
from tests.decision.test_accounting_rules import PRIMARY, USE, cloud, device, inputs

KEPT_ON = Convention("marginal", "dedicated", "shared")
RESERVED = Convention("marginal", "gross", "dedicated")
joules = st.floats(1e-4, 1e2)


def turns_between(margin, below, above):
    """Brute force: the sign changes between two values next to a root, and nowhere among others of a wide grid."""
    assert margin(below) * margin(above) < 0


@settings(max_examples=40)
@given(device_j=joules, cloud_j=joules, idle_w=st.floats(1e-3, 10))
def test_the_inferences_a_day_at_which_idle_is_paid_for_agree_with_bisection_and_brute_force(device_j, cloud_j, idle_w):
    x = inputs(device_j=device_j, cloud_j=cloud_j, device_idle_w=idle_w)
    flip = breakeven.per_day(KEPT_ON, x, USE)

    def margin(per_day):
        return breakeven.margin(KEPT_ON, x, replace(USE, rate_per_s=per_day / 86_400))

    days = np.geomspace(0.1, 86_400 / USE.device_s, 200)
    signs = [margin(day) > 0 for day in days]
    if flip.value is None:
        assert len(set(signs)) == 1
    else:
        assert flip.numeric == pytest.approx(flip.value, rel=1e-6)
        turns_between(margin, flip.value * 0.999, min(flip.value * 1.001, days[-1]))
        assert signs == [bool(day > flip.value) for day in days]


@settings(max_examples=40)
@given(device_j=joules, most_j=joules, share=st.floats(0.01, 0.95), large=st.integers(2, 256))
def test_the_batch_at_which_the_cloud_wins_agrees_with_bisection_and_brute_force(device_j, most_j, share, large):
    loads = ((1, most_j), (large, most_j * share))
    x = inputs(device_j=device_j, cloud_j=most_j)
    flip = breakeven.batch(PRIMARY, x, USE, loads, 1)
    fixed = (most_j - most_j * share) / (1 - 1 / large)

    def margin(size):
        return breakeven.margin(PRIMARY, inputs(device_j=device_j, cloud_j=max(0.0, most_j - fixed + fixed / size)), USE)

    if flip.value is not None:
        assert flip.numeric == pytest.approx(flip.value, rel=1e-6)
        assert flip.value > 1
        if most_j - fixed >= 0:
            turns_between(margin, flip.value * 0.999, flip.value * 1.001)
    elif most_j - fixed >= 0:
        assert len({margin(size) > 0 for size in (1.0, 10.0, 1e3, 1e6)}) == 1


@settings(max_examples=40)
@given(device_j=joules, cloud_j=joules)
def test_a_cascade_breaks_even_where_a_share_of_both_is_the_cloud_alone(device_j, cloud_j):
    flip = breakeven.cascade(PRIMARY, inputs(device_j=device_j, cloud_j=cloud_j), USE)
    edge, alone = device(device_j=device_j), cloud(cloud_j=cloud_j)
    shares = np.linspace(0, 1, 101)
    better = [bool(edge + share * alone < alone) for share in shares]
    if flip.value is None:
        assert not any(better)
    else:
        assert edge + flip.value * alone == pytest.approx(alone)
        assert flip.numeric == pytest.approx(flip.value, rel=1e-6)
        assert better == [bool(share < flip.value) for share in shares]


def test_a_cascade_beats_both_sides_only_below_the_band_of_the_cheaper_one():
    small, big, alone = (np.array([value]) for value in (0.1, 0.6, 1.0))
    assert float(roots.cascade_share(small, alone, big)[0]) == pytest.approx(0.5)
    assert float(roots.cascade_share(small, alone)[0]) == pytest.approx(0.9)
    assert math.isnan(float(roots.cascade_share(np.array([2.0]), alone, big)[0]))


GRID = Grid(name="average", device_kg_per_j=1e-7, cloud_kg_per_j=2e-8)


@settings(max_examples=60)
@given(kg=st.floats(0.01, 100), years=st.floats(1, 10), cloud_j=joules, kept_on=st.booleans(), spared=st.sampled_from((0.0, 1e-9)))
def test_making_a_device_is_paid_back_where_all_inferences_of_its_life_saved_its_carbon(kg, years, cloud_j, kept_on, spared):
    """A device that is kept on for this causes carbon while nobody asks it: its idle power is part of what must be paid back."""
    view, life_s, x = KEPT_ON if kept_on else PRIMARY, years * 31_557_600, inputs(device_j=0.01, cloud_j=cloud_j, device_idle_w=0.1)
    owed, none = kg / life_s, np.array([0.0])
    flip = carbon_flips.payback(
        view, x, USE, GRID, carbon_flips.Debt(kg_per_s=owed, spared_kg=spared, drawn_kg_per_s=none + owed, drawn_spared_kg=none + spared), x
    )

    def left(per_s):
        used = replace(USE, rate_per_s=per_s)
        return per_s * life_s * (saved_kg(view, x, used, GRID)[0] + spared) - kg

    if flip.value is None:
        assert not any(left(rate) > 1e-9 * kg for rate in np.geomspace(1e-6, 1 / USE.device_s, 50))
    else:
        per_s = flip.value / 86_400
        assert left(per_s) == pytest.approx(0.0, abs=1e-6 * kg + 1e-6 * life_s * per_s * 1e-7)
        assert left(per_s * 0.99) < 0 < left(per_s * 1.01)
        assert flip.numeric == pytest.approx(flip.value, rel=1e-6)
        assert (flip.low, flip.share) == (pytest.approx(flip.value), 1.0)


@given(device_j=joules, cloud_j=joules)
def test_the_grid_of_the_data_centre_at_which_both_sides_cause_the_same(device_j, cloud_j):
    x = inputs(device_j=device_j, cloud_j=cloud_j)
    flip = carbon_flips.cloud_grid(PRIMARY, x, USE, GRID, x)
    at = [saved_kg(PRIMARY, x, USE, replace(GRID, cloud_kg_per_j=factor))[0] for factor in np.geomspace(1e-12, 1e-3, 40)]
    if flip.value is None:
        assert min(at) > 0
    else:
        equal = saved_kg(PRIMARY, x, USE, replace(GRID, cloud_kg_per_j=flip.value))[0]
        assert equal == pytest.approx(0.0, abs=1e-9 * device_j * GRID.device_kg_per_j)
        assert flip.numeric == pytest.approx(flip.value, rel=1e-6)


def test_a_break_even_has_the_band_of_its_draws_and_says_how_many_turn_at_all():
    x = inputs(device_j=0.5)
    around = np.random.default_rng(1).lognormal(math.log(0.5), 0.5, 4000)
    drawn = {name: np.full(4000, values[0]) for name, values in x.items()} | {"device_j": around}
    flip = breakeven.payload(PRIMARY, x, USE, drawn)
    brute = [breakeven.payload(PRIMARY, inputs(device_j=value), USE).value for value in around[:200]]
    vector = roots.payload_bytes(PRIMARY, {name: values[:200] for name, values in drawn.items()}, USE)
    assert [value is None for value in brute] == [bool(np.isnan(value)) for value in vector]
    assert [value for value in brute if value] == pytest.approx([float(value) for value in vector if not np.isnan(value)], rel=1e-6)
    assert flip.low < flip.value < flip.high
    assert 0.99 < flip.share <= 1
    assert flip.stated == USE.payload_bytes


def test_a_reserved_gpu_has_its_own_rate_in_every_draw():
    x = inputs(device_j=2.0)
    drawn = {name: np.repeat(values, 3) for name, values in x.items()} | {"device_j": np.array([1.0, 2.0, 1e-5])}
    found = roots.service_per_s(RESERVED, drawn, USE)
    assert float(found[1]) == pytest.approx(breakeven.service_rate(RESERVED, x, USE).value)
    assert found[0] > found[1]
    assert np.isnan(found[2])


@given(rate=st.floats(0.1, 1e5), limit=st.floats(1e-3, 10), invocation=st.floats(1e-4, 5))
def test_the_largest_batch_fills_in_time_and_one_more_does_not(rate, limit, invocation):
    most = largest_batch(rate, limit, invocation)
    if most == 0:
        assert not fills(1, rate, limit, invocation)
    else:
        assert fills(most, rate, limit * (1 + 1e-12), invocation)
        assert not fills(most + 1, rate, limit * (1 - 1e-12), invocation)
    assert answered_s(1, rate, invocation) == invocation
