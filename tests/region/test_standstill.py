"""A counter that gets stuck inside a region is found by the power beside it or by its own rhythm; a slow one is left in peace."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Estimate, Origin, Quality
from edgekit.region.instrument import Rig
from edgekit.region.region import Region
from tests.region.bench import IDLE_W, Counter, Scene

COUNTER, POWER = "nvml.gpu0.energy", "nvml.gpu0.power"


@pytest.fixture(autouse=True)
def _the_same_moments_each_time() -> None:
    random.seed(1)  # the watch reads power at random times


class Board:
    """Show a GPU with a counter and, unless `alone`, the power of the moment, whose counter freezes when told."""

    def __init__(self, seed: int, *, tick_s: float = 0.1, unit_j: float = 1e-3, alone: bool = False, gain: float = 1.0) -> None:
        self.scene = scene = Scene(seed)
        self.counter = Counter(scene, tick_ns=tick_s * 1e9, scale=1e-3, unit_j=unit_j)
        self.frozen: float | None = None
        self.reads = {COUNTER: 0, POWER: 0}
        self._gain, self._alone = gain, alone
        self.rig = self._rig()

    def freeze(self) -> None:
        self.frozen = self.counter.read()

    def region(self, *stretches: tuple[float, float], freeze_before: int | None = None) -> Region:
        """Run a region of (seconds, watts), with the watch at work."""
        with self.scene.region(self.rig) as m:
            for place, (seconds, watts) in enumerate(stretches):
                if place == freeze_before:
                    self.freeze()
                self._draw(seconds, watts)
            self.running = m.running()
        return m

    def truth(self, region: Region) -> float:
        span = region._span
        assert span is not None
        assert span.end_ns is not None
        return self.scene.plant.energy_j(span.start_ns, span.end_ns)

    def _draw(self, seconds: float, watts: float) -> None:
        """Draw power for a while; the watch, which has no thread here, reads when it is due."""
        scene = self.scene
        scene.plant.set_power(watts, scene.clock.now_ns())
        end_ns = scene.clock.now_ns() + round(seconds * 1e9)
        while (left_s := (end_ns - scene.clock.now_ns()) / 1e9) > 0:
            due_s = scene.watch.poll()
            scene.clock.sleep(min(left_s, max(1e-3, left_s if due_s is None else due_s)))

    def _rig(self) -> Rig:
        row = {"meter": "nvml", "boundary": Boundary.GPU_BOARD, "origin": Origin.EMULATED, "scale": 1e-3}
        counter = Channel(id=COUNTER, measurand=Measurand.ENERGY_COUNTER, unit="J", quantum=1.0, sampled_fraction=1.0, **row)  # type: ignore[arg-type]
        power = Channel(id=POWER, measurand=Measurand.POWER, unit="W", **row)  # type: ignore[arg-type]
        spec = MeterSpec(
            kind="nvml",
            channels=(counter,) if self._alone else (counter, power),
            accuracy=Accuracy(source="assumed", gain_rel=0.05),
            nominal_hz=10.0,
            integrating=False,
            max_power_w=1000.0,
        )
        return self.scene.rig_of(spec, {COUNTER: self._counted(COUNTER, self._energy), POWER: self._counted(POWER, self._power)})

    def _counted(self, name: str, read: Callable[[], float]) -> Callable[[], float]:
        def counted() -> float:
            self.reads[name] += 1
            return read()

        return counted

    def _energy(self) -> float:
        count = self.counter.read()
        return count if self.frozen is None else self.frozen

    def _power(self) -> float:
        self.scene.clock.advance(1_000_000)
        return self._gain * 1e3 * self.scene.plant.power_w(self.scene.clock.now_ns())


@pytest.mark.parametrize("seed", range(12))
def test_a_counter_that_stands_still_while_power_flows_is_stuck(seed: int) -> None:
    board = Board(seed)
    m = board.region((0.6, 70.0), (1.5, 70.0), freeze_before=1)
    assert m.energy_j.value is None
    assert f"{COUNTER} stood still for 1." in str(m)
    assert "70 W were read at the same place: it is stuck" in str(m)
    assert "it is stuck" in str(board.running)


def test_a_counter_that_stands_still_for_a_moment_only_disagrees_with_the_power() -> None:
    m = Board(1).region((2.2, 300.0), (0.7, 300.0), freeze_before=1)
    assert isinstance(m.energy_j, Estimate)
    assert m.energy_j.quality is Quality.CAVEATS
    (note,) = [note for note in m.notes if note.code == "counter.disagrees"]
    assert COUNTER in note.text
    assert POWER in note.text


def test_a_power_that_disagrees_is_named_and_one_that_agrees_is_not() -> None:
    found = {gain: Board(2, gain=gain).region((3.0, 200.0)) for gain in (1.0, 1.1, 1.75)}
    told = {gain: [note.code for note in m.notes if note.code == "counter.disagrees"] for gain, m in found.items()}
    assert told == {1.0: [], 1.1: [], 1.75: ["counter.disagrees"]}
    assert [m.energy_j.value for m in found.values()] == [pytest.approx(600.0, rel=0.05)] * 3


def test_a_counter_alone_is_stuck_once_it_breaks_with_its_own_rhythm() -> None:
    m = Board(3, alone=True).region((7.0, 70.0), (4.0, 70.0), freeze_before=1)
    assert m.energy_j.value is None
    assert "stood still for the last" in str(m)
    short = Board(3, alone=True).region((2.0, 70.0), (4.0, 70.0), freeze_before=1)
    assert short.energy_j.value is not None  # four readings are no rhythm: nothing here can tell


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("tick_s", "unit_j", "watts"), [(0.1, 1e-3, 4.0), (0.1, 1.0, 3.0), (0.1, 10.0, 5.0), (1.0, 1e-3, 8.0), (2.0, 1e-3, 30.0)]
)
@pytest.mark.parametrize("alone", [True, False])
def test_an_idle_board_whose_counter_moves_slowly_is_not_stuck(seed: int, tick_s: float, unit_j: float, watts: float, alone: bool) -> None:
    m = Board(seed, tick_s=tick_s, unit_j=unit_j, alone=alone).region((3.0 + seed, watts))
    assert "stuck" not in m.explain()


@pytest.mark.parametrize("seed", range(12))
def test_a_load_that_ends_inside_the_region_leaves_the_counter_in_peace(seed: int) -> None:
    board = Board(seed)
    m = board.region((1.0 + seed / 10, 400.0), (1.0, IDLE_W), (0.4, 400.0), (2.0, 5.0))
    assert isinstance(m.energy_j, Estimate)
    assert m.energy_j.value == pytest.approx(board.truth(m), rel=0.05)
    assert "stuck" not in m.explain()


def test_a_short_region_reads_no_power_and_the_counter_at_its_edges_only() -> None:
    board = Board(4)
    for _ in range(20):
        with board.scene.region(board.rig):
            board._draw(0.25, 100.0)
    assert board.reads == {COUNTER: 40, POWER: 0}


def test_a_counter_that_was_late_and_caught_up_is_neither_reset_nor_stuck() -> None:
    board = Board(5)
    m = board.scene.region(board.rig)
    with m:
        board._draw(1.5, 900.0)
        board.freeze()
        board._draw(0.6, 900.0)
        board.frozen = None
        board._draw(1.5, 900.0)
    assert isinstance(m.energy_j, Estimate)
    assert m.energy_j.value == pytest.approx(board.truth(m), rel=0.05)
