"""Check the scoreboard's arithmetic, and play one of its rows with edgekit."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scoreboard import exact, run, table
from benchmarks.scoreboard.scenarios import rows


def edges(first_ns, last_ns, *, ticks=True):
    return {"first_ns": first_ns, "last_ns": last_ns, "first_tick": ticks, "last_tick": ticks}


def test_two_equal_brackets_give_the_triangular_distribution():
    half = exact.half_width_j(mean_w=100.0, energy_j=50.0, dated=[edges(1e6, 1e6)], period_s=1.0, quantum_j=0.0, gain_rel=0.0)
    assert half == pytest.approx(0.1 * (1 - 0.05**0.5), rel=0.01)


def test_a_reading_without_a_tick_is_as_old_as_a_period_at_most():
    half = exact.half_width_j(mean_w=100.0, energy_j=50.0, dated=[edges(0, 0, ticks=False)], period_s=1e-3, quantum_j=0.0, gain_rel=0.0)
    assert half == pytest.approx(0.1 * (1 - 0.05**0.5), rel=0.01)


@given(st.floats(0.001, 0.2), st.floats(1, 1000))
def test_a_gain_alone_gives_a_normal_distribution(gain, energy_j):
    half = exact.half_width_j(mean_w=1.0, energy_j=energy_j, dated=[edges(0, 0)], period_s=1.0, quantum_j=0.0, gain_rel=gain)
    assert half == pytest.approx(1.96 * gain * energy_j, rel=0.02)


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


def test_edgekit_plays_a_row(tmp_path):
    (row,) = [row for row in rows() if row.name == "D13"]
    found = run.play(row, "edgekit", sys.executable, tmp_path, seed=0)
    if isinstance(found, str) and "cannot emulate" in found:
        pytest.skip(found)
    assert len(found) == row.trials
    assert all(trial["inside"] and trial["origins"] == ["emulated"] for trial in found)
    assert all(abs(trial["error_rel"]) < 0.01 for trial in found)
