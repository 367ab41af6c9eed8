"""The best window is the best of all windows, and what it saves is counted on the days that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.decision.timing.intensity import KG_PER_J, Curve, IntensityProblem, Profile, condense, expected
from edgekit.decision.timing.schedule import best_window, covers, days_alike, tried
from edgekit.decision.timing.waiting import advise, with_trials

DAY, HOUR = 86400.0, 3600.0
JULY = int(np.datetime64("2025-07-01T00", "h").astype(int))


def curve(values: list[float], start_h: int = JULY) -> Curve:
    return Curve(start_h=start_h, kg_per_j=np.asarray(values, dtype=float) * KG_PER_J)


def profile_of(history: Curve) -> Profile:
    return condense(history, region="XX", source="made up", licence="none", scope="direct")


def year(hour_of: list[float], *, noise: float = 0.0, start_h: int | None = None) -> Curve:
    first = int(np.datetime64("2025-01-01T00", "h").astype(int)) if start_h is None else start_h
    days = np.random.default_rng(3).normal(1, noise, (365, 24)) if noise else np.ones((365, 24))
    return Curve(start_h=first, kg_per_j=(np.asarray(hour_of) * days).clip(1).ravel() * KG_PER_J)


def mean_over(values: list[float], start_h: float, length_h: float) -> float:
    """Return the mean of a step function by adding up its parts, hour by hour."""
    total = 0.0
    for hour, value in enumerate(values):
        total += value * max(0.0, min(start_h + length_h, hour + 1) - max(start_h, hour))
    return total / length_h


@settings(max_examples=150)
@given(
    values=st.lists(st.floats(1, 900), min_size=60, max_size=60),
    start_min=st.integers(0, 24 * 60),
    duration_min=st.integers(10, 20 * 60),
    spare_min=st.integers(0, 12 * 60),
)
def test_no_window_of_any_minute_is_better(values: list[float], start_min: int, duration_min: int, spare_min: int) -> None:
    start_s, duration_s, deadline_s = JULY * HOUR + start_min * 60.0, duration_min * 60.0, (duration_min + spare_min) * 60.0
    found = best_window(curve(values), start_s=start_s, duration_s=duration_s, deadline_s=deadline_s)
    every = [mean_over(values, (start_min + wait) / 60, duration_min / 60) * KG_PER_J for wait in range(0, spare_min + 1, 7)]
    assert found.kg_per_j <= min(every) * (1 + 1e-9)
    assert found.kg_per_j == pytest.approx(mean_over(values, found.start_s / HOUR - JULY, duration_min / 60) * KG_PER_J, rel=1e-6)
    assert start_s <= found.start_s
    assert found.end_s <= start_s + deadline_s + 1e-6
    assert found.vs_now >= -1e-9
    assert found.mean_kg_per_j == pytest.approx(mean_over(values, start_min / 60, deadline_s / HOUR) * KG_PER_J, rel=1e-6)


def test_a_window_may_lie_across_midnight_and_across_months() -> None:
    hours = [300.0] * 24
    hours[23], hours[0] = 50.0, 60.0
    typical = profile_of(year(hours))
    last_evening = (int(np.datetime64("2026-01-31T12", "h").astype(int))) * HOUR
    found = best_window(typical, start_s=last_evening, duration_s=2 * HOUR, deadline_s=DAY)
    assert found.start_s == last_evening + 11 * HOUR
    assert found.kg_per_j == pytest.approx(55 * KG_PER_J)


def test_half_an_hour_is_taken_from_within_the_cleanest_hour_and_from_its_beginning() -> None:
    found = best_window(curve([9, 8, 1, 8, 9, 9]), start_s=JULY * HOUR + 600, duration_s=1800, deadline_s=5 * HOUR)
    assert found.start_s == (JULY + 2) * HOUR
    assert found.kg_per_j == pytest.approx(KG_PER_J)


def test_the_window_may_end_on_the_hour_rather_than_begin_there() -> None:
    found = best_window(curve([9, 5, 1, 1, 9, 9]), start_s=JULY * HOUR, duration_s=2.5 * HOUR, deadline_s=6 * HOUR)
    assert (found.start_s / HOUR - JULY, found.end_s / HOUR - JULY) == (1.5, 4.0)


def test_of_equal_windows_the_earliest_is_taken() -> None:
    assert best_window(curve([5.0] * 30), start_s=JULY * HOUR, duration_s=HOUR, deadline_s=DAY).start_s == JULY * HOUR


def test_work_that_does_not_fit_and_hours_that_are_unknown_are_refused() -> None:
    with pytest.raises(IntensityProblem, match="longer"):
        best_window(curve([1.0] * 9), start_s=JULY * HOUR, duration_s=5 * HOUR, deadline_s=4 * HOUR)
    with pytest.raises(IntensityProblem, match="every hour"):
        best_window(curve([1.0, math.nan, 1.0]), start_s=JULY * HOUR, duration_s=HOUR, deadline_s=3 * HOUR)
    assert not covers(curve([1.0, 1.0]), JULY * HOUR + 1, 2 * HOUR)
    assert covers(curve([1.0, 1.0]), JULY * HOUR, 2 * HOUR)


def test_what_would_have_been_saved_is_counted_day_by_day() -> None:
    noisy = year([400.0 if hour < 12 else 200.0 for hour in range(24)], noise=0.1)
    typical = profile_of(noisy)
    start_s = (JULY + 1) * HOUR
    starts = days_alike(noisy, start_s)
    assert len(starts) == 31  # those of July
    found = tried(noisy, typical, starts, duration_s=2 * HOUR, deadline_s=DAY)
    assert found is not None
    offset = best_window(typical, start_s=start_s, duration_s=2 * HOUR, deadline_s=DAY).start_s - start_s
    shares, gained, possible = [], 0.0, 0.0
    for start in starts:
        hours = noisy.kg_per_j[int(start / HOUR) - noisy.start_h :][:24]
        pairs = [hours[at : at + 2].mean() for at in range(23)]
        chosen = pairs[int(offset / HOUR)]
        shares.append(1 - chosen / pairs[0])
        gained, possible = gained + hours.mean() - chosen, possible + hours.mean() - min(pairs)
    assert found.vs_now == pytest.approx(tuple(np.quantile(shares, (0.05, 0.5, 0.95))))
    assert found.captured == pytest.approx(gained / possible)
    assert found.worse == pytest.approx(np.mean([share < 0 for share in shares]))
    assert 0 < gained / possible < 1


@settings(max_examples=25)
@given(st.integers(0, 23), st.integers(1, 12), st.integers(0, 20))
def test_nobody_captures_more_than_foresight(hour: int, duration_h: int, gap: int) -> None:
    noisy = year([300.0 + 100 * math.cos(at / 3.8) for at in range(24)], noise=0.3)
    noisy.kg_per_j[gap * 400 : gap * 400 + 30] = math.nan
    starts = days_alike(noisy, (JULY + hour) * HOUR)
    found = tried(noisy, profile_of(noisy), starts, duration_s=duration_h * HOUR, deadline_s=DAY)
    assert found is not None
    assert found.captured is not None
    assert found.captured <= 1 + 1e-9
    assert found.vs_now[0] <= found.vs_now[1] <= found.vs_now[2] < 1


def test_days_with_gaps_are_left_out() -> None:
    gappy = year([300.0, *[200.0] * 23])
    gappy.kg_per_j[JULY - gappy.start_h + 30] = math.nan
    found = tried(gappy, profile_of(gappy), days_alike(gappy, JULY * HOUR), duration_s=HOUR, deadline_s=DAY)
    assert found is not None
    assert found.starts == 30
    assert found.vs_now == pytest.approx((1 / 3,) * 3)


def test_a_month_without_days_takes_the_hours_of_the_others_and_says_so() -> None:
    weeks = curve([200.0 + hour for hour in range(24)] * 21)
    typical = profile_of(weeks)
    assert "July" not in typical.filled
    assert len(typical.filled) == 11
    assert typical.median[0] == typical.median[6]
    with pytest.raises(IntensityProblem, match="23:00"):
        profile_of(curve([1.0] * 23))


def test_the_profile_is_the_median_of_each_month_and_hour() -> None:
    noisy = year([100.0 + hour for hour in range(24)], noise=0.2)
    typical = profile_of(noisy)
    march = [noisy.kg_per_j[day * 24 + 5] for day in range(59, 90)]
    assert typical.median[2][5] == pytest.approx(np.median(march))
    assert (typical.p10[2][5], typical.p90[2][5]) == pytest.approx(tuple(np.quantile(march, (0.1, 0.9))))
    assert expected(typical, noisy.start_h + 59 * 24 + 5, 1).kg_per_j[0] == typical.median[2][5]
    assert (typical.days, typical.years, typical.filled) == (365, "2025", ())


ASK = {"start_s": (JULY + 8766) * HOUR, "duration_s": 2 * HOUR, "deadline_s": DAY}  # half a day into a later year


def test_what_is_not_worth_it_is_said() -> None:
    flat = year([300.0 if hour != 3 else 290.0 for hour in range(24)])
    assert advise(profile_of(flat), **ASK, history=flat).kind == "not worth it"
    steep = year([300.0 if hour > 3 else 100.0 for hour in range(24)])
    typical = profile_of(steep)
    assert advise(typical, **ASK, history=steep, energy_j=3.6e6).kind == "wait"
    tiny = advise(typical, **ASK, history=steep, energy_j=1000.0)
    assert tiny.kind == "not worth it"
    assert "less than 1.00 g" in tiny.sentence
    assert tiny.saved_kg.value == pytest.approx(1000.0 * 200 * KG_PER_J)
    now = advise(typical, start_s=ASK["start_s"] - 6 * HOUR, duration_s=2 * HOUR, deadline_s=DAY, history=steep)
    assert (now.kind, now.vs_now.value) == ("now", 0.0)


def test_what_is_not_known_is_not_stated() -> None:
    steep = year([300.0 if hour > 3 else 100.0 for hour in range(24)])
    alone = advise(profile_of(steep), **ASK)
    assert (alone.captured.value, alone.worse.value, alone.saved_kg.value) == (None, None, None)
    assert alone.vs_now.notes[0].code == "when.spread"
    flat = advise(profile_of(year([5.0] * 24)), **ASK, history=year([5.0] * 24))
    assert flat.captured.value is None
    assert flat.kind == "now"
    remembered = advise(with_trials(profile_of(steep), steep), **ASK)
    assert remembered.captured.value == pytest.approx(1.0)
    assert remembered.starts == 364


def test_figures_that_reach_until_the_deadline_are_a_forecast() -> None:
    steep = year([300.0 if hour > 3 else 100.0 for hour in range(24)])
    tomorrow = curve([200.0] * 20 + [10.0] * 4, start_h=JULY + 8766)
    found = advise(profile_of(steep), **ASK, history=tomorrow)
    assert found.basis == "forecast"
    assert found.placement.start_s == ASK["start_s"] + 20 * HOUR
    assert found.captured.value is None
