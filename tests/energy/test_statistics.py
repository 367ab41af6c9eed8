from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Estimate, Origin, Quality, Unknown
from edgekit.core.window import Latency
from edgekit.energy.boundaries.baseline import Idle, idle_power, net_energy
from edgekit.energy.conduct.warmup import theil_sen
from edgekit.energy.latency import bin_edges_ns, quantile_ns
from edgekit.energy.uncertainty.budget import combine, dominating_term
from edgekit.energy.uncertainty.stats import outliers, repeatability, t95


def _combine(value, terms, n=None):
    return combine(value, unit="J", boundary=Boundary.WALL, origins=(Origin.MEASURED,), terms=terms, n=n)


def test_additive_terms_combine_in_quadrature_with_the_normal_factor():
    found = _combine(10.0, [BudgetTerm(name="gain", kind="B", u=0.3), BudgetTerm(name="offset", kind="B", u=0.4)])
    assert found.high - found.value == pytest.approx(1.96 * 0.5, rel=1e-9)


def test_few_windows_widen_the_interval_through_student_t():
    found = _combine(10.0, [BudgetTerm(name="repeatability", kind="A", u=0.1)], n=3)
    assert found.high - found.value == pytest.approx(4.30 * 0.1)


def test_factor_terms_give_a_multiplicative_interval():
    found = _combine(8.0, [BudgetTerm(name="gain", kind="B", u=None, factor=2.0)])
    assert (found.low, found.high) == pytest.approx((4.0, 16.0))


def test_unknown_terms_stay_named_and_add_nothing():
    found = _combine(1.0, [BudgetTerm(name="repeatability", kind="A", u=None, reason="1 window")], n=1)
    assert (found.low, found.high) == (1.0, 1.0)
    assert found.budget[0].reason == "1 window"


def test_dominating_term_is_the_one_to_shrink():
    found = _combine(10.0, [BudgetTerm(name="gain", kind="B", u=0.1), BudgetTerm(name="edge", kind="B", u=0.7)])
    assert dominating_term(found).name == "edge"


@given(st.floats(1e-9, 1e6), st.lists(st.floats(0, 1e3), max_size=5), st.one_of(st.none(), st.floats(1.0, 10.0)))
def test_interval_always_holds_the_value(value, sizes, factor):
    terms = [BudgetTerm(name=f"t{i}", kind="B", u=u) for i, u in enumerate(sizes)]
    if factor:
        terms.append(BudgetTerm(name="gain", kind="B", u=None, factor=factor))
    found = _combine(value, terms)
    assert found.low <= found.value <= found.high


def test_student_t_matches_the_published_table():
    assert t95(1) == pytest.approx(12.71)
    assert t95(9) == pytest.approx(2.26)
    assert t95(2.5) == pytest.approx(3.56, abs=0.08), "between two rows the quantile lies between theirs"
    assert t95(500) == pytest.approx(1.965, abs=0.001)
    assert t95(math.inf) == pytest.approx(1.96)


def test_below_three_windows_there_is_no_standard_error():
    assert repeatability([1.0, 2.0], [1.0] * 2).u is None
    assert repeatability([1.0, 2.0, 3.0], [1.0] * 3).u == pytest.approx(1 / math.sqrt(3))


def test_outlier_is_named_and_the_mean_keeps_it():
    values = [1.0, 1.01, 0.99, 1.0, 1.02, 5.0]
    assert outliers(values) == (5,)
    assert repeatability(values, [1.0] * 6).mean == pytest.approx(sum(values) / 6)


def test_drift_is_the_slope_over_the_run():
    assert theil_sen([1.0, 1.1, 1.2]) * 2 == pytest.approx(0.2 / 1.1)


def test_idle_drift_is_reported_and_widens_the_baseline():
    steady = idle_power(
        [Idle(at_s=0, watts=2.0), Idle(at_s=9, watts=2.0)], boundary=Boundary.WALL, origins=(Origin.MEASURED,), instrument=[]
    )
    drifted = idle_power(
        [Idle(at_s=0, watts=2.0), Idle(at_s=9, watts=3.0)], boundary=Boundary.WALL, origins=(Origin.MEASURED,), instrument=[]
    )
    assert steady.notes == ()
    assert drifted.notes[0].code == "baseline.drift"
    assert drifted.high - drifted.low > steady.high - steady.low


def test_no_idle_window_is_unknown_not_zero():
    assert isinstance(idle_power([], boundary=Boundary.WALL, origins=(Origin.MEASURED,), instrument=[]), Unknown)


def test_net_energy_within_idle_noise_is_flagged():
    gross = Estimate(value=1.0, low=0.9, high=1.1, unit="J", boundary=Boundary.WALL, origins=(Origin.MEASURED,))
    idle = Estimate(value=0.95, low=0.8, high=1.1, unit="W", boundary=Boundary.WALL, origins=(Origin.MEASURED,))
    net = net_energy(gross, idle, 1.0)
    assert net.value == pytest.approx(0.05)
    assert net.notes[0].code == "net.within_idle"


def test_quantiles_come_from_all_windows_and_stay_within_what_was_seen():
    fast = Latency(group_size=1, total_ns=900, min_ns=100.0, max_ns=101.0, histogram=((106, 9),))
    slow = Latency(group_size=1, total_ns=1000, min_ns=1000.0, max_ns=1000.0, histogram=((159, 1),))
    assert bin_edges_ns(106)[0] <= 100 < bin_edges_ns(106)[1]
    assert 100 <= quantile_ns([fast, slow], 0.5)[0] <= bin_edges_ns(106)[1]
    assert 900 <= quantile_ns([fast, slow], 0.99)[0] <= 1000


def test_net_of_an_unmeasurable_figure_reaches_as_far_as_the_figure_does():
    told = [BudgetTerm(name="repeatability", kind="A", u=0.01)]
    gross = replace(_combine(1.0, told), low=0.6, high=3.0, quality=Quality.UNMEASURABLE)
    idle = Estimate(value=0.25, low=0.24, high=0.26, unit="W", boundary=Boundary.WALL, origins=(Origin.MEASURED,))
    net = net_energy(gross, idle, 1.0)
    assert net.quality is Quality.UNMEASURABLE
    assert net.value == pytest.approx(0.75)
    assert net.low <= 0.75 - 0.4 + 1e-9
    assert net.high >= 0.75 + 2.0 - 1e-9
