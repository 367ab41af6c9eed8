"""What a sensor may have missed while nobody knows how much of the time it looks."""

from __future__ import annotations

from dataclasses import replace

from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.energy.part_time import missed
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
