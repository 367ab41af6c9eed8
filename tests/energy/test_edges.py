"""Edges of a window on a counter: dated by ticks or by readings, and the energy between them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.energy.sensors.counter import Step, classify
from edgekit.energy.windows.edges import Edge, Waiting, reach, read_edge, span_energy, step_j, tick_edge, waiting

WRAP = 262_143_328_911


@given(
    before=st.integers(0, WRAP - 1),
    after=st.integers(0, WRAP - 1),
    seconds=st.floats(1e-6, 1000.0),
    wrap=st.sampled_from([WRAP, None]),
)
def test_a_step_is_judged_as_the_vectorised_rule_judges_it(before: int, after: int, seconds: float, wrap: int | None) -> None:
    period_s = 1e-3
    t_ns = np.array([0, round(seconds * 1e9)], np.int64)
    steps, kinds = classify(
        np.array([before, after], np.float64), t_ns, scale=1e-6, wrap=wrap, max_power_w=2000.0, update_period_s=period_s
    )
    joules = step_j(before, after, t_ns[1] / 1e9 + period_s, scale=1e-6, wrap=wrap, max_power_w=2000.0)
    if kinds[0] <= Step.WRAP:
        assert joules == pytest.approx(steps[0] * 1e-6)
    else:
        assert joules is None


def test_a_wrap_is_put_back_and_a_reset_is_not() -> None:
    assert step_j(WRAP - 1_000_000, 2_000_000, 0.1, scale=1e-6, wrap=WRAP, max_power_w=2000.0) == pytest.approx(3.0)
    assert step_j(5_000_000_000, 2_000_000, 0.1, scale=1e-6, wrap=WRAP, max_power_w=2000.0) is None
    assert step_j(5_000_000_000, 2_000_000, 0.1, scale=1e-6, wrap=None, max_power_w=2000.0) is None


def test_a_wait_in_which_the_counter_may_have_wrapped_twice_is_not_an_energy() -> None:
    assert step_j(0, 1_000_000, 300.0, scale=1e-6, wrap=WRAP, max_power_w=2000.0) is None


@given(
    power_w=st.floats(1, 500),
    wait_w=st.floats(1, 500),
    seconds=st.floats(0.005, 1.0),
    lead_ms=st.floats(0, 1),
    tail_ms=st.floats(0, 1),
)
def test_what_lies_outside_the_window_is_taken_off(power_w: float, wait_w: float, seconds: float, lead_ms: float, tail_ms: float) -> None:
    start_ns, end_ns = 10_000_000, 10_000_000 + round(seconds * 1e9)
    first = Edge(t_ns=start_ns - lead_ms * 1e6, half_ns=0.0, value=0.0)
    last = Edge(t_ns=end_ns + tail_ms * 1e6, half_ns=0.0, value=0.0)
    truth = power_w * (end_ns - start_ns) / 1e9
    joules = truth + wait_w * (lead_ms + tail_ms) / 1e3
    wait = Waiting(
        watts=wait_w, most_w=wait_w, spread_w=0.0, freedom=4, cell_s=1e-3, longest_s=1e-3, length_s=5e-3, ends_s=0.0, quantum_j=0.0
    )
    found = span_energy(first, last, joules=joules, start_ns=start_ns, end_ns=end_ns, wait=wait)
    assert found is not None
    assert found.joules == pytest.approx(truth, rel=1e-6)
    assert found.dates.u == 0.0
    low, high = reach([found])
    assert low <= 1e-9
    assert high == pytest.approx(wait_w * lead_ms / 1e3, abs=1e-9)  # nobody saw that before the start


def test_a_reading_dates_its_tick_within_one_period_before_it() -> None:
    edge = read_edge(1_000_000, 1_020_000, 7.0, tick_ns=1e6)
    assert (edge.t_ns - edge.half_ns, edge.t_ns + edge.half_ns) == (0, 1_020_000)


def test_a_tick_lies_between_the_last_old_and_the_first_new_reading() -> None:
    edge = tick_edge(5_000, 9_000, 7.0)
    assert (edge.t_ns - edge.half_ns, edge.t_ns + edge.half_ns) == (5_000, 9_000)


def test_edges_that_are_not_in_order_state_no_energy() -> None:
    edge = Edge(t_ns=5.0, half_ns=1.0, value=0.0)
    assert span_energy(edge, edge, joules=1.0, start_ns=1, end_ns=2) is None


def test_power_that_varies_while_waiting_widens_what_is_taken_off_but_not_beyond_what_was_counted() -> None:
    ticks = [Edge(t_ns=n * 1e6, half_ns=0.0, value=0.0) for n in range(12, 18)]
    steady, uneven = (waiting(ticks, [w * 1e-3 for w in watts]) for watts in ([20.0] * 5, [10.0, 60.0, 10.0, 60.0, 10.0]))
    assert steady is not None
    assert uneven is not None
    assert (steady.watts, steady.spread_w) == (pytest.approx(20.0), pytest.approx(0.0, abs=1e-9))
    assert (uneven.spread_w, uneven.freedom) == (pytest.approx(27.386, rel=1e-3), 4)
    first, last = Edge(t_ns=0.0, half_ns=0.0, value=0.0), Edge(t_ns=12e6, half_ns=0.0, value=0.0)
    wide, bounded = (
        span_energy(first, last, joules=1.0, start_ns=0, end_ns=11_500_000, wait=uneven, last_j=last_j) for last_j in (math.inf, 0.002)
    )
    assert wide is not None
    assert bounded is not None
    assert wide.edge_u_j > 3 * bounded.edge_u_j
    assert bounded.edge_u_j < 0.002 / 12**0.5 * 1.001
    assert waiting(ticks[:1], []) is None
