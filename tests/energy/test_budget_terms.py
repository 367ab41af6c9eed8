"""What a figure's budget says: terms counted once, shared by one instrument only, with advice that names a number."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.core.quantity import BudgetTerm, Estimate, Origin, Quality
from edgekit.core.trace import ClockMap
from edgekit.core.window import Latency
from edgekit.energy.boundaries.baseline import Idle, idle_power
from edgekit.energy.boundaries.gross import gross_energy
from edgekit.energy.clocks.clock import CRYSTAL, clock_line
from edgekit.energy.latency import quantile_ns
from edgekit.energy.sensors.aliasing import beats_differ, jitter_of, missed_share
from edgekit.energy.sensors.instrument import instrument_tag
from edgekit.energy.uncertainty.advice import advised
from edgekit.energy.uncertainty.budget import combine, effective_freedom
from edgekit.energy.uncertainty.stats import repeatability
from edgekit.energy.windows.window_energy import Effect, WindowEnergy
from tests.energy.test_group import window
from tests.energy.traces import counter

S = 1_000_000_000
EXACT = MeterSpec(kind="t", channels=(), accuracy=Accuracy(source="exact", gain_rel=0.0))


def gross(joules, effects=()):
    windows = [window(i, (2 * i + 1) * S, (2 * i + 2) * S) for i in range(len(joules))]
    found = [WindowEnergy(joules=each, coverage=1.0, edge_s=0.0, ticks=100, effects=tuple(effects)) for each in joules]
    return gross_energy(windows, found, group=[counter()], spec=EXACT, missed=[], machine="box")


def half(estimate: Estimate) -> float:
    return estimate.high - estimate.value


SCATTER = [100.0, 101.0, 99.0, 100.4, 99.5, 100.2, 99.1, 100.9, 100.1, 99.8]


def test_an_effect_that_is_part_of_the_scatter_is_not_counted_twice():
    alone = gross(SCATTER).energy_j
    explained = gross(SCATTER, [Effect(name="sampling", u_j=0.3, common=False)]).energy_j
    assert half(explained) == pytest.approx(half(alone))
    names = {term.name: term.u for term in explained.budget}
    u = repeatability(SCATTER, [100.0] * 10).u
    assert math.hypot(names["sampling"], names["repeatability"]) == pytest.approx(u)


def test_an_effect_larger_than_the_scatter_is_not_hidden_by_it():
    found = gross(SCATTER, [Effect(name="sampling", u_j=5.0, common=False)]).energy_j
    assert half(found) == pytest.approx(1.96 * 5.0 / 10**0.5 / 100)


def test_what_errs_alike_in_all_windows_is_not_shrunk_by_their_number():
    found = gross([100.0] * 10, [Effect(name="edge bracket", u_j=2.0, common=True)]).energy_j
    assert half(found) == pytest.approx(1.96 * 2.0 / 100)


def test_outliers_are_shown_with_and_without_and_kept():
    found = gross([*SCATTER, 130.0])
    assert found.energy_j.value == pytest.approx(sum([*SCATTER, 130.0]) / 1100)
    assert found.without_outliers.value == pytest.approx(1.0, rel=0.001)
    assert found.n_effective <= 11
    assert gross(SCATTER).without_outliers is None


def test_a_trend_of_the_windows_is_a_caveat():
    found = gross([100.0 + i for i in range(10)]).energy_j
    assert "windows.drift" in [note.code for note in found.notes]
    assert found.quality is Quality.CAVEATS


def test_the_median_is_stated_where_the_plan_asks_for_it():
    windows = [window(i, (2 * i + 1) * S, (2 * i + 2) * S) for i in range(5)]
    found = [WindowEnergy(joules=each, coverage=1.0, edge_s=0.0, ticks=100) for each in (1.0, 1.1, 1.2, 1.3, 9.0)]
    stated = gross_energy(windows, found, group=[counter()], spec=EXACT, missed=[], machine="box", statistic="median")
    assert stated.energy_j.value == pytest.approx(0.012)


def test_remarks_are_about_the_figure_that_is_stated_and_name_what_can_be_done():
    windows = [window(i, (2 * i + 1) * S, (2 * i + 2) * S) for i in range(8)]
    found = [WindowEnergy(joules=each, coverage=1.0, edge_s=0.0, ticks=100) for each in (1.0, 1.1, 1.2, 1.3, 1.1, 1.0, 1.2, 90.0)]

    def remarks(**how):
        told = gross_energy(windows, found, group=[counter()], spec=EXACT, missed=[], machine="box", **how).energy_j
        return {note.code: note for note in told.notes}

    mean, median = remarks(), remarks(statistic="median", published=True)
    assert mean["windows.outlier"].text == "window 7 stands out; the mean is 122 mJ with it, 11.3 mJ without"
    assert median["windows.outlier"].text == "window 7 stands out; the median is 11.5 mJ with it, 11.0 mJ without"
    assert "windows.skewed" in mean
    assert "windows.skewed" not in median, "a few windows do not pull a median"
    assert not any(note.advice for code, note in median.items() if code.startswith("windows.")), "nobody measures published windows again"


@given(st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3), st.floats(1.01, 10), st.floats(0, 1e4))
def test_a_factor_widens_a_value_of_either_sign(value, factor, u):
    terms = [BudgetTerm(name="gain", kind="B", u=None, factor=factor), BudgetTerm(name="edge", kind="B", u=u)]
    found, mirrored = (
        combine(x, unit="J", boundary=Boundary.WALL, origins=(Origin.ESTIMATED,), terms=terms, n=None) for x in (value, -value)
    )
    assert found.low <= min(value / factor, value * factor) + 1e-9 * abs(value)
    assert found.high >= max(value / factor, value * factor) - 1e-9 * abs(value)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


def test_effective_freedom_is_welch_and_satterthwaites():
    terms = [BudgetTerm(name="a", kind="A", u=3.0, freedom=4.0), BudgetTerm(name="b", kind="B", u=4.0)]
    assert effective_freedom(terms) == pytest.approx(5**4 / (3**4 / 4))
    assert effective_freedom(terms[1:]) == math.inf


def test_instruments_are_told_apart_by_identity_and_by_channel():
    spec = MeterSpec(kind="nvml", channels=(), accuracy=Accuracy(source="x"), identity="GPU-1")
    one, two = counter(name="gpu0"), counter(name="gpu1")
    assert instrument_tag(spec, "a", [one]) == instrument_tag(spec, "b", [one])
    assert instrument_tag(spec, "a", [one]) != instrument_tag(spec, "a", [two])
    assert instrument_tag(replace(spec, identity=""), "a", [one]) != instrument_tag(replace(spec, identity=""), "b", [one])


def test_advice_names_how_much_longer():
    term = BudgetTerm(name="edge bracket", kind="B", u=0.03)
    assert "30 s instead of 5 s" in advised(term, value=1.0, windows=10, window_s=5.0).shrink
    small = advised(replace(term, u=1e-5), value=1.0, windows=10, window_s=5.0).shrink
    assert "instead of" not in small
    assert "40 instead of 10" in advised(BudgetTerm(name="repeatability", kind="A", u=0.01), value=0.98, windows=10, window_s=5.0).shrink
    far = advised(BudgetTerm(name="repeatability", kind="A", u=0.13), value=1.0, windows=3, window_s=5.0).shrink
    assert far == "find what disturbs the machine: more windows alone would not bring this term down"


def line(idles):
    found = idle_power(idles, under_s=[50.0], weights=[1.0], boundary=Boundary.WALL, origins=(Origin.MEASURED,), instrument=[])
    return found, next(term for term in found.budget if term.name == "baseline")


def test_the_baseline_is_read_off_the_line_through_all_idle_windows():
    found, term = line([Idle(at_s=float(t), watts=2.0 + t / 100) for t in (0, 30, 60, 100)])
    assert found.value == pytest.approx(2.5)
    assert (term.kind, term.freedom) == ("A", 2.0)
    assert term.u == pytest.approx(0.0, abs=1e-9)
    _, rough = line([Idle(at_s=float(t), watts=2.0 + (t % 40) / 100) for t in (0, 30, 60, 100)])
    assert rough.u > 0.01


def test_what_idle_readings_explain_is_not_counted_again_as_a_moving_baseline():
    """Scatter s about the line of k windows that were each read within u: the baseline moves by what is left of s (JCGM 100, 4.3.10)."""
    at = (0.0, 30.0, 60.0, 90.0)
    watts = (2.0, 2.04, 1.96, 2.0)
    _, whole = line([Idle(at_s=t, watts=w) for t, w in zip(at, watts, strict=True)])
    for u_w, common_w in ((0.01, 0.0), (0.01, 0.02), (0.5, 0.0)):
        found, term = line([Idle(at_s=t, watts=w, u_w=u_w, common_w=common_w) for t, w in zip(at, watts, strict=True)])
        readings = next(item for item in found.budget if item.name == "idle readings")
        own = (readings.u**2 - common_w**2) ** 0.5
        assert term.u**2 + own**2 == pytest.approx(max(whole.u**2, own**2))
    assert (term.u, term.freedom) == (0.0, None)  # readings this rough explain all of it


def clock(at_s: float, offset_ns: int, bracket_ns: int = 1000, source: str = "a", target: str = "b") -> ClockMap:
    return ClockMap(source=source, target=target, offset_ns=offset_ns, bracket_ns=bracket_ns, at_ns=round(at_s * S))


def test_two_maps_give_the_drift_between_them():
    found = clock_line([clock(0, 0), clock(100, 5_000_000)], source="a", target="b")
    assert found.on_target(50 * S) == 50 * S + 2_500_000
    assert found.u_ns(50 * S) < 1000 < found.u_ns(10_000 * S)


def test_one_map_says_nothing_about_the_drift_and_is_charged_for_it():
    found = clock_line([clock(0, 7)], source="a", target="b")
    assert found.u_ns(1000 * S) == pytest.approx(1000 * S * CRYSTAL / 3**0.5, rel=0.01)


def test_maps_that_disagree_beyond_their_brackets_widen_the_line():
    straight = [clock(0, 0), clock(50, 0), clock(100, 0)]
    bent = [clock(0, 0), clock(50, 500_000), clock(100, 0)]
    one, other = (clock_line(maps, source="a", target="b").u_ns(50 * S) for maps in (straight, bent))
    assert other > 50 * one


@given(st.integers(-(10**9), 10**9), st.floats(-1e-4, 1e-4))
def test_a_map_can_be_read_backwards(offset, drift):
    ahead = [clock(0, offset), clock(100, offset + round(drift * 100 * S))]
    back = clock_line(ahead, source="b", target="a")
    there = clock_line(ahead, source="a", target="b").on_target(40 * S)
    assert back.on_target(there) == pytest.approx(40 * S, abs=1500)
    assert clock_line([], source="a", target="a").on_target(5) == 5


def test_latencies_weigh_by_their_inferences():
    short = Latency(group_size=1, total_ns=1000, min_ns=100.0, max_ns=101.0, histogram=((106, 10),))
    grouped = Latency(group_size=100, total_ns=10_000, min_ns=1000.0, max_ns=1000.0, histogram=((159, 1),))
    assert quantile_ns([short, grouped], 0.5)[0] > 900


@pytest.mark.parametrize(
    ("fraction", "period_s", "least", "most"), [(0.25, 0.1, 0.3, 0.75), (0.25, 0.0005, 0.0, 0.02), (1.0, 0.1, 0.0, 0.0)]
)
def test_what_a_part_time_sensor_misses_depends_on_the_loads_period(fraction, period_s, least, most):
    share = missed_share(period_s=period_s, update_s=0.1, fraction=fraction, looks=50, jitter=0.0)
    assert least <= share <= most


def test_the_bound_of_a_part_time_sensor_holds_for_square_waves():
    random = np.random.default_rng(1)
    for _ in range(300):
        period_s, duty = float(10 ** random.uniform(-2, -0.3)), float(random.uniform(0.1, 0.9))
        fraction, looks = float(random.uniform(0.05, 0.9)), int(random.integers(5, 60))
        at = random.random() * 10 + np.arange(looks)[:, None] * 0.1 + np.linspace(0, fraction * 0.1, 400)[None, :]
        seen = float(np.mean((at / period_s) % 1 < duty))
        share = missed_share(period_s=period_s, update_s=0.1, fraction=fraction, looks=looks, jitter=0.0)
        assert abs(seen - duty) <= 2 * share + 0.02, (period_s, duty, fraction, looks)


def test_jitter_comes_from_the_histogram_and_phases_from_the_starts():
    steady = Latency(group_size=1, total_ns=1000, min_ns=100.0, max_ns=101.0, histogram=((106, 10), (107, 10)))
    spread = Latency(group_size=1, total_ns=1000, min_ns=100.0, max_ns=130.0, histogram=((106, 10), (112, 10)))
    assert jitter_of([steady]) == pytest.approx(0.0, abs=1e-3)
    assert jitter_of([spread]) > 0.1
    assert not beats_differ([0, S, 2 * S, 3 * S], period_s=0.1)
    assert beats_differ([0, S + 30_000_000, 2 * S + 60_000_000, 3 * S + 80_000_000], period_s=0.1)
