"""What happens to cables and firmware while an instrument is read: nothing is lost, nothing invented, and it is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from edgekit.core.errors import EdgekitError
from edgekit.core.quantity import Note
from edgekit.core.trace import FLAG_GAP, Reading, Trace, single
from edgekit.flows.emulate import EmulationRequest, emulated
from edgekit.meters.um25c import Um25cMeter

LONGEST_S = 30.0


class Watch:
    """Keep what a meter delivers and says."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.notes: list[Note] = []
        self.gaps: list[tuple[int, int]] = []
        self.failure: Exception | None = None
        self.changed = threading.Condition()

    def sink(self, readings: list[Reading] | Trace) -> None:
        with self.changed:
            self.readings.extend(item for item in single(readings) if item.channel == "um25c.power")
            self.changed.notify_all()

    def note(self, note: Note) -> None:
        with self.changed:
            self.notes.append(note)
            self.changed.notify_all()

    def gap(self, start_ns: int, end_ns: int) -> None:
        self.gaps.append((start_ns, end_ns))

    def failed(self, error: Exception) -> None:
        with self.changed:
            self.failure = error
            self.changed.notify_all()

    def wait(self, done: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(done, LONGEST_S), "it never happened"


@pytest.fixture
def watch() -> Watch:
    return Watch()


def serve(stack: ExitStack, link: Path, *faults: str) -> None:
    stack.enter_context(emulated(EmulationRequest(kind="um25c", load="idle 6 W", link=link, faults=faults)))


@pytest.mark.slow
def test_a_cable_that_is_pulled_and_put_back_leaves_a_gap(tmp_path: Path, watch: Watch) -> None:
    link = tmp_path / "meter"
    meter = Um25cMeter(str(link), {"emulated": "yes"})
    with ExitStack() as first:
        serve(first, link)
        meter.start(watch.sink, watch)
        watch.wait(lambda: len(watch.readings) >= 2)
    before = len(watch.readings)
    watch.wait(lambda: any(note.code == "meter.unplugged" for note in watch.notes))
    with ExitStack() as second:
        serve(second, link)
        watch.wait(lambda: len(watch.readings) >= before + 2)
        meter.stop()
    assert watch.failure is None
    assert {reading.value for reading in watch.readings[:before]} == {6.0}
    after = [reading for reading in watch.readings if reading.flags & FLAG_GAP]
    assert len(after) == 1, "the first reading after it says that some were lost, and only that one"
    ((start_ns, end_ns),) = watch.gaps
    assert start_ns < end_ns <= after[0].t_ns
    assert not any(start_ns < reading.t_ns < end_ns for reading in watch.readings[before + 1 :]), "nothing is invented for the time between"
    assert [note.code for note in watch.notes] == ["meter.unplugged", "meter.replugged"]


@pytest.mark.slow
def test_a_cable_that_stays_out_ends_the_readings_with_the_reason(tmp_path: Path, watch: Watch) -> None:
    link = tmp_path / "meter"
    meter = Um25cMeter(str(link))
    meter.lost_s = 1.5
    with ExitStack() as first:
        serve(first, link)
        meter.start(watch.sink, watch)
        watch.wait(lambda: len(watch.readings) >= 1)
    watch.wait(lambda: watch.failure is not None)
    meter.stop()
    assert isinstance(watch.failure, EdgekitError)
    assert watch.failure.code == "port.gone"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["garbage", "short"])
def test_bytes_that_are_no_frame_make_no_reading(tmp_path: Path, watch: Watch, fault: str) -> None:
    with ExitStack() as stack:
        serve(stack, tmp_path / "meter", f"{fault}@1.5s+1.5s")
        meter = Um25cMeter(str(tmp_path / "meter"))
        began_ns = time.monotonic_ns()
        meter.start(watch.sink, watch)
        watch.wait(lambda: bool(watch.readings) and watch.readings[-1].t_ns - began_ns > 4_000_000_000)
        meter.stop()
    assert watch.failure is None
    assert [value for value in {reading.value for reading in watch.readings} if value not in (6.0, 0.0)] == []
    steps = [b.t_ns - a.t_ns for a, b in zip(watch.readings[:-1], watch.readings[1:], strict=True)]
    assert max(steps) > 1_000_000_000, "and the time without any stays empty"


@pytest.mark.slow
def test_silence_is_an_error_with_a_remedy(tmp_path: Path, watch: Watch) -> None:
    with ExitStack() as stack:
        serve(stack, tmp_path / "meter", "silent@1.5s")
        meter = Um25cMeter(str(tmp_path / "meter"))
        meter.silent_s = 1.0
        meter.start(watch.sink, watch)
        watch.wait(lambda: watch.failure is not None)
        meter.stop()
    assert isinstance(watch.failure, EdgekitError)
    assert (watch.failure.code, watch.failure.do[0][1]) == ("meter.silent", "edgekit meters --all")
    assert watch.readings, "what came before is kept"


def test_a_program_error_in_a_driver_does_not_end_in_silence(tmp_path: Path, watch: Watch) -> None:
    class Broken(Um25cMeter):
        def _read(self, port: object) -> object:  # type: ignore[override]
            raise ZeroDivisionError("oh")

    with ExitStack() as stack:
        serve(stack, tmp_path / "meter")
        meter = Broken(str(tmp_path / "meter"))
        meter.start(watch.sink, watch)
        watch.wait(lambda: watch.failure is not None)
        meter.stop()
    assert isinstance(watch.failure, EdgekitError)
    assert (watch.failure.code, watch.failure.why) == ("meter.failed", "ZeroDivisionError: oh")
