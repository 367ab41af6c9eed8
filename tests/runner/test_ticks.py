"""Ticks: where a counter's updates fall between readings, and how sharply they are dated at what cost."""

from __future__ import annotations

import bisect
import itertools
import random
import statistics
from dataclasses import dataclass

import pytest

from edgekit.runner.ticks import Ticks


@dataclass(frozen=True, kw_only=True)
class Course:
    """Hold what following a counter came to: milliseconds within which its ticks are known, and readings a second."""

    known_ms: float
    hz: float
    seen: int


def follow(*, period_ms: float, read_ms: float = 0.1, jitter_ms: float = 0.0, plain_ms: float = 50.0) -> Course:
    """Read a counter that ticks every `period_ms` for a minute of scripted time."""
    chance = random.Random(1)
    period, read, plain = (round(value * 1e6) for value in (period_ms, read_ms, plain_ms))
    at, moments = chance.random() * period, []
    while at < 60e9:
        moments.append(at + chance.gauss(0, jitter_ms * 1e6))
        at += period
    ticks = Ticks(plain)
    now = due = 0
    rows: list[tuple[int, int, int]] = []
    while now < 60e9:
        now = max(now, due)
        value = bisect.bisect_right(moments, now + read * chance.random())
        rows.append((now, now + read, value))
        now += read
        ticks.saw(now - read // 2, read // 2, value)
        sharp = ticks.due_ns(now)
        due = max(sharp, now + 1) if sharp is not None else due + plain * max(1, (now - due) // plain + 1)
    late = rows[len(rows) // 2 :]
    apart = [(new[1] - old[0]) / 1e6 for old, new in itertools.pairwise(late) if new[2] != old[2]]
    return Course(known_ms=statistics.median(apart), hz=len(rows) / 60, seen=len(apart))


@pytest.mark.parametrize(
    ("counter", "within_ms"),
    [
        ({"period_ms": 100}, 1.0),
        ({"period_ms": 133.3}, 1.0),
        ({"period_ms": 100, "jitter_ms": 0.5}, 6.0),
        ({"period_ms": 100, "read_ms": 5}, 20.0),  # NVML: one reading costs 5 ms, and two are needed
        ({"period_ms": 1000, "jitter_ms": 1, "read_ms": 1}, 10.0),
        ({"period_ms": 20, "plain_ms": 10}, 1.0),
    ],
)
def test_ticks_are_known_sharply_at_about_the_cost_of_a_plain_schedule(counter: dict[str, float], within_ms: float) -> None:
    course = follow(**counter)
    assert course.known_ms < within_ms
    assert course.hz <= 1.25 * 1e3 / counter.get("plain_ms", 50.0)


@pytest.mark.parametrize("counter", [{"period_ms": 1}, {"period_ms": 40}, {"period_ms": 60}, {"period_ms": 100, "jitter_ms": 20}])
def test_what_cannot_be_followed_is_read_plainly(counter: dict[str, float]) -> None:
    course = follow(**counter)
    assert course.hz == pytest.approx(20, rel=0.25)
    assert course.seen > 200, "no tick that a plain schedule sees is missed"


def test_a_counter_that_rests_is_read_plainly_until_it_moves() -> None:
    ticks = Ticks(50_000_000)
    value, now = 0, 0
    for now in range(0, 2_000_000_000, 50_000_000):
        value = now // 100_000_000
        ticks.saw(now, 50_000, value)
    assert ticks.due_ns(now) is not None
    for now in range(2_000_000_000, 3_000_000_000, 50_000_000):
        ticks.saw(now, 50_000, value)
    assert ticks.due_ns(now) is None
