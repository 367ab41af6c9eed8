"""The sampler: readings on a schedule with their own times, nothing lost at the end, and its own cost stated."""

from __future__ import annotations

import errno
import itertools
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from edgekit.runner.counters import Gone, Opened
from edgekit.runner.sample import Sampler
from edgekit.runner.series import PATIENCE, arranged
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
    assert [event for event in events if event.get("code") != "sampler.starved"] == []
    assert {row[0]: row[3] for row in rows} == {0: 1_000_000, 1: 400_000, 2: 100_000, 3: 200_000, 4: 3_000_000}
    for channel in range(5):
        times = [row[1] for row in rows if row[0] == channel]
        assert times == sorted(times)
        assert begin < times[0] < times[-1] < end
        assert 30 < len(times) <= 220  # it hears of the end up to 0.2 s later
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
        assert lost["why"] == "ValueError: empty read"
        after = time.monotonic_ns()
        time.sleep(0.1)
        talk.say('{"id": 90, "op": "stop"}')
        rows, events, _ = gathered(talk, 90)
    invalid = [event for event in events if event.get("code") == "reading.invalid"]
    assert [(event["channel"], event["count"]) for event in invalid] == [("rapl.psys", PATIENCE)]
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


class Slow(Opened):
    """Stand where a counter stands that cannot be read faster than 20 times a second."""

    max_hz = 20.0

    def __init__(self) -> None:
        super().__init__()
        self.readers = [("slow", lambda: 1)]


def test_a_counter_is_read_no_faster_than_it_moves() -> None:
    (series,) = arranged(Slow(), 0, 1000.0, 0)
    series.skip_to(1)
    assert series.due_ns == 50_000_000


@pytest.mark.parametrize(("now_ms", "due_ms"), [(100, 110), (104, 110), (110, 120), (457, 460), (460, 470)])
def test_missed_readings_are_left_out_and_the_schedule_stays_absolute(now_ms: int, due_ms: int) -> None:
    fast = Slow()
    fast.max_hz = 1000.0
    (series,) = arranged(fast, 0, 100.0, 100_000_000)
    series.skip_to(now_ms * 1_000_000)
    assert series.due_ns == due_ms * 1_000_000


class Scripted(Opened):
    """Stand where a counter stands: one channel whose every reading is scripted, an exception being raised; the last one repeats."""

    def __init__(self, *script: Any, channel: str = "c") -> None:
        super().__init__()
        self.script = list(script)
        self.readers = [(channel, self.read)]

    def read(self) -> Any:
        value = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(value, Exception):
            raise value
        return value


NAPS_NS = pytest.mark.parametrize("nap_ns", [0, 35_000_000], ids=["asked", "alone"])  # four readings by itself


class Bench:
    """Run a sampler on a clock that moves only when told, and by a microsecond with every look at it.

    `nap_ns` is how long it goes on by itself: its tight loop is then held to the same expectations as its general one.
    """

    def __init__(self, *counters: Opened, hz: float = 100.0, fast: bool = False, nap_ns: int = 0) -> None:
        self.now_ns = 1_000_000_000
        self.slept_ns = self.looks = self.sleeps = 0
        self.sent: list[dict[str, Any]] = []
        self.sampler = Sampler(
            self.sent.append,
            clock=self.clock,
            aside=lambda _: None,
            asleep=lambda: self.slept_ns,
            sleep=self.sleep,
            nap_ns=nap_ns,
        )
        self.sampler.begin(counters, hz, fast=fast)

    def clock(self) -> int:
        self.now_ns += 1_000
        self.looks += 1
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.sleeps += 1
        self.now_ns += round(seconds * 1e9)

    def run(self, reads: int) -> None:
        for _ in range(reads):
            wait_s = self.sampler.tick()
            assert wait_s is not None
            self.now_ns += round(wait_s * 1e9)

    def stop(self) -> dict[str, Any]:
        return self.sampler.stop({})

    def rows(self) -> list[list[Any]]:
        return [row for message in self.sent if message["event"] == "readings" for row in message["rows"]]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.sent if name in (message["event"], message.get("code"))]


@NAPS_NS
@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (ValueError("empty read"), "ValueError: empty read"),
        (OSError(errno.EIO, "Input/output error"), "OSError: [Errno 5] Input/output error"),
        (float("nan"), "ValueError: not a finite number: nan"),
        (float("inf"), "ValueError: not a finite number: inf"),
        (None, "TypeError: unsupported operand type(s) for -: 'NoneType' and 'NoneType'"),
    ],
)
def test_a_reading_that_fails_once_is_flagged_and_counted(failure: Any, why: str, nap_ns: int) -> None:
    bench = Bench(Scripted(1, failure, 2, failure, 3), nap_ns=nap_ns)
    bench.run(8)
    bench.stop()
    assert [row[3:] for row in bench.rows()[:5]] == [[1], [0, 2], [2], [0, 2], [3]]
    assert bench.events("lost") == []
    (note,) = bench.events("reading.invalid")
    assert (note["channel"], note["count"], note["why"]) == ("c", 2, why)


@NAPS_NS
def test_a_row_of_failures_loses_the_channel_and_a_success_between_them_does_not(nap_ns: int) -> None:
    failing = [ValueError("torn read")] * (PATIENCE - 1)
    bench = Bench(Scripted(*failing, 7, *failing, 8), Scripted(*failing, ValueError("torn read"), 1, channel="d"), nap_ns=nap_ns)
    bench.run(4 * PATIENCE)
    bench.stop()
    assert [event["channel"] for event in bench.events("lost")] == ["d"]
    assert {row[3] for row in bench.rows() if row[0] == 0 and len(row) == 4} == {7, 8}
    assert len([row for row in bench.rows() if row[0] == 1]) == PATIENCE - 1


