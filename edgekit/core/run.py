"""Describe one benchmark run: what was planned, what was recorded, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal

from edgekit.core.artifact import ModelArtifact
from edgekit.core.boundary import Boundary
from edgekit.core.calibration import Calibration
from edgekit.core.channel import MeterSpec
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Note, Quantity
from edgekit.core.sync import SyncPlan, SyncStep
from edgekit.core.trace import ClockMap, Reading, TraceFile
from edgekit.core.units import Unit
from edgekit.core.window import Window

TENSORS = "set_tensor + invoke + get_tensor"
"""What one inference consists of on a machine with an engine."""
TINY = "invoke alone, as MLPerf Tiny times it"
"""What one inference consists of on a board with the firmware of MLPerf Tiny: its input is there before, its output is read after."""


class RunStatus(StrEnum):
    """Say how a run ended."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFunction:
    """Name a Python function of the user's that is part of the unit of work: the `file` as it was named, its sha256, and the `function`."""

    file: str
    function: str
    sha256: str

    @property
    def words(self) -> str:
        """Return "prepare of prep.py (sha256 0123456789ab)"."""
        return f"{self.function} of {self.file.rpartition('/')[2]} (sha256 {self.sha256[:12]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Hold what a run sets out to do: times in seconds; `inputs` says which data is fed.

    A group of inferences between two clock reads takes at least `group_min_ns`. `quick` marks runs that measured less than the
    method's own minimum, whatever was planned (until they are closed: plans below it).
    With `until_rel` windows are added until the interval of every artifact is within that share of its value, or `max_time_s` is over.
    `idle_between_s` of idle is measured between rounds of windows. `dephase_s` is the span from which a random wait before each window is
    drawn, with `seed`, so that windows meet a sensor's update period at different phases. The headline is the `statistic` of the windows:
    "mean" (joules over inferences of all of them) or "median". With `whole_windows` nothing at their ends is given the mean power of the
    rest: whoever defined them counts what happens there. `delegate` is a shared library on the device that the engine loads, with its
    own `delegate_options`; the facts say what it took.

    With `rate_hz` inferences are made at that rate, on a schedule of the runner's own clock, `batch` of them at a time; the runner spins
    for the last `spin_s` before each. Before a window the device cools until its temperature is `cool_to_c`, or within `cool_within_c` of
    what it was at the start of the run, but waits `cool_at_most_s` at most. `cold_starts` is how often each artifact is loaded anew, apart
    from the windows. `pre` and `post` are the user's functions around each inference; `raw` is the file whose arrays `pre` is given (None:
    the samples), with its sha256.
    """

    windows: int
    window_s: float
    min_inferences: int
    idle_s: float
    warmup_s: float
    cooldown_s: float
    group_min_ns: int = 50_000
    batch: int = 1
    threads: int = 1
    sample_hz: float = 100.0
    quick: bool = False
    inputs: str = "samples"
    engine: str | None = None
    until_rel: float | None = None
    max_time_s: float | None = None
    idle_between_s: float = 0.0
    dephase_s: float = 0.0
    seed: int = 0
    statistic: Literal["mean", "median"] = "mean"
    whole_windows: bool = False
    delegate: str | None = None
    delegate_options: Mapping[str, str] = field(default_factory=dict)
    precision: str | None = None
    sync: SyncPlan = field(default_factory=SyncPlan)
    rate_hz: float | None = None
    spin_s: float = 0.0
    cool_to_c: float | None = None
    cool_within_c: float | None = None
    cool_at_most_s: float = 0.0
    cold_starts: int = 0
    pre: UserFunction | None = None
    post: UserFunction | None = None
    raw: str | None = None
    raw_sha256: str | None = None

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"a batch of {self.batch} cannot be inferred")
        if self.rate_hz is not None and not 0 < self.rate_hz < math.inf:
            raise ValueError(f"a rate of {self.rate_hz} inferences a second cannot be meant")

    @property
    def period_s(self) -> float | None:
        """Return the time from one invocation to the next; None where they run back to back."""
        return None if self.rate_hz is None else self.batch / self.rate_hz

    def unit_of_work(self, inference: str = TENSORS) -> str:
        """Return what one inference consists of, in words, around what the device does: runs compare only where these are the same."""
        steps = [f"pre: {self.pre.words}"] if self.pre is not None else []
        steps += [inference]
        steps += [f"post: {self.post.words}"] if self.post is not None else []
        paced = "" if self.rate_hz is None else f", at {self.rate_hz:g}/s with the idle in between"
        return " + ".join(steps) + paced


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTiming:
    """Hold one cold start: seconds to load the model into its engine, and seconds of the first inference.

    `load_start_ns` and `first_start_ns` are when these began on the device's clock; None where nobody knows.
    """

    load_s: float
    first_inference_s: float
    load_start_ns: int | None = None
    first_start_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAnalysis:
    """Hold what one channel says: gross and net joules per inference, idle and mean watts, and the joules of each measured window.

    A window whose energy could not be computed is None in `window_j`. `coverage` is the share of measured time that readings cover.
    `n_effective` is how many independent windows the correlated ones are worth; `without_outliers` is gross again without the windows that
    stand out, None where none does. `edges` says how the windows were cut out of the readings: "aligned" to updates of the sensor,
    "interpolated" at the window's own edges, or "" where there is nothing to cut. `sync` are the steps by which the ends of windows were
    placed among the readings.
    """

    channel: str
    boundary: Boundary
    energy_j_per_inference: Quantity
    net_j_per_inference: Quantity
    idle_w: Quantity
    mean_w: Quantity
    window_j: tuple[float | None, ...]
    coverage: float | None
    n_effective: float | None = None
    without_outliers: Quantity | None = None
    edges: str = ""
    sync: tuple[SyncStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTiming:
    """Hold what one operator took in a profiled window: `calls` and total `time_s`, as its engine reports them."""

    name: str
    kind: str
    calls: int
    time_s: float

    def __post_init__(self) -> None:
        if self.calls < 0 or not 0 <= self.time_s < math.inf:
            raise ValueError(f"operator {self.name}: {self.calls} calls in {self.time_s} s cannot be meant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Hold one profiled window: operators in graph order, its invocations, and what of its time no operator accounts for.

    `window` is the index of the profiled window among those of phase `profile`; `method` says how the engine took the times, in steps of
    `resolution_s`. `timeline` is the id of a trace that says when which operator began (its place in `operators`, -1 where none runs);
    None where operators are too short for any reading to tell them apart.
    """

    window: int
    invocations: int
    operators: tuple[OperatorTiming, ...]
    outside_s: float
    method: str
    resolution_s: float = 0.0
    timeline: str | None = None

    def __post_init__(self) -> None:
        if self.invocations < 1 or self.window < 0 or not (math.isfinite(self.outside_s) and 0 <= self.resolution_s < math.inf):
            figures = f"{self.invocations} invocations, {self.outside_s} s outside, in steps of {self.resolution_s} s"
            raise ValueError(f"profile of window {self.window}: {figures} cannot be meant")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledWindow:
    """Hold what profiling delivers: its window, the times of the operators, and the readings of the trace `profile.timeline`."""

    window: Window
    profile: Profile
    timeline: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorEnergy:
    """Hold the joules of one operator per inference; `share` is its part of the time of one inference. The last one is what is outside."""

    name: str
    kind: str
    share: float
    energy_j_per_inference: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """Hold what it takes to load a model in a process of its own and infer once, over all cold starts of a run, beside the steady state.

    Joules are gross, at the boundary of the run's headline; those per inference of the steady state are the headline itself.
    """

    starts: int
    load_s: Quantity
    load_j: Quantity
    first_inference_s: Quantity
    first_inference_j: Quantity
    steady_s: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Hold everything derived from a run; recomputed from the rest of the record byte for byte.

    The headline `energy_j_per_inference` is gross, at one named boundary, from channel `channel`.
    """

    energy_j_per_inference: Quantity
    channel: str | None
    channels: tuple[ChannelAnalysis, ...]
    time_s_per_inference: Quantity
    latency_p50_s: Quantity
    latency_p90_s: Quantity
    latency_p99_s: Quantity
    inferences: int
    sampler_cpu_share: Quantity
    notes: tuple[Note, ...] = ()
    operators: tuple[OperatorEnergy, ...] = ()
    attribution: str | None = None
    cold_start: ColdStart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Hold what someone else says of the same run, for edgekit's own figure to be held against.

    `name` is "energy_j_per_inference", "mean_w", "throughput_hz" or a latency quantile; `value` is in base units. `source` says where it
    stands, or by whose rule it was computed.
    """

    name: str
    value: float
    unit: Unit
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """Hold one run of one artifact on one device; written once, atomically. `created` is ISO 8601 in UTC.

    `unit_of_work` names the functional unit of one inference. Runs of one `session` were interleaved and share their idle windows.
    """

    SCHEMA: ClassVar[str] = "edgekit.run/1"

    id: str
    session: str
    created: str
    status: RunStatus
    artifact: ModelArtifact
    device: DeviceSpec
    plan: RunPlan
    meters: tuple[MeterSpec, ...]
    traces: tuple[TraceFile, ...]
    windows: tuple[Window, ...]
    facts_before: DeviceFacts
    facts_after: DeviceFacts | None = None
    clock_maps: tuple[ClockMap, ...] = ()
    load: LoadTiming | None = None
    sampler: Mapping[str, float] = field(default_factory=dict)
    calibrations: tuple[Calibration, ...] = ()
    profile: Profile | None = None
    unit_of_work: str = TENSORS
    tool: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    analysis: Analysis | None = None
    tags: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """Hold what training one model cost: total joules at a boundary and seconds, with the origin of the number."""

    SCHEMA: ClassVar[str] = "edgekit.training/1"

    model: str
    created: str
    source: str
    source_sha256: str
    family: str
    energy_j: Quantity
    duration_s: float
    meter: MeterSpec | None
    facts: DeviceFacts
    notes: tuple[Note, ...] = ()
