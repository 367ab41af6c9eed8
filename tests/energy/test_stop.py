from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.run import RunPlan
from edgekit.energy.conduct.stop import Standing, judge, percent, unreachable
from edgekit.energy.uncertainty.stats import repeatability, t95

PLAN = RunPlan(windows=5, window_s=10, min_inferences=10, idle_s=10, warmup_s=3, cooldown_s=1, until_rel=0.02)


def _plan(**changes):
    return RunPlan(**{name: changes.get(name, getattr(PLAN, name)) for name in PLAN.__dataclass_fields__})


def _standing(repeat, fixed=0.0, windows=5):
    return Standing(windows=windows, value=1.0, repeat_rel=repeat, fixed_rel=fixed, fixed_name="gain")


def _judge(rows, plan=PLAN, elapsed_s=0.0, next_s=10.0):
    return judge(rows, plan, elapsed_s=elapsed_s, next_s=next_s)


def test_without_a_limit_the_planned_windows_are_measured():
    plan = _plan(until_rel=None)
    assert _judge([[_standing(0.5)]] * 4, plan).go_on
    assert _judge([[_standing(0.5)]] * 5, plan) == _judge([[None]] * 5, plan)
    assert not _judge([[None]] * 5, plan).go_on


def test_one_narrow_round_is_not_enough():
    wide, narrow = [_standing(0.03)], [_standing(0.01)]
    assert _judge([wide, wide, wide, wide, narrow]).go_on
    verdict = _judge([wide, wide, wide, wide, narrow, narrow])
    assert not verdict.go_on
    assert verdict.note.text == "stopped after 6 windows: interval within 2 %"


def test_every_artifact_must_be_within():
    narrow, mixed = [_standing(0.01), _standing(0.01)], [_standing(0.01), _standing(0.05)]
    assert _judge([mixed] * 8).go_on
    assert not _judge([mixed, mixed, mixed, mixed, narrow, narrow]).go_on


def test_fewer_than_five_windows_never_stop_it():
    assert _judge([[_standing(0.0)]] * 4).go_on
    assert _judge([[_standing(0.0)]] * 7, _plan(windows=8)).go_on


def test_a_round_that_would_not_end_in_time_is_not_begun():
    plan = _plan(max_time_s=100.0)
    rows = [[_standing(0.04)]] * 6
    assert _judge(rows, plan, elapsed_s=80, next_s=19).go_on
    verdict = _judge(rows, plan, elapsed_s=80, next_s=21)
    assert (verdict.go_on, verdict.note.code) == (False, "run.max_time")
    assert verdict.note.text == "stopped at --max-time after 6 windows: interval within 4 %"


def test_what_windows_cannot_shrink_is_said_and_does_not_run_for_ever():
    standing = _standing(0.01, fixed=0.098)
    assert "gain alone is 9.8 %" in unreachable(standing, 0.02).text
    verdict = _judge([[standing]] * 6)
    assert (verdict.go_on, verdict.note.text) == (False, "stopped after 6 windows: windows repeat within 2 %, the interval cannot")
    assert _judge([[_standing(0.03, fixed=0.098)]] * 6).go_on
    assert unreachable(_standing(0.5, fixed=0.01), 0.02) is None


def test_wide_intervals_are_told_as_factors():
    assert (percent(0.0215), percent(0.5), percent(4 / 3), percent(1e-9)) == ("2.1 %", "50 %", "a factor of 3", "less than 0.01 %")


def test_both_parts_of_the_interval_count():
    assert _judge([[_standing(0.018, fixed=0.015)]] * 6).go_on
    assert not _judge([[_standing(0.012, fixed=0.015)]] * 6).go_on


def test_an_artifact_without_a_figure_ends_it():
    verdict = _judge([[_standing(0.01), None]] * 5)
    assert (verdict.go_on, verdict.note.code) == (False, "run.no_figure")


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 20))
def test_a_narrower_interval_never_asks_for_more(repeat, fixed, done):
    if not _judge([[_standing(repeat, fixed)]] * done).go_on:
        assert not _judge([[_standing(repeat / 2, fixed)]] * done).go_on


@pytest.mark.parametrize("rho", [0.0, 0.4])
def test_intervals_at_which_the_rule_stops_still_cover(rho):
    draw, covered, runs = random.Random(5), 0, 400
    for _ in range(runs):
        joules, rows, state = [], [], draw.gauss(0, 1)
        while _judge(rows).go_on:
            joules.append(1 + 0.04 * state)
            state = rho * state + math.sqrt(1 - rho * rho) * draw.gauss(0, 1)
            found = repeatability(joules, [1.0] * len(joules), bootstrap=False)
            half = None if found.u is None else t95(found.freedom) * found.u
            rows.append([_standing(None if half is None else half / found.mean)])
        covered += abs(found.mean - 1) <= half
    assert covered >= 0.95 * runs - 3.09 * math.sqrt(runs * 0.95 * 0.05)
