"""What goes wrong inside a region ends in a reason, never in a wrong figure, and never disturbs the program."""

from __future__ import annotations

import threading

import pytest

from edgekit.core.errors import UsageError
from edgekit.core.quantity import Estimate
from tests.region.bench import Scene


def test_a_reset_inside_the_region() -> None:
    scene = Scene(1)
    scene.counter.start = 900_000_000
    with scene.region() as m:
        scene.work(0.2, 100.0)
        scene.counter.reset()
        scene.work(0.2, 100.0)
    assert m.energy_j.value is None
    assert "was reset inside the region" in str(m)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(19, "No such device"), RuntimeError("GPU is lost")])
def test_a_reader_that_fails_at_the_end(error: Exception) -> None:
    scene = Scene(2)
    rig = scene.rig()
    with scene.region(rig) as m:
        scene.work(0.2, 100.0)
        scene.counter.broken = error
    assert m.energy_j.value is None
    assert str(error.args[-1]) in str(m)
    assert not rig.healthy()  # the next region opens the meter again


def test_a_reader_that_fails_at_the_start_and_while_waiting_for_a_tick() -> None:
    for align in (False, True):
        scene = Scene(3)
        scene.counter.broken = RuntimeError("no answer")
        with scene.region(align=align) as m:
            scene.work(0.2, 100.0)
        assert m.energy_j.value is None
        assert "no answer" in str(m)
        assert m.duration_s == pytest.approx(0.2, rel=0.01)


def test_a_reading_that_is_not_a_number() -> None:
    scene = Scene(4)
    rig = scene.rig_reading(lambda: float("nan"))
    with scene.region(rig) as m:
        scene.work(0.2, 100.0)
    assert m.energy_j.value is None
    assert "not a number" in str(m)


def test_a_counter_that_stands_still_is_unknown_and_is_not_waited_for_without_end() -> None:
    scene = Scene(5)
    rig = scene.rig_reading(lambda: 42.0)
    began_ns = scene.clock.now_ns()
    with scene.region(rig, align=True) as m:
        scene.work(0.2, 100.0)
    assert m.energy_j.value is None
    assert (scene.clock.now_ns() - began_ns) / 1e9 < 0.25


def test_power_readings_with_a_hole_are_unknown() -> None:
    scene = Scene(6)
    with scene.region(scene.power_rig()) as m:
        scene.work(2.0, 100.0)  # the watch never came to read
    assert m.energy_j.value is None
    assert "leave the region uncovered" in str(m)


@pytest.mark.parametrize("error", [ValueError("wrong shape"), KeyboardInterrupt()])
def test_an_exception_goes_on_and_marks_the_region(error: BaseException) -> None:
    scene = Scene(7)

    def work() -> None:
        with m:
            scene.work(0.2, 100.0)
            raise error

    m = scene.region()
    with pytest.raises(type(error)):
        work()
    assert isinstance(m.energy_j, Estimate)
    assert m.energy_j.quality == "caveats"
    assert [note.code for note in m.notes] == ["region.raised"]
    assert str(m).endswith(" !")
    assert scene.watch.poll() is None


def test_a_repetition_that_is_left_early_keeps_its_energy_and_says_so() -> None:
    scene = Scene(8)
    with scene.region() as m:
        for index in m.repeat(at_least_s=1.0):
            scene.burst(0.01, 90.0)
            if index == 20:
                break
    assert m.units == 20
    assert isinstance(m.energy_j, Estimate)
    assert [note.code for note in m.notes] == ["region.cut_short"]


def test_an_exception_inside_a_repetition() -> None:
    scene = Scene(9)

    def work() -> None:
        with region:
            for index in region.repeat(at_least_s=1.0):
                scene.burst(0.01, 90.0)
                if index == 20:
                    raise RuntimeError("step failed")

    region = scene.region()
    with pytest.raises(RuntimeError, match="step failed"):
        work()
    assert {note.code for note in region.notes} == {"region.raised", "region.cut_short"}


def test_a_region_may_be_closed_in_another_thread() -> None:
    scene = Scene(10)
    region = scene.region()
    region.__enter__()
    scene.work(0.2, 100.0)
    closer = threading.Thread(target=region.__exit__, args=(None, None, None))
    closer.start()
    closer.join()
    assert region.energy_j.value == pytest.approx(20.0, rel=0.02)


def test_a_framework_that_fails_at_the_end_is_heard_and_the_region_is_closed() -> None:
    scene = Scene(11)
    calls = []

    def sync() -> None:
        calls.append(scene.clock.now_ns())
        if len(calls) > 1:
            raise RuntimeError("CUDA error")

    region = scene.region(sync=sync)
    with pytest.raises(RuntimeError, match="CUDA error"), region:
        scene.work(0.2, 100.0)
    assert region.energy_j.value is not None
    assert scene.watch.poll() is None


def test_the_framework_is_waited_for_before_both_edges() -> None:
    scene = Scene(12)

    def sync() -> None:
        scene.work(0.1, 300.0)  # what was launched goes on in here

    with scene.region(sync=sync) as m:
        scene.work(0.1, 100.0)
    assert m.duration_s == pytest.approx(0.2, rel=0.01)  # the launch before the region is outside, the one at its end inside
    assert m.energy_j.value == pytest.approx(40.0, rel=0.03)


def test_a_region_is_entered_once_and_repeats_once_and_only_inside() -> None:
    scene = Scene(13)
    region = scene.region()
    with pytest.raises(UsageError):
        region.repeat()
    assert region.energy_j.value is None
    assert "not entered" in str(region)
    with region as m:
        assert "still open" in str(m.energy_j)
        m.repeat(0.01)
        with pytest.raises(UsageError):
            m.repeat(0.01)
        scene.work(0.01, 50.0)
    with pytest.raises(UsageError), region:
        pass
