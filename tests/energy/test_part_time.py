"""What a sensor may have missed while nobody knows how much of the time it looks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.energy.sensors.part_time import missed
from tests.energy.test_group import window
from tests.energy.traces import counter

S = 1_000_000_000
LOOKS = replace(counter(), update_period_s=0.1)
SPEC = MeterSpec(kind="t", channels=(LOOKS,), accuracy=Accuracy(source="exact", gain_rel=0.0), max_power_w=500.0)


def found(channel, *, inferences):
    span = replace(window(0, 0, 5 * S), inferences=inferences)
    return missed(channel, SPEC, [span], joules=1000.0 / inferences, idle_w=70.0, batch=1)


def test_a_load_at_the_sensors_own_pace_is_unmeasurable_at_the_smallest_documented_share_until_a_self_test_knows_better():
    unknown = replace(LOOKS, least_sampled_fraction=0.25)
    locked = found(unknown, inferences=50)
    assert locked.beyond is not None
    assert "selftest" in locked.note.advice
    assert "nobody measured it" in locked.note.text
    assert found(replace(unknown, sampled_fraction=1.0), inferences=50) is None


def test_a_load_far_from_the_sensors_pace_keeps_a_figure():
    quick = found(replace(LOOKS, least_sampled_fraction=0.25), inferences=100_000)
    assert quick.beyond is None
    assert quick.term.u * 100_000 < 0.05 * 1000


def test_without_any_documented_share_the_term_is_unknown_and_named():
    assert found(LOOKS, inferences=50).term.u is None


def test_what_a_self_test_leaves_open_of_the_share_is_in_the_term():
    exact = found(replace(LOOKS, sampled_fraction=0.5), inferences=100_000)
    vague = found(replace(LOOKS, sampled_fraction=0.5, sampled_fraction_range=(0.3, 0.7)), inferences=100_000)
    least = found(replace(LOOKS, sampled_fraction=0.3), inferences=100_000)
    assert vague.term.u == pytest.approx(max(exact.term.u, least.term.u))
    assert vague.term.u > exact.term.u


def test_a_load_that_keeps_step_is_bounded_at_the_least_share_that_the_self_test_allows():
    vague = found(replace(LOOKS, sampled_fraction=0.5, sampled_fraction_range=(0.3, 0.7)), inferences=50)
    least = found(replace(LOOKS, sampled_fraction=0.3), inferences=50)
    assert vague.beyond == pytest.approx(least.beyond)


def test_a_share_outside_its_own_interval_is_refused():
    with pytest.raises(ValueError, match="not one within"):
        replace(LOOKS, sampled_fraction=0.8, sampled_fraction_range=(0.3, 0.7))