@NAPS_NS
@pytest.mark.parametrize(
    "failure", [OSError(errno.ENODEV, "No such device"), OSError(errno.EACCES, "Permission denied"), Gone("GPU is lost")]
)
def test_a_device_that_left_is_lost_at_once(failure: Exception, nap_ns: int) -> None:
    bench = Bench(Scripted(1, failure), Scripted(5, channel="other"), nap_ns=nap_ns)
    bench.run(6)
    bench.stop()
    (lost,) = bench.events("lost")
    assert lost["channel"] == "c"
    assert [row[0] for row in bench.rows()].count(1) > 4


@NAPS_NS
def test_a_sampler_that_was_not_scheduled_says_when_and_for_how_long(nap_ns: int) -> None:
    bench = Bench(Scripted(1), nap_ns=nap_ns)
    bench.run(3)
    due_ns = bench.now_ns
    bench.now_ns += 75_000_000
    bench.run(2)
    (note,) = bench.events("sampler.starved")
    assert note["t_ns"] == pytest.approx(due_ns, abs=10_000)
    assert note["length_ns"] == pytest.approx(75e6, abs=10_000)
    assert bench.stop()["starved"] == 1


class Stopping(Scripted):
    """Lose the processor inside the fourth reading, for 75 ms."""

    def read(self) -> Any:
        self.reads = getattr(self, "reads", 0) + 1
        if self.reads == 4:
            self.bench.now_ns += 75_000_000
        return super().read()


@NAPS_NS
def test_a_sampler_that_lost_its_processor_in_the_middle_of_a_reading_says_so_too(nap_ns: int) -> None:
    counter = Stopping(1)
    bench = counter.bench = Bench(counter)  # type: ignore[attr-defined]
    bench.run(3)
    began_ns = bench.now_ns
    bench.run(3)
    (note,) = bench.events("sampler.starved")
    assert note["t_ns"] == pytest.approx(began_ns, abs=20_000)
    assert note["length_ns"] == pytest.approx(75e6, abs=20_000)


@NAPS_NS
def test_a_short_delay_is_no_starvation(nap_ns: int) -> None:
    bench = Bench(Scripted(1), nap_ns=nap_ns)
    for _ in range(5):
        bench.run(1)
        bench.now_ns += 45_000_000
    bench.stop()
    assert bench.events("sampler.starved") == []


def test_by_itself_it_reads_on_the_same_schedule_and_sleeps_once_for_each_reading() -> None:
    told = Bench(Scripted(1))
    told.run(100)
    told.stop()
    alone = Bench(Scripted(1), nap_ns=200_000_000)
    while alone.now_ns < told.now_ns:
        alone.run(1)
    alone.stop()
    assert [row[1] // 1_000_000 for row in alone.rows()[:99]] == [row[1] // 1_000_000 for row in told.rows()[:99]]
    assert {row[2] for row in alone.rows()} == {500}
    assert alone.sleeps <= len(alone.rows())
    assert alone.looks < 3 * len(alone.rows())  # it does not wait by looking at the clock


@NAPS_NS
def test_a_machine_that_slept_says_so(nap_ns: int) -> None:
    bench = Bench(Scripted(1), nap_ns=nap_ns)
    bench.run(10)
    bench.slept_ns = 90_000_000_000
    bench.run(60)
    bench.stop()
    (note,) = bench.events("sampler.suspended")
    assert note["length_ns"] == 90_000_000_000


@NAPS_NS
def test_channels_of_one_access_share_its_time(nap_ns: int) -> None:
    counter = Scripted(1)
    counter.readers = [("a", lambda: 1.0), ("b", lambda: 2.0), ("c", lambda: 3.0)]
    counter.shared = True
    bench = Bench(counter, nap_ns=nap_ns)
    bench.run(1)
    bench.stop()
    first = bench.rows()[:3]
    assert len({(row[1], row[2]) for row in first}) == 1
    assert first[0][2] == 1_500


@NAPS_NS
def test_the_mean_duration_of_a_reading_is_stated_for_each_channel(nap_ns: int) -> None:
    bench = Bench(Scripted(1), nap_ns=nap_ns)
    bench.run(5)
    assert bench.stop()["read_s"] == {"c": pytest.approx(1e-6)}


class Ticking(Opened):
    """Count 10 more at every tick of the clock that is read."""

    max_hz = 20.0

    def __init__(self, period_ns: int) -> None:
        super().__init__()
        self.bench: Bench | None = None
        self.readers = [("t", lambda: 0 if self.bench is None else 10 * (self.bench.now_ns // period_ns))]
        self.ticking = {"t"}


@pytest.mark.parametrize("fast", [False, True])
def test_ticks_are_dated_sharply_unless_a_self_test_wants_every_reading(fast: bool) -> None:
    counter = Ticking(100_000_000)
    bench = Bench(counter, hz=20.0, fast=fast)
    counter.bench = bench
    while bench.now_ns < 21_000_000_000:
        bench.run(1)
    bench.stop()
    rows = [row for row in bench.rows() if row[1] > 6_000_000_000]
    apart = [new[1] - old[1] for old, new in itertools.pairwise(rows) if new[3] != old[3]]
    assert len(apart) == pytest.approx(150, abs=2)
    assert (statistics.median(apart) < 1_000_000) != fast
    assert len(rows) <= 1.25 * 20 * 15
