"""The sampler: readings on a schedule with their own times, nothing lost at the end, and its own cost stated."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from edgekit.runner.sample import Series
from tests.runner import trees
from tests.runner.talk import Talk, runner


def roots(tmp_path: Path) -> dict[str, str]:
    return {"powercap": str(trees.powercap(tmp_path / "powercap", trees.LAPTOP))}


def gathered(talk: Talk, until: int) -> tuple[list[list[Any]], list[dict[str, Any]], dict[str, Any]]:
    """Return rows, other events and the reply to request number `until`."""
    rows: list[list[Any]] = []
    events = []
    while True:
        message = talk.hear()
        assert message is not None, talk.process.complaints()
        if message.get("id") == until:
            return rows, events, message
        if message.get("event") == "readings":
            rows += message["rows"]
        else:
            events.append(message)


def test_every_channel_is_read_on_the_schedule_until_stop(tmp_path: Path) -> None:
    with runner("sample", tmp_path) as talk:
        begin = time.monotonic_ns()
        started = talk.ask("start", counters=["rapl"], hz=200, roots=roots(tmp_path))
        assert started["channels"] == [
            f"rapl.{name}" for name in ("package-0", "package-0.core", "package-0.uncore", "package-0.dram", "psys")
        ]
        time.sleep(0.7)
        talk.say('{"id": 90, "op": "stop"}')
        rows, events, cost = gathered(talk, 90)
        end = time.monotonic_ns()
    assert events == []
    assert {row[0]: row[3] for row in rows} == {0: 1_000_000, 1: 400_000, 2: 100_000, 3: 200_000, 4: 3_000_000}
    for channel in range(5):
        times = [row[1] for row in rows if row[0] == channel]
        assert times == sorted(times)
        assert begin < times[0] < times[-1] < end
        assert 30 < len(times) <= 150
    assert all(row[2] > 0 for row in rows)
    assert cost["reads"] == len(rows)
    assert 0 < cost["cpu_s"] < cost["wall_s"] < (end - begin) / 1e9


def test_a_counter_that_fails_half_way_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    where = roots(tmp_path)
    with runner("sample", tmp_path) as talk:
        talk.ask("start", counters=["rapl"], hz=500, roots=where)
        Path(where["powercap"], "intel-rapl:1", "energy_uj").write_text("")
        lost = talk.hear()
        while lost is not None and lost.get("event") != "lost":
            lost = talk.hear()
        assert lost is not None
        assert lost["channel"] == "rapl.psys"
        assert "ValueError" in lost["why"]
        after = time.monotonic_ns()
        time.sleep(0.1)
        talk.say('{"id": 90, "op": "stop"}')
        rows, events, _ = gathered(talk, 90)
    assert events == []
    assert {row[0] for row in rows if row[1] > after} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"counters": ["rapl"], "roots": {"powercap": "/nonexistent"}}, "counter.unusable"),
        ({"counters": ["ina219"]}, "counter.unusable"),
        ({"counters": [], "hz": 1e6}, "sampler.rate"),
        ({"counters": [], "hz": -1}, "sampler.rate"),
    ],
)
def test_a_start_that_cannot_work_is_refused_and_can_be_repeated(tmp_path: Path, fields: dict[str, Any], code: str) -> None:
    with runner("sample", tmp_path) as talk:
        assert talk.ask("start", **fields)["error"]["code"] == code
        assert talk.ask("start", counters=["rapl"], roots=roots(tmp_path))["ok"]


def test_start_twice_and_stop_without_start_are_refused(tmp_path: Path) -> None:
    with runner("sample", tmp_path) as talk:
        assert talk.ask("stop")["error"]["code"] == "sampler.idle"
        assert talk.ask("start", counters=["cputime"], pids=[talk.process.pid])["ok"]
        assert talk.ask("start", counters=["cputime"])["error"]["code"] == "sampler.running"
        assert talk.ask("stop")["ok"]
        assert talk.ask("start", counters=["rapl"], roots=roots(tmp_path))["channels"][0] == "rapl.package-0"


class Slow:
    """Stand where a counter stands that cannot be read faster than 20 times a second."""

    max_hz = 20.0
    readers = [("slow", lambda: 1)]  # noqa: RUF012


def test_a_counter_is_read_no_faster_than_it_moves() -> None:
    series = Series(Slow(), 0, 1000.0, 0)
    series.skip_to(1)
    assert series.due_ns == 50_000_000


@pytest.mark.parametrize(("now_ms", "due_ms"), [(100, 110), (104, 110), (110, 120), (457, 460), (460, 470)])
def test_missed_readings_are_left_out_and_the_schedule_stays_absolute(now_ms: int, due_ms: int) -> None:
    fast = Slow()
    fast.max_hz = 1000.0
    series = Series(fast, 0, 100.0, 100_000_000)
    series.skip_to(now_ms * 1_000_000)
    assert series.due_ns == due_ms * 1_000_000
