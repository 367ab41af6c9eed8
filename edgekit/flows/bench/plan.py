"""Plan a benchmark: pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from edgekit.core.channel import MeterSpec
from edgekit.core.errors import UsageError, unknown_name
from edgekit.core.run import RunPlan, RunStatus
from edgekit.core.sync import SyncPlan
from edgekit.core.window import Phase
from edgekit.energy.clocks.marker import marker_s
from edgekit.energy.conduct.enough import METHOD_WINDOW_GPU_S, METHOD_WINDOW_S, METHOD_WINDOWS, is_short
from edgekit.energy.conduct.stop import LEAST_WINDOWS

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Hold how long things take, in seconds, and how often they are repeated."""

    windows: int
    window_s: float
    idle_s: float
    warmup_s: float
    cooldown_s: float
    idle_between_s: float
    cold_starts: int
    min_inferences: int = 10


METHOD = Timing(
    windows=METHOD_WINDOWS, window_s=METHOD_WINDOW_S, idle_s=10.0, warmup_s=3.0, cooldown_s=1.0, idle_between_s=2.0, cold_starts=3
)
METHOD_GPU = replace(METHOD, window_s=METHOD_WINDOW_GPU_S, idle_s=60.0, warmup_s=10.0, idle_between_s=5.0)
QUICK = Timing(windows=3, window_s=2.0, idle_s=3.0, warmup_s=1.0, cooldown_s=0.2, idle_between_s=0.0, cold_starts=1)
_LONGEST_S = 86_400.0
SETTLE_S = 0.3  # readings begin this long before the first window and go on as long after the last: its edges lie between two of them
IDLE_EVERY = 3  # rounds between two idle windows
SLOW_SENSOR_S = 0.01  # a sensor that updates more often than this meets every window at another phase anyway
UNTIL_AT_MOST_S = 3600.0  # how long windows are added for --until when nobody sets a time
COOL_AT_MOST_S = 120.0
MOST_INVOCATIONS = 1_000_000  # of one window at a rate: the time of each is kept until its end
PRECISIONS = ("fp32", "tf32", "fp16", "int8")
ENGINES = (  # those of the runner that goes to the device; a test holds them against its own list
    *("litert", "tflite_runtime", "onnxruntime", "onnxruntime-cuda", "onnxruntime-tensorrt"),
    *("torch_onnx", "torch_onnx-cuda", "torch_pt2", "torch_pt2-cuda"),
)
_WITH_RUNNER = ("local", "cuda", "ssh", "pi", "jetson", "sim")  # devices of other packages may have engines of their own
WARMUP_PIECES = 6
WARMUP_CAP = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRequest:
    """Hold what the user asked for. `meters` empty means the best available one; times left None come from the method's plan.

    `pre` and `post` are functions as typed: "FILE.py:FUNCTION" or "MODULE:FUNCTION".
    """

    artifacts: tuple[Path, ...]
    device: str = "local"
    meters: tuple[str, ...] = ()
    runs_dir: Path = Path("runs")
    quick: bool = False
    windows: int | None = None
    window_s: float | None = None
    idle_s: float | None = None
    warmup_s: float | None = None
    cooldown_s: float | None = None
    idle_between_s: float | None = None
    until_rel: float | None = None
    max_time_s: float | None = None
    batch: int = 1
    threads: int = 1
    engine: str | None = None
    delegate: str | None = None
    delegate_options: Mapping[str, str] = field(default_factory=dict)
    precision: str | None = None
    sample_hz: float | None = None
    profile: bool = False
    tags: tuple[str, ...] = ()
    rate_hz: float | None = None
    spin_s: float = 0.0
    cool_to_c: float | None = None
    cool_within_c: float | None = None
    cool_at_most_s: float | None = None
    cold_starts: int | None = None
    pre: str | None = None
    post: str | None = None
    raw: Path | None = None
    prepare: bool = False
    sync: SyncPlan = field(default_factory=SyncPlan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Hold one step: what to do for how long, with which artifact (None: with none)."""

    phase: Phase
    index: int
    seconds: float
    artifact: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """Hold the plan that goes into each record of `artifacts` artifacts.

    With a `script` those steps are repeated instead of planning any, and the run ends as the recorded one did: with `status`. With
    `profile` the operators of each artifact are timed in the end.
    """

    run: RunPlan
    artifacts: int
    script: tuple[Step, ...] = ()
    profile: bool = False
    status: RunStatus = RunStatus.COMPLETE

    @property
    def expected_s(self) -> float | None:
        """Return how long the steps take, without loading and cooling; None when nobody knows."""
        if self.script:
            return sum(step.seconds for step in self.script)
        if self.run.until_rel is not None:
            return self.run.max_time_s
        return self.rounds_s if self.run.max_time_s is None else min(self.rounds_s, self.run.max_time_s)

    @property
    def rounds_s(self) -> float:
        """Return how long the plan's number of rounds takes with all around them, without loading and cooling."""
        between_s = (self.run.windows - 1) // IDLE_EVERY * self.run.idle_between_s
        return self.opening_s + self.run.windows * self.round_s + between_s + self.closing_s

    @property
    def opening_s(self) -> float:
        """Return the least that goes before the first round."""
        return max(SETTLE_S, self.artifacts * self.run.warmup_s) + marker_s(self.run.sync.chip_s) + self.run.idle_s

    @property
    def window_s(self) -> float:
        """Return the length of a window: at a rate it takes as long as its least number of inferences."""
        return self.run.window_s if self.run.rate_hz is None else max(self.run.window_s, self.run.min_inferences / self.run.rate_hz)

    @property
    def round_s(self) -> float:
        """Return what one window of every artifact takes, each after the longest wait that may be drawn; without cooling."""
        return self.artifacts * (self.window_s + self.run.cooldown_s + self.run.dephase_s)

    @property
    def cooling_s(self) -> float:
        """Return the most that cooling to a temperature may add to the plan's windows."""
        cools = self.run.cool_to_c is not None or self.run.cool_within_c is not None
        return self.run.windows * self.artifacts * self.run.cool_at_most_s if cools else 0.0

    @property
    def closing_s(self) -> float:
        """Return what comes after the last round."""
        profiling_s = self.artifacts * self.run.window_s if self.profile else 0.0
        return self.run.idle_s + marker_s(self.run.sync.chip_s) + profiling_s + SETTLE_S

    @property
    def least_s(self) -> float:
        """Return the shortest time in which one round can be had, with a little for what is between the steps; without loading."""
        return 1.02 * (self.opening_s + self.round_s + self.closing_s) + 0.5


def plan(request: BenchRequest, *, kind: str) -> BenchPlan:
    """Return the plan for a device of `kind`; raise UsageError for times that cannot be meant, and for engines that do not exist."""
    base = QUICK if request.quick else METHOD_GPU if kind == "cuda" else METHOD
    if request.engine is not None and kind in _WITH_RUNNER and request.engine not in ENGINES:
        raise unknown_name("engine", request.engine, ENGINES, list_command="edgekit bench --help")
    until = request.until_rel is not None
    idle_s = _given(request.idle_s, base.idle_s)
    run = RunPlan(
        windows=_given(request.windows, LEAST_WINDOWS if until else base.windows),
        window_s=_given(request.window_s, base.window_s),
        min_inferences=base.min_inferences,
        idle_s=idle_s,
        warmup_s=_given(request.warmup_s, base.warmup_s),
        cooldown_s=_given(request.cooldown_s, base.cooldown_s),
        idle_between_s=_given(request.idle_between_s, min(base.idle_between_s, idle_s)),
        until_rel=request.until_rel,
        max_time_s=_given(request.max_time_s, UNTIL_AT_MOST_S) if until else request.max_time_s,
        batch=request.batch,
        threads=request.threads,
        sample_hz=_given(request.sample_hz, 20.0 if kind == "cuda" else 100.0),
        engine=request.engine,
        delegate=request.delegate,
        delegate_options=dict(request.delegate_options),
        precision=_precision(request.precision, kind),
        rate_hz=request.rate_hz,
        spin_s=request.spin_s,
        cool_to_c=request.cool_to_c,
        cool_within_c=request.cool_within_c,
        cool_at_most_s=_given(request.cool_at_most_s, COOL_AT_MOST_S),
        cold_starts=_given(request.cold_starts, 0 if kind == "board" else base.cold_starts),  # what is flashed is never loaded
        sync=request.sync,
    )
    _check(run)
    _check_rate(run)
    if request.cool_at_most_s is not None and request.cool_to_c is None and request.cool_within_c is None:
        raise UsageError("--cool-at-most needs --cool-to", code="usage.missing", why="without a temperature there is none to wait for")
    return BenchPlan(run=replace(run, quick=is_short(run)), artifacts=len(request.artifacts), profile=request.profile)


def with_sensors(plan: BenchPlan, specs: Sequence[MeterSpec]) -> BenchPlan:
    """Return the plan with random waits as long as the slowest sensor's update period, where a sensor is slow enough to matter.

    Windows that begin at one phase of a sensor that looks part of the time would all see the same part of a periodic load.
    """
    periods = [channel.update_period_s for spec in specs for channel in spec.channels if channel.update_period_s is not None]
    slowest = max(periods, default=0.0)
    return replace(plan, run=replace(plan.run, dephase_s=slowest)) if slowest >= SLOW_SENSOR_S else plan


def waits(run: RunPlan) -> Iterator[float]:
    """Yield the seconds to wait before each measured window, the same for the same seed."""
    draw = random.Random(run.seed)  # noqa: S311 -- a phase, not a secret
    while True:
        yield draw.random() * run.dephase_s


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


def _precision(asked: str | None, kind: str) -> str | None:
    """Return how a GPU is to compute 32-bit floats; raise UsageError for a word that means nothing, or a device without a choice."""
    if asked is not None and asked not in PRECISIONS:
        why = f"known: {', '.join(PRECISIONS)}"
        raise UsageError(f"no precision is called {asked!r}", code="usage.value", why=why, do=[("say it so:", "--precision fp32")])
    if asked is not None and kind != "cuda":
        raise UsageError(
            "--precision is a choice of GPUs",
            code="bench.precision",
            why="on other devices an artifact is computed in the precision it was converted to",
            do=[("convert to another precision:", "edgekit convert MODEL -r fp16")],
        )
    return asked


def _check(run: RunPlan) -> None:
    for name, value, least, most in (
        ("--windows", run.windows, 1, 100_000),
        ("--batch", run.batch, 1, 1_000_000),
        ("--threads", run.threads, 1, 1024),
        ("--window", run.window_s, 0.01, _LONGEST_S),
        ("--idle", run.idle_s, 0.01, _LONGEST_S),
        ("--warmup", run.warmup_s, 0.0, _LONGEST_S),
        ("--cooldown", run.cooldown_s, 0.0, _LONGEST_S),
        ("--idle-between", run.idle_between_s, 0.0, _LONGEST_S),
        ("--until", _given(run.until_rel, 0.5), 1e-6, 1.0),
        ("--max-time", _given(run.max_time_s, 1.0), 0.01, 100 * _LONGEST_S),
        ("--sample-hz", run.sample_hz, 0.1, 10_000.0),
        ("--cold-starts", run.cold_starts, 0, 1000),
        ("--cool-to", _given(run.cool_to_c, 0.0), -60.0, 200.0),
        ("--cool-to", _given(run.cool_within_c, 1.0), 0.0, 100.0),
        ("--cool-at-most", run.cool_at_most_s, 0.0, _LONGEST_S),
        ("--rate", _given(run.rate_hz, 1.0), 1e-4, 1e5),
        ("--spin", run.spin_s, 0.0, 1.0),
    ):
        if not least <= value <= most:  # written so that NaN is refused too
            fault = "too small" if value < least else "too large" if value > most else "no number"
            per, unit = (100, "%") if name == "--until" else (1, "")
            low, given, high = (f"{per * number:g}{unit}" for number in (least, value, most))
            why = f"it must be at least {low}" if value < least else f"it must lie between {low} and {high}"
            raise UsageError(f"{name} {given} is {fault}", code="bench.timing", why=why)


def _check_rate(run: RunPlan) -> None:
    """Raise UsageError for a rate that one window cannot hold, or options that only a rate gives a meaning."""
    if run.rate_hz is None:
        if run.spin_s:
            raise UsageError("--spin needs --rate", code="usage.missing", why="inferences that run back to back wait for nothing")
        return
    if (count := run.window_s * run.rate_hz / run.batch) > MOST_INVOCATIONS:
        raise UsageError(
            f"--rate {run.rate_hz:g}/s makes {count:.3g} invocations in a window of {run.window_s:g} s",
            code="bench.rate",
            why=f"the time of each is kept until the window ends, {MOST_INVOCATIONS} at most",
            do=[("measure shorter windows:", f"--window {MOST_INVOCATIONS * run.batch / run.rate_hz:g}")],
        )
