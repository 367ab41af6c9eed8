"""Check the scoreboard's arithmetic, and play one of its rows with edgekit."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scoreboard import exact, run, table
from benchmarks.scoreboard.scenarios import rows


def width(first_s=0.0, last_s=0.0, *, ticks=True, mean_w=100.0, energy_j=50.0, quantum_j=(), gain_rel=0.0, **options):
    brackets = [exact.Bracket(width_s=width_s, tick=ticks, watts=mean_w) for width_s in (first_s, last_s)]
    return exact.half_width_j(energy_j=energy_j, brackets=brackets, quantum_j=quantum_j, gain_rel=gain_rel, **options)


def test_two_ticks_of_equal_brackets_give_the_triangular_distribution():
    assert width(1e-3, 1e-3) == pytest.approx(0.1 * (1 - 0.05**0.5), rel=0.01)
    assert width(1e-3, 1e-3, ticks=False, samples=True) == pytest.approx(0.1 * (1 - 0.05**0.5), rel=0.01)


@given(st.floats(0, 1), st.floats(0, 1))
def test_without_ticks_the_observer_holds_95_percent_whatever_the_load_did_at_the_edges(before, after):
    bracket_s = 1e-3
    half = width(bracket_s, bracket_s, ticks=False)
    phases = [(n + 0.5) / 200 for n in range(200)]
    errors = [100.0 * bracket_s * (after * late - before * early) for early in phases for late in phases]
    assert sum(abs(error) <= half * 1.01 for error in errors) >= 0.95 * len(errors)


def test_what_the_load_drew_in_the_tick_after_the_end_is_not_told_by_the_instrument():
    steady = exact.Waited(watts=[50.0] * 5, seconds=5e-3, tail_s=5e-4, most_j=0.1)
    uneven = exact.Waited(watts=[20.0, 80.0] * 3, seconds=6e-3, tail_s=5e-4, most_j=0.1)
    erratic = exact.Waited(watts=[0.0, 1e6], seconds=2e-3, tail_s=5e-4, most_j=0.1)
    assert width(waited=steady) == pytest.approx(0.0, abs=1e-12)
    assert 0.01 < width(waited=uneven) < width(waited=erratic)
    assert width(waited=erratic) == pytest.approx(0.1 / 2, rel=0.05)  # anything from nothing to what was counted


@given(st.floats(0.001, 0.2), st.floats(1, 1000))
def test_a_gain_alone_gives_a_normal_distribution(gain, energy_j):
    assert width(gain_rel=gain, energy_j=energy_j) == pytest.approx(1.96 * gain * energy_j, rel=0.02)


def test_few_intervals_that_miss_are_chance_and_many_are_not():
    assert table.enough(20, 20)
    assert table.enough(17, 20)
    assert not table.enough(14, 20)
    assert table.enough(2, 3)
    assert not table.enough(0, 3)


def test_a_cell_shows_errors_warnings_and_what_was_not_measured():
    trials = [{"error_rel": e, "warnings": w, "reported_j": 1.0} for e, w in ((0.5, []), (-0.001, ["short"]), (0.0, []))]
    assert table.cell({"trials": trials}) == "+0.00 % (-0.10 % to +50 %), warned 1 of 3"
    assert table.cell({"trials": [{"reported_j": None, "warnings": []}]}) == "unmeasurable (1 of 1)"
    assert table.cell({"not_run": "why"}) == "not run"


def test_a_row_that_misses_the_bar_is_named():
    wide = {"error_rel": 0.0, "inside": True, "width_ratio": 2.0, "low_j": 0.0, "high_j": 2.0, "true_j": 1.0, "warnings": []}
    off = {**wide, "inside": False, "width_ratio": 1.0}
    document = {"rows": {"a": {"tools": {"edgekit": {"trials": [wide] * 3}}}, "b": {"tools": {"edgekit": {"trials": [off] * 3}}}}}
    assert table.missed(document) == [
        "a, edgekit: intervals 2.00 times as wide as exact knowledge allows",
        "b, edgekit: 0 of 3 intervals hold the truth",
    ]


@pytest.mark.slow
def test_edgekit_plays_a_row(tmp_path):
    (row,) = [row for row in rows() if row.name == "D13"]
    found = run.play(row, "edgekit", sys.executable, tmp_path, seed=0)
    if isinstance(found, str) and "cannot emulate" in found:
        pytest.skip(found)
    assert len(found) == row.trials
    assert all(trial["inside"] and trial["origins"] == ["emulated"] for trial in found)
    assert all(abs(trial["error_rel"]) < 0.01 for trial in found)
