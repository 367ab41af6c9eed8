"""Inferences at a rate: a schedule fixed at the start, exact counts, lateness counted, nothing that adds up."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from typing import Any

import pytest

from edgekit.runner.infer import cut
from edgekit.runner.paced import paced, wait

MS = 1_000_000


class Dated:
    """Remember when it was called and with what; take `ns` each time."""

    def __init__(self, ns: int = 0) -> None:
        self.ns = ns
        self.begun: list[int] = []
        self.seen: list[Any] = []
        self.collecting: list[bool] = []

    def __call__(self, group: Sequence[Any]) -> None:
        now = time.monotonic_ns()
        self.begun.append(now)
        self.seen += group
        self.collecting.append(gc.isenabled())
        while time.monotonic_ns() < now + self.ns:
            pass


def _paced(loop: Dated, *, period_ns: int, count: int, spin_ns: int = 0, inputs: Any = "abc", gone: Any = lambda: False) -> Any:
    return paced(loop, cut(inputs, 1), period_ns, count, spin_ns, gone)


def test_each_invocation_has_its_moment_and_none_adds_up() -> None:
    loop = Dated(200_000)
    kept = _paced(loop, period_ns=5 * MS, count=40)
    begun = loop.begun[1:]  # the first one told how long it takes
    assert len(begun) == len(kept.durations) == 40
    lead_ns = begun[0] - kept.start_ns
    # No sleep ends early, so the earliest of all, on a machine however busy, is where the schedule put it.
    behind = [begin - (kept.start_ns + k * 5 * MS) for k, begin in enumerate(begun)]
    assert 2 * MS < min(behind) < 3 * MS, "the middle of a period: both edges of the window lie in idle"
    assert lead_ns >= min(behind)
    assert kept.end_ns >= kept.start_ns + 200 * MS
    assert all(duration >= 200_000 for duration in kept.durations)
    assert 0 <= kept.cpu_ns[0] <= kept.cpu_ns[1]


def test_one_slow_invocation_is_late_for_the_next_ones_and_moves_none_after_them() -> None:
    class Slow(Dated):
        def __call__(self, group: Sequence[Any]) -> None:
            super().__call__(group)
            if len(self.begun) == 4:
                time.sleep(0.025)

    loop = Slow()
    kept = _paced(loop, period_ns=10 * MS, count=12)
    assert kept.late >= 2
    assert kept.latest_ns >= 9 * MS
    on_time = [begin - kept.start_ns - k * 10 * MS for k, begin in enumerate(loop.begun[1:])]
    assert min(on_time[6:]) < 10 * MS, "the schedule did not move"
    assert len(kept.durations) == 12


@pytest.mark.slow
def test_a_schedule_that_cannot_be_kept_is_given_up() -> None:
    loop = Dated(5 * MS)
    begin = time.monotonic()
    kept = _paced(loop, period_ns=1 * MS, count=100_000)
    assert time.monotonic() - begin < 20
    assert len(kept.durations) < 100_000
    assert kept.late > 100
    assert kept.latest_ns >= 1_000 * MS
    assert kept.end_ns >= kept.start_ns + sum(kept.durations)


def test_samples_are_walked_in_turn_and_the_collector_rests() -> None:
    loop = Dated()
    _paced(loop, period_ns=1 * MS, count=7)
    assert "".join(loop.seen[1:]) == "abcabca"
    assert not any(loop.collecting[1:])
    assert gc.isenabled()


def test_spinning_ends_within_microseconds_of_the_moment() -> None:
    # How late a process wakes up is the scheduler's; what a spin itself adds shows in the best of many.
    behind = []
    for _ in range(20):
        until = time.monotonic_ns() + 3 * MS
        behind.append(wait(until, 2 * MS, time.monotonic_ns, lambda: False) - until)
    assert 0 <= min(behind) < 50_000


@pytest.mark.parametrize("period_ns", [1 * MS, 10_000 * MS])
def test_a_vanished_host_ends_the_window(period_ns: int) -> None:
    begin = time.monotonic()
    with pytest.raises(EOFError):
        _paced(Dated(), period_ns=period_ns, count=3_000, gone=lambda: True)
    assert time.monotonic() - begin < 5
    assert gc.isenabled()
