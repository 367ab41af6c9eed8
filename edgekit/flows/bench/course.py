"""Go through a benchmark step by step: warm-up until it has settled, rounds of windows until they are enough, idle in between.

    warm-up A, warm-up B, idle, round 1: A B, round 2: A B, round 3: A B, idle, round 4: ...          ..., idle

Nothing is drawn, computed or waited for inside a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.errors import EdgekitError
from edgekit.core.hardware import DeviceFacts
from edgekit.core.protocols import DeviceSession, LoadedModel, Progress
from edgekit.core.quantity import Note
from edgekit.core.units import counted, format_scaled
from edgekit.core.window import Phase, Window
from edgekit.energy.conduct.stop import Standing, judge, percent, unreachable
from edgekit.energy.conduct.warmup import steady_from
from edgekit.flows.bench.coldstart import Reload, start_cold
from edgekit.flows.bench.cooling import Cooling, looked_at, too_warm
from edgekit.flows.bench.dropped import Dropped, dropped
from edgekit.flows.bench.limit import overrun, require_round, round_and_rest_s, warmup_cap_s
from edgekit.flows.bench.plan import IDLE_EVERY, SETTLE_S, WARMUP_PIECES, BenchPlan, Step, waits
from edgekit.flows.bench.profiling import profile_one
from edgekit.flows.bench.rate import marked, require_rate
from edgekit.flows.bench.recorder import Recorder
from edgekit.flows.bench.running import Running
from edgekit.flows.bench.sync import drive


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Hold what a benchmark acts on: an open device with its loaded models (`names` for people), and where everything is kept.

    `paths` are the artifacts as they were given, `reload` loads one anew; `start_c` is the temperature before anything ran, `host_clock`
    what dates the readings of instruments on this host.
    """

    session: DeviceSession
    models: Sequence[LoadedModel]
    names: Sequence[str]
    paths: Sequence[str]
    recorder: Recorder
    running: Running
    progress: Progress
    reload: Reload
    start_c: float | None = None
    host_clock: str = "host"


