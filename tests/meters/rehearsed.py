"""Conduct a whole benchmark on a scripted clock: an emulated board that keeps to a timetable, and an emulated meter that watches it.

    | greet | idle | gap | window | gap | window | ... | idle |         gaps are drawn; the load of each window is known exactly

Everything between the emulators is what a user runs: the driver, the dating of its samples, `bench` with its records, and the analysis.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.artifact import ModelArtifact, SourceModel
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.protocols import Clock, HostMeter
from edgekit.core.quantity import Note
from edgekit.core.run import TENSORS, Analysis, LoadTiming, RunPlan, RunRecord, RunStatus
from edgekit.core.sync import SyncPlan
from edgekit.core.trace import ClockMap
from edgekit.core.window import Phase, Window
from edgekit.energy.analyse import analyse
from edgekit.flows.bench import BenchRequest, bench
from edgekit.flows.bench.plan import SETTLE_S, BenchPlan, Step
from edgekit.links.clock import SystemClock
from edgekit.metering import Chosen
from edgekit.sim.curve import Curve
from edgekit.sim.load import steps
from tests.meters.scripted import Heard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Wait = Callable[[float], None]
DATED = SyncPlan()
ARTIFACT = ModelArtifact(
    path="rehearsed.tflite",
    sha256="0" * 64,
    size_bytes=1000,
    format="tflite",
    recipe="fp32",
    scheme_requested="fp32",
    scheme_achieved="fp32",
    source=SourceModel(path="rehearsed.keras", sha256="0" * 64, format="keras", family="0" * 16, weights_sha256="0" * 64),
    inputs=(),
    outputs=(),
    status="unverified",
)


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """Say when the windows are, in seconds after the start, and what the board draws: a burst for each inference, its rest between."""

    windows: tuple[tuple[float, float], ...]
    idles: tuple[tuple[float, float], ...]
    period_s: float
    inferences: int
    step_w: float
    load: Curve

    @property
    def steps(self) -> list[Step]:
        """Return the windows in order, as the steps of a plan."""
        measured = [
            (start, Step(phase=Phase.MEASURE, index=i, seconds=end - start, artifact=0)) for i, (start, end) in enumerate(self.windows)
        ]
        rests = [(start, Step(phase=Phase.IDLE, index=i, seconds=end - start)) for i, (start, end) in enumerate(self.idles)]
        return [step for _, step in sorted([*measured, *rests], key=lambda pair: pair[0])]

    def joules(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the exact energy from the start to each time: straight between the points of a load that only steps."""
        import numpy as np

        return np.interp(at_s, np.array(self.load.times_ns) / 1e9, np.array(self.load.totals_j))


@dataclass(frozen=True, kw_only=True)
class Board:
    """Hold within what loads are drawn: watts of rest, of the time between bursts, and of bursts; seconds of an inference."""

    rest_w: float = 2.0
    base_w: float = 3.0
    burst_w: tuple[float, float] = (3.5, 7.0)
    period_s: tuple[float, float] = (0.02, 0.2)
    duty: tuple[float, float] = (0.2, 0.8)


def timetable(draw: random.Random, board: Board, *, windows: int, window_s: float, idle_s: float, gap_s: float, lead_s: float) -> Timetable:
    """Draw one run. A window holds whole inferences and nothing else; a gap is up to half as long again as `gap_s`."""
    period_s, duty, high_w = (draw.uniform(*limits) for limits in (board.period_s, board.duty, board.burst_w))
    inferences = max(1, round(window_s / period_s))
    changes, edges, now = [(0.0, board.rest_w)], [], lead_s + idle_s
    idles = [(lead_s, now)]
    for place in range(windows):
        now += gap_s * (1 + draw.random() / 2)
        start = now
        for _ in range(inferences):
            changes += [(now, high_w), (now + duty * period_s, board.base_w)]
            now += period_s
        changes.append((now, board.rest_w))
        edges.append((start, now))
        if place == windows // 2 - 1 or place == windows - 1:
            now += gap_s
            idles.append((now, now + idle_s))
            now += idle_s
    return Timetable(
        windows=tuple(edges),
        idles=tuple(idles),
        period_s=period_s,
        inferences=inferences,
        step_w=high_w - board.base_w,
        load=steps(changes),
    )


