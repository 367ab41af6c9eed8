"""Clocks joined by arrivals, and windows dated by edges: the line is found through any transport that is never early."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.trace import Trace
from edgekit.core.window import Phase, Window
from edgekit.energy.clocks.clock import clock_line
from edgekit.energy.clocks.sync import Arrivals, arrival_line, edge_windows

_STEP_NS = 10_000_000


def _arrivals(seed: int, *, number: int, offset_ns: int, drift: float, jitter_ns: float) -> tuple[list[int], list[int], list[float]]:
    """Return (device times, arrivals, true host times): each arrives late by an exponential time, now and then by much more."""
    draw = random.Random(seed)
    device = [k * _STEP_NS for k in range(number)]
    true = [offset_ns + d * (1 + drift) for d in device]
    late = [draw.expovariate(1 / jitter_ns) * (20 if draw.random() < 0.02 else 1) for _ in device]
    return device, [round(t + x) for t, x in zip(true, late, strict=True)], true


@given(
    seed=st.integers(0, 10**6),
    offset_ns=st.integers(-(10**15), 10**15),
    drift=st.floats(-1e-4, 1e-4),
    jitter_ns=st.floats(1e3, 5e6),
    number=st.integers(50, 1500),
)
def test_the_line_is_found_through_a_transport_that_is_late(seed: int, offset_ns: int, drift: float, jitter_ns: float, number: int) -> None:
    device, arrival, true = _arrivals(seed, number=number, offset_ns=offset_ns, drift=drift, jitter_ns=jitter_ns)
    line = arrival_line(device, arrival)
    for place in (0, number // 2, number - 1):
        assert abs(line.on_host(device[place]) - true[place]) <= 2 * line.bracket_ns(device[place]) + 2
    assert line.residual_ns < 3 * jitter_ns
    assert min(a - line.on_host(d) for d, a in zip(device, arrival, strict=True)) >= -1  # no sample is seen before it was made


def test_the_drift_is_found_where_the_arrivals_tell_it_and_not_invented_elsewhere() -> None:
    device, arrival, _ = _arrivals(1, number=6_000, offset_ns=5, drift=4e-5, jitter_ns=1e5)
    assert arrival_line(device, arrival).drift == pytest.approx(4e-5, abs=3e-6)
    short = arrival_line(device[:20], arrival[:20])
    assert (short.drift, short.drift_u) == (0.0, 1e-4)


@pytest.mark.slow
@settings(max_examples=25)  # of 3,000 arrivals each, a line after every one
@given(seed=st.integers(0, 1000), drift=st.floats(-1e-4, 1e-4))
def test_collecting_finds_the_line_that_all_arrivals_give(seed: int, drift: float) -> None:
    device, arrival, true = _arrivals(seed, number=3_000, offset_ns=10**12, drift=drift, jitter_ns=1e6)
    collected = Arrivals(stretch_ns=20_000_000)
    for d, a in zip(device, arrival, strict=True):
        line = collected.add(d, a)
    assert len(collected._points) <= 512
    assert line.on_host(device[-1]) == pytest.approx(true[-1], abs=2 * line.bracket_ns(device[-1]) + 2)


def test_a_run_record_holds_the_line() -> None:
    device, arrival, _ = _arrivals(2, number=3_000, offset_ns=10**9, drift=2e-5, jitter_ns=1e4)
    found = arrival_line(device, arrival)
    line = clock_line([found.clock_map("ppk2", "host")], source="ppk2", target="host")
    assert line.on_target(device[10]) == pytest.approx(found.on_host(device[10]), abs=2)


def test_no_arrival_gives_no_line() -> None:
    with pytest.raises(ValueError, match="no sample"):
        arrival_line([], [])


def _edges(changes: list[tuple[int, int]], clock: str = "host") -> Trace:
    t_ns = np.array([t for t, _ in changes], np.int64)
    value = np.array([v for _, v in changes], np.float64)
    none = np.zeros(len(t_ns), np.int64)
    return Trace(channel="d0", clock=clock, t_ns=t_ns, bracket_ns=none, value=value, flags=none.astype(np.uint8))


def _window(start_ns: int, end_ns: int) -> Window:
    return Window(phase=Phase.MEASURE, index=0, clock="host", start_ns=start_ns, end_ns=end_ns, inferences=1)


def test_windows_take_the_edges_that_mark_them() -> None:
    edges = _edges([(0, 0), (1_020, 1), (2_030, 0), (3_010, 1), (4_000, 0)])
    found = edge_windows(edges, [_window(1_000, 2_000), _window(3_000, 4_000)], tolerance_ns=100, bracket_ns=5)
    assert [(w.start_ns, w.end_ns, w.bracket_ns) for w in found.windows if w] == [(1_020, 2_030, 5), (3_010, 4_000, 5)]
    assert (found.shift_ns, found.residual_ns) == (15, 5)


def test_no_window_takes_an_edge_that_may_be_anothers() -> None:
    edges = _edges([(1_020, 1), (1_030, 0), (1_040, 1), (2_030, 0)])
    found = edge_windows(edges, [_window(1_000, 2_000), _window(5_000, 6_000)], tolerance_ns=100, bracket_ns=5)
    assert found.windows == (None, None)


def test_edges_of_one_direction_mark_both_ends() -> None:
    found = edge_windows(_edges([(1_020, 0), (2_030, 0)]), [_window(1_000, 2_000)], tolerance_ns=100, bracket_ns=5)
    assert [(w.start_ns, w.end_ns) for w in found.windows if w] == [(1_020, 2_030)]


def test_edges_on_another_clock_are_refused() -> None:
    with pytest.raises(ValueError, match="clock"):
        edge_windows(_edges([(1, 1)], clock="ppk2"), [_window(1_000, 2_000)], tolerance_ns=100, bracket_ns=5)