class Course:
    """Conduct the steps of one plan on one stage."""

    def __init__(self, plan: BenchPlan, stage: Stage) -> None:
        self._plan = plan.run
        self._bench = plan
        self._stage = stage
        self._waits = waits(plan.run)
        self._idles = 0
        self._first_ns: int | None = None
        self._last_ns = 0
        self._paces: dict[int, float] = {}
        self._rounds: list[tuple[Standing | None, ...]] = []
        self._warned: set[int] = set()
        self._cooling = Cooling(plan.run, stage.session, stage.start_c)
        self._too_warm: set[int] = set()
        self._left = list(range(plan.artifacts))
        self.dropped: list[Dropped] = []

    def run(self) -> None:
        """Do everything that is planned; what is done so far is recorded at any moment."""
        self._stage.progress.step(f"measure on {counted(len(self._stage.models), 'artifact')}", self._bench.expected_s, still=True)
        if self._bench.script:
            self._repeat(self._bench.script)
        else:
            if (blind := self._cooling.impossible) is not None:
                self._tell(blind)
            self._open()
            self._go_round()
            self._rest(self._plan.idle_s)
            self._mark(1)
            self._profile()
            self._start_cold()
            if (late := overrun(self._bench, elapsed_s=self._elapsed_s)) is not None:
                self._tell(late)
        self._stage.progress.advance(self._elapsed_s, self._closing_words())

    def _repeat(self, script: Sequence[Step]) -> None:
        for step in script:
            self._say(f"{step.phase} {step.index + 1} for {step.seconds:.3g} s")
            if step.artifact is None:
                self._keep(self._stage.session.idle(step.index, step.seconds), None)
            else:
                model = self._stage.models[step.artifact]
                self._keep(model.run(step.phase, step.index, seconds=step.seconds, min_inferences=1), step.artifact)

    def _open(self) -> None:
        for artifact in tuple(self._left):
            if self._plan.warmup_s > 0:
                self._warm_up(artifact)
        if self._plan.warmup_s <= 0:
            self._pause(SETTLE_S)
        self._mark(0)
        self._rest(self._plan.idle_s)

    def _warm_up(self, artifact: int) -> None:
        """Infer in short pieces until the time per inference shows no trend any more, or five times the planned warm-up is over."""
        cap_s = warmup_cap_s(self._bench, artifact, elapsed_s=self._elapsed_s)
        paces: list[float] = []
        spent_s = 0.0
        while steady_from(paces) is None:
            if spent_s >= cap_s:
                self._tell(_not_settled(self._stage.names[artifact], cap_s))
                return
            self._say(self._title(f"warm up for {self._plan.warmup_s:.3g} s", artifact))
            piece_s = self._plan.warmup_s / WARMUP_PIECES
            window = self._infer(artifact, Phase.WARMUP, len(paces), seconds=piece_s, min_inferences=1)
            if window is None:
                return
            self._keep(window, artifact)
            paces.append(window.duration_s / (window.inferences or 1))
            spent_s += window.duration_s
            self._paces[artifact] = paces[-1]

    def _infer(self, artifact: int, phase: Phase, index: int, *, seconds: float, min_inferences: int) -> Window | None:
        """Return a window of one artifact; None where the artifact failed and the run goes on with the others."""
        try:
            return self._stage.models[artifact].run(phase, index, seconds=seconds, min_inferences=min_inferences)
        except EdgekitError as error:
            found = dropped(self._stage.paths[artifact], phase.value, error)
            if found is None or self._left == [artifact]:
                raise
            self._left.remove(artifact)
            self._paces.pop(artifact, None)
            self.dropped.append(found)
            self._stage.recorder.event("dropped", {"artifact": artifact, "note": found.note})
            self._stage.progress.note(found.note)
            return None

    def _mark(self, index: int) -> None:
        """Drive a marker load where the plan has any."""
        if self._plan.sync.chip_s > 0:
            self._say("marker load")
            for window in drive(self._stage.models[self._left[0]], self._stage.session, index, self._plan.sync.chip_s):
                self._keep(window, None)

    def _go_round(self) -> None:
        require_rate(self._plan, self._paces, self._stage.names)
        require_round(self._bench, list(self._paces.values()), elapsed_s=self._elapsed_s)
        while True:
            begun_ns = self._last_ns
            for artifact in tuple(self._left):
                self._measure(artifact)
            self._record_clock()
            self._rounds.append(tuple(self._stage.running.standing(artifact) for artifact in self._left))
            self._warn()
            next_s = round_and_rest_s(self._bench, (self._last_ns - begun_ns) / 1e9, done=len(self._rounds))
            verdict = judge(self._rounds, self._plan, elapsed_s=self._elapsed_s, next_s=next_s)
            if verdict.note is not None:
                self._tell(verdict.note)
            if not verdict.go_on:
                return
            if self._plan.idle_between_s > 0 and len(self._rounds) % IDLE_EVERY == 0:
                self._rest(self._plan.idle_between_s)

    def _measure(self, artifact: int) -> None:
        index = len(self._rounds)
        standing = self._stage.running.standing(artifact)
        of = "" if self._plan.until_rel is not None else f" of {self._plan.windows}"
        estimate = f" · {_estimate(standing)}" if standing else ""
        before = self._cool(artifact, estimate)
        self._say(self._title(f"measure {index + 1}{of} for {self._bench.window_s:.3g} s", artifact) + estimate)
        wait_s = next(self._waits)
        if wait_s > 0:
            self._pause(wait_s)
        self._stage.running.begin()
        window = self._infer(artifact, Phase.MEASURE, index, seconds=self._plan.window_s, min_inferences=self._plan.min_inferences)
        if window is None:
            return
        self._keep(marked(looked_at(window, before, self._stage.session.condition())), artifact)
        if self._plan.cooldown_s > 0:
            self._pause(self._plan.cooldown_s)

    def _cool(self, artifact: int, estimate: str) -> DeviceFacts:
        """Let the device cool as far as is asked and --max-time allows; return the last look at it."""
        if self._cooling.target_c is not None:
            self._say(self._title(f"cool to {self._cooling.target_c:.1f} C", artifact) + estimate)
        most_s = self._plan.cool_at_most_s
        if self._plan.max_time_s is not None:
            most_s = max(0.0, min(most_s, self._plan.max_time_s - self._elapsed_s - self._bench.round_s - self._bench.closing_s))
        look, cooled = self._cooling.wait(most_s)
        if not cooled and artifact not in self._too_warm:
            self._too_warm.add(artifact)
            self._tell(too_warm(self._stage.names[artifact], look.temperature_c, self._cooling.target_c, most_s))
        return look

    def _start_cold(self) -> None:
        """Load each artifact anew where that was asked and --max-time leaves room for it."""
        stage, starts = self._stage, self._plan.cold_starts
        for artifact in self._left if starts else ():
            name = stage.names[artifact]
            timing = stage.models[artifact].timing
            if timing is None:
                self._tell(Note(code="coldstart.flashed", text=f"{name} is not started cold: it is part of a firmware"))
                continue
            needed_s = starts * (timing.load_s + timing.first_inference_s + SETTLE_S)
            if self._plan.max_time_s is not None and self._elapsed_s + needed_s > self._plan.max_time_s:
                self._tell(Note(code="coldstart.max_time", text=f"{name} is not started cold: --max-time leaves no room for it"))
                continue
            self._say(f"start {name} cold, {counted(starts, 'time')}")
            start_cold(
                artifact, name, starts=starts, reload=stage.reload, session=stage.session, recorder=stage.recorder, progress=stage.progress
            )

    def _profile(self) -> None:
        """Time the operators of each artifact where that was asked, after everything that is measured."""
        for artifact in self._left if self._bench.profile else ():
            name, stage = self._stage.names[artifact], self._stage
            self._say(f"time the operators of {name}")
            profile_one(
                stage.models[artifact], name, artifact, seconds=self._plan.window_s, recorder=stage.recorder, progress=stage.progress
            )

    def _rest(self, seconds: float) -> None:
        standing = self._stage.running.standing(0) if self._bench.artifacts == 1 and not self._bench.script else None
        self._say(f"idle for {seconds:.3g} s" + (f" · {_estimate(standing)}" if standing else ""))
        self._keep(self._stage.session.idle(self._idles, seconds), None)
        self._idles += 1

    def _pause(self, seconds: float) -> None:
        self._stage.session.idle(-1, seconds)

    def _keep(self, window: Window, artifact: int | None) -> None:
        self._stage.recorder.window(window, artifact)
        self._stage.recorder.check()
        self._first_ns = window.start_ns if self._first_ns is None else self._first_ns
        self._last_ns = window.end_ns
        if artifact is not None and window.phase is Phase.MEASURE:
            self._stage.running.add(window, artifact)

    def _record_clock(self) -> None:
        """Record how the device's clock stands to this host's; one clock needs no second look."""
        clocks = self._stage.session.clock_map()
        if clocks.source != clocks.target:
            self._stage.recorder.event("clock_map", clocks)
            self._stage.running.clock(clocks)

    def _warn(self) -> None:
        """Say once, as soon as it is known, that a limit lies below what windows can do anything about."""
        if self._plan.until_rel is None:
            return
        for artifact, standing in zip(self._left, self._rounds[-1], strict=True):
            note = unreachable(standing, self._plan.until_rel) if standing is not None else None
            if note is not None and artifact not in self._warned:
                self._warned.add(artifact)
                self._tell(Note(code=note.code, text=self._named(note.text, artifact), advice=note.advice))

    def _tell(self, note: Note) -> None:
        self._stage.recorder.event("note", note)
        self._stage.progress.note(note)

    def _say(self, text: str) -> None:
        self._stage.progress.advance(self._elapsed_s, text)

    def _closing_words(self) -> str:
        standings = [standing for standing in self._rounds[-1] if standing] if self._rounds else []
        figure = f" · {_estimate(standings[0])}" if len(standings) == self._bench.artifacts == 1 else ""
        return f"{counted(len(self._rounds), 'window')}{figure}"

    def _title(self, text: str, artifact: int) -> str:
        return f"{text} {self._stage.names[artifact]}" if self._bench.artifacts > 1 else text

    def _named(self, text: str, artifact: int) -> str:
        return f"{self._stage.names[artifact]}: {text}" if self._bench.artifacts > 1 else text

    @property
    def _elapsed_s(self) -> float:
        return 0.0 if self._first_ns is None else (self._last_ns - self._first_ns) / 1e9


def _estimate(standing: Standing) -> str:
    half = standing.half_rel
    value = format_scaled(standing.value, "J")
    if half is None:
        return f"{value}, no interval yet"
    return f"{value} {'±' if half < 1 else 'within'} {percent(half)}"


def _not_settled(name: str, cap_s: float) -> Note:
    return Note(
        code="warmup.cap",
        text=f"{name}: time per inference had not settled when the warm-up ended at its limit of {cap_s:g} s",
        advice="warm up longer with --warmup, or look for throttling and background load",
    )