class Sequel:
    """Be the board: whatever the plan asks next happens when the timetable says."""

    def __init__(self, clock: Clock, table: Timetable, wait: Wait, start_ns: int | None = None) -> None:
        self.spec = DeviceSpec(name="board", kind="sim")
        self.clock, self.start_ns = clock, clock.now_ns() if start_ns is None else start_ns
        self._table, self._wait = table, wait
        self.pid, self.loaded, self.timing = None, {"inputs": "synthetic"}, LoadTiming(load_s=0.1, first_inference_s=0.1)

    @contextmanager
    def connect(self) -> Iterator[Sequel]:
        yield self

    def facts(self) -> DeviceFacts:
        return DeviceFacts(model="emulated board")

    def condition(self) -> DeviceFacts:
        return self.facts()

    def clock_map(self) -> ClockMap:
        here = self.clock.domain
        return ClockMap(source=here, target=here, offset_ns=0, bracket_ns=0, at_ns=self.clock.now_ns())

    def load(self, artifact: Path, *, samples: Path | None, plan: RunPlan) -> Sequel:
        return self

    def close(self) -> None:
        pass

    def idle(self, index: int, seconds: float) -> Window:
        if index >= 0:
            return self._window(Phase.IDLE, index, self._table.idles[index])
        now_s = (self.clock.now_ns() - self.start_ns) / 1e9
        return self._window(Phase.IDLE, index, (now_s, now_s + seconds))

    def run(self, phase: Phase, index: int, *, seconds: float = 0.0, min_inferences: int = 1) -> Window:
        return self._window(phase, index, self._table.windows[index], self._table.inferences)

    def _window(self, phase: Phase, index: int, at_s: tuple[float, float], inferences: int | None = None) -> Window:
        start_ns, end_ns = (self.start_ns + round(t * 1e9) for t in at_s)
        assert index < 0 or self.clock.now_ns() <= start_ns, "the greeting took longer than the timetable allows"
        self._wait(max(0, end_ns - self.clock.now_ns()) / 1e9)
        return Window(phase=phase, index=index, clock=self.clock.domain, start_ns=start_ns, end_ns=end_ns, inferences=inferences)


@dataclass(frozen=True, kw_only=True)
class Script:
    """Stand where a recorded run stands that is repeated: the plan is the timetable, the meter the one that is rehearsed."""

    table: Timetable
    meter: HostMeter
    inference: str = TENSORS

    def plan(self) -> BenchPlan:
        lengths = [end - start for start, end in self.table.windows]
        run = RunPlan(windows=len(lengths), window_s=min(lengths), min_inferences=1, idle_s=1.0, warmup_s=0.0, cooldown_s=0.0)
        return BenchPlan(run=run, artifacts=1, script=tuple(self.table.steps), status=RunStatus.COMPLETE)

    def chosen(self, device: Any) -> Chosen:
        return Chosen(counters=(), hosts=(self.meter,), specs=(self.meter.spec(),), note=Note(code="meter.chosen", text="rehearsed"))

    def require(self, artifact: Any) -> None:
        pass


@dataclass
class Quiet:
    """Show nothing, and keep remarks."""

    notes: list[Note] = field(default_factory=list)

    def step(self, title: str, total: float | None = None, *, still: bool = False) -> None:
        pass

    def advance(self, done: float, text: str = "") -> None:
        pass

    def fail(self) -> None:
        pass

    def note(self, note: Note) -> None:
        self.notes.append(note)


def rehearse(table: Timetable, meter: HostMeter, clock: Clock, wait: Wait, *, artifact: Path, runs: Path) -> RunRecord:
    """Return the record of one benchmark."""
    board: Any = Sequel(clock, table, wait)
    script: Any = Script(table=table, meter=meter)
    result = bench(BenchRequest(artifacts=(artifact,), runs_dir=runs), device=board, progress=Quiet(), date=SystemClock(), replay=script)
    (record,) = result.runs
    return record


def remembered(
    table: Timetable, meter: HostMeter, clock: Clock, wait: Wait, *, start_ns: int | None = None, sync: SyncPlan = DATED
) -> Analysis:
    """Return the analysis of the same run without the disk; `start_ns` is when the load began, now where it is left out."""
    board, heard, spec = Sequel(clock, table, wait, start_ns), Heard(), meter.spec()
    meter.start(heard.sink, heard)
    windows = [board.idle(step.index, step.seconds) if step.artifact is None else board.run(step.phase, step.index) for step in table.steps]
    board.idle(-1, SETTLE_S)
    meter.stop()
    assert not heard.errors, heard.errors
    plan = replace(Script(table=table, meter=meter).plan().run, sync=sync)
    record = RunRecord(
        id="rehearsed",
        session="rehearsed",
        created="2020-01-01T00:00:00Z",
        status=RunStatus.COMPLETE,
        artifact=ARTIFACT,
        device=board.spec,
        plan=plan,
        meters=(spec,),
        traces=(),
        windows=tuple(windows),
        facts_before=board.facts(),
        clock_maps=(board.clock_map(),),
        notes=tuple(heard.notes),
    )
    return analyse(record, {channel.id: heard.trace(channel.id, clock.domain) for channel in spec.channels})


def true_j(table: Timetable) -> float:
    """Return the true joules of one inference, those of the windows together."""
    load = table.load
    total = sum(load.total_j(round(end * 1e9)) - load.total_j(round(start * 1e9)) for start, end in table.windows)
    return total / (table.inferences * len(table.windows))
