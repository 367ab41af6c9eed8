"""Measured windows: exact counts, durations without gaps, groups long enough, nothing but inference inside."""

from __future__ import annotations

import gc
import itertools
import math
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.runner.infer import clock_read_ns, cut, group_size, latency, measure


def spin(nanoseconds: int) -> None:
    end = time.monotonic_ns() + nanoseconds
    while time.monotonic_ns() < end:
        pass


class Counting:
    """Count what it is given, and take `ns` for each."""

    def __init__(self, ns: int = 2_000) -> None:
        self.seen: list[Any] = []
        self.ns = ns
        self.collected: list[bool] = []

    def __call__(self, group: Sequence[Any]) -> None:
        self.collected.append(gc.isenabled())
        for x in group:
            self.seen.append(x)
            spin(self.ns)


def test_durations_fill_the_window_without_a_gap_and_count_every_inference() -> None:
    loop = Counting()
    before = time.monotonic_ns()
    start, durations, cpu = measure(loop, cut([1, 2, 3], 5), 0.02, 0, lambda: False)
    after = time.monotonic_ns()
    assert before <= start
    assert start + sum(durations) <= after
    assert 20_000_000 <= sum(durations) < 20_000_000 + 10 * max(durations)
    assert len(loop.seen) == 5 * len(durations)
    assert 0 <= cpu[1] - cpu[0] <= 1.5 * (after - before)


def test_samples_are_walked_in_their_order_without_end() -> None:
    loop = Counting()
    measure(loop, cut("abc", 4), 0.005, 0, lambda: False)
    assert loop.seen == list(itertools.islice(itertools.cycle("abc"), len(loop.seen)))


def test_a_window_lasts_until_enough_groups_even_past_its_time() -> None:
    _, durations, _ = measure(Counting(ns=1_000_000), cut([0], 1), 0.001, 25, lambda: False)
    assert len(durations) == 25


def test_the_garbage_collector_rests_inside_a_window_only() -> None:
    loop = Counting()
    measure(loop, cut([0], 1), 0.002, 0, lambda: False)
    assert not any(loop.collected)
    assert gc.isenabled()


def test_a_vanished_host_ends_the_window() -> None:
    begin = time.monotonic()
    with pytest.raises(EOFError):
        measure(Counting(ns=100_000), cut([0], 1), 600.0, 0, lambda: True)
    assert time.monotonic() - begin < 30
    assert gc.isenabled()


@pytest.mark.parametrize("ns", [500, 3_000, 200_000])
def test_a_group_takes_at_least_the_time_asked(ns: int) -> None:
    loop = Counting(ns)
    size = group_size(loop, [0, 1], 50_000)
    begin = time.monotonic_ns()
    loop([0] * size)
    assert time.monotonic_ns() - begin >= 0.9 * 50_000
    assert size == 1 if ns > 50_000 else size > 1


def test_a_group_size_that_still_fits_is_kept_and_one_that_grew_too_long_is_not() -> None:
    assert group_size(Counting(10_000), [0], 50_000, 7) == 7
    assert group_size(Counting(10_000), [0], 50_000, 200) < 20


@given(st.integers(1, 40), st.integers(1, 60))
def test_groups_return_to_the_first_sample_and_use_all_equally_often(count: int, size: int) -> None:
    groups = cut(range(count), size)
    flat = [x for group in groups for x in group]
    assert all(len(group) == size for group in groups)
    assert flat == [place % count for place in range(len(flat))]
    assert len(flat) == math.lcm(count, size)


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=2000), st.integers(1, 500))
def test_the_histogram_holds_every_group_in_the_bin_that_covers_it(durations: list[int], size: int) -> None:
    told = latency(durations, size, sum(durations))
    assert sum(count for _, count in told["histogram"]) == len(durations)
    expected = sorted(max(0, math.floor(16 * math.log2(duration / size) + 1e-9)) for duration in durations)
    bins = sorted(place for place, count in told["histogram"] for _ in range(count))
    assert all(
        abs(left - right) <= (1 if abs(16 * math.log2(d / size) % 1) < 1e-6 else 0)
        for left, right, d in zip(bins, expected, sorted(durations), strict=True)
    )
    assert told["min_ns"] == min(durations) / size
    assert told["max_ns"] == max(durations) / size
    assert len(told["reservoir_ns"]) <= 256
    assert set(told["reservoir_ns"]) <= {duration / size for duration in durations}


def test_reading_the_clock_costs_less_than_the_overhead_budget() -> None:
    assert 1 <= clock_read_ns() < 100_000
