"""Plan a benchmark: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from edgekit.core.errors import UsageError
from edgekit.core.run import RunPlan
from edgekit.core.window import Phase

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Hold how long things take, in seconds, and how often they are repeated."""

    windows: int
    window_s: float
    idle_s: float
    warmup_s: float
    cooldown_s: float
    min_inferences: int = 10


METHOD = Timing(windows=10, window_s=10.0, idle_s=10.0, warmup_s=3.0, cooldown_s=1.0)
METHOD_GPU = Timing(windows=10, window_s=60.0, idle_s=60.0, warmup_s=10.0, cooldown_s=1.0)
QUICK = Timing(windows=3, window_s=2.0, idle_s=3.0, warmup_s=1.0, cooldown_s=0.2)
_LONGEST_S = 86_400.0
SETTLE_S = 0.3  # readings begin this long before the first window, so that its start lies between two of them
MINIMUM_S = 100.0  # measured time below which a plan counts as quick


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRequest:
    """Hold what the user asked for. `meters` empty means the best available one; times left None come from the method's plan."""

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
    batch: int = 1
    threads: int = 1
    engine: str | None = None
    sample_hz: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Hold one step: what to do for how long, with which artifact (None: with none)."""

    phase: Phase
    index: int
    seconds: float
    artifact: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """Hold the steps in order, and the plan that goes into each record."""

    run: RunPlan
    steps: tuple[Step, ...]

    @property
    def expected_s(self) -> float:
        """Return how long the steps take, without loading."""
        return sum(step.seconds for step in self.steps)


def plan(request: BenchRequest, *, kind: str) -> BenchPlan:
    """Return the steps for a device of `kind`; raise UsageError for times that cannot be meant."""
    base = QUICK if request.quick else METHOD_GPU if kind == "cuda" else METHOD
    run = RunPlan(
        windows=_given(request.windows, base.windows),
        window_s=_given(request.window_s, base.window_s),
        min_inferences=base.min_inferences,
        idle_s=_given(request.idle_s, base.idle_s),
        warmup_s=_given(request.warmup_s, base.warmup_s),
        cooldown_s=_given(request.cooldown_s, base.cooldown_s),
        batch=request.batch,
        threads=request.threads,
        sample_hz=_given(request.sample_hz, 20.0 if kind == "cuda" else 100.0),
        engine=request.engine,
    )
    _check(run)
    return BenchPlan(run=_with_quick(run), steps=tuple(_steps(run, len(request.artifacts))))


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


def _check(run: RunPlan) -> None:
    for name, value, least, most in (
        ("--windows", run.windows, 1, 100_000),
        ("--batch", run.batch, 1, 1_000_000),
        ("--threads", run.threads, 1, 1024),
        ("--window", run.window_s, 0.01, _LONGEST_S),
        ("--idle", run.idle_s, 0.01, _LONGEST_S),
        ("--warmup", run.warmup_s, 0.0, _LONGEST_S),
        ("--cooldown", run.cooldown_s, 0.0, _LONGEST_S),
        ("--sample-hz", run.sample_hz, 0.1, 10_000.0),
    ):
        if not least <= value <= most:  # written so that NaN is refused too
            fault = "too small" if value < least else "too large" if value > most else "no number"
            why = f"it must be at least {least:g}" if value < least else f"it must lie between {least:g} and {most:g}"
            raise UsageError(f"{name} {value:g} is {fault}", code="bench.timing", why=why)


def _with_quick(run: RunPlan) -> RunPlan:
    return replace(run, quick=run.windows < 3 or run.windows * run.window_s < MINIMUM_S)


def _steps(run: RunPlan, artifacts: int) -> Iterator[Step]:
    for artifact in range(artifacts):
        if run.warmup_s > 0:
            yield Step(phase=Phase.WARMUP, index=artifact, seconds=run.warmup_s, artifact=artifact)
    if run.warmup_s <= 0:
        yield Step(phase=Phase.COOLDOWN, index=0, seconds=SETTLE_S)
    yield Step(phase=Phase.IDLE, index=0, seconds=run.idle_s)
    for index in range(run.windows):
        for artifact in range(artifacts):
            yield Step(phase=Phase.MEASURE, index=index, seconds=run.window_s, artifact=artifact)
            if run.cooldown_s > 0:
                yield Step(phase=Phase.COOLDOWN, index=index, seconds=run.cooldown_s)
    yield Step(phase=Phase.IDLE, index=1, seconds=run.idle_s)
