"""Make seeded synthetic runs whose energy is known exactly, to see how often stated intervals hold the truth.

A run is a record with traces, as a benchmark leaves them. What varies from seed to seed: the instrument and its errors, the load (steady or
in bursts, drifting, windows that scatter and follow one another), background activity, lost readings, clocks that differ and drift, wraps.

The truth is the expected energy per inference of the process that the windows are samples of. The exact-knowledge interval is what somebody
would state who knows the instrument's timing, noise and clock and how much windows really scatter, has only the same windows, and
cannot know more about gain and offset than the calibration states; docs/method.md justifies each part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgekit.core.artifact import ModelArtifact, SourceModel
from edgekit.core.channel import Accuracy
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.run import RunPlan, RunRecord, RunStatus
from edgekit.core.trace import Trace
from edgekit.core.window import Latency, Phase, Window
from edgekit.energy.latency import BINS_PER_OCTAVE
from edgekit.sim.synthetic_meters import DEVICE_CLOCK, KINDS, synthetic_meter
from edgekit.sim.virtual import Errors, Steps, steps

if TYPE_CHECKING:
    import numpy as np

REST_S = 1.0  # between windows
SURGE_S = 0.02  # how long a burst of background activity lasts
_ARTIFACT = ModelArtifact(
    path="synthetic.fp32.tflite",
    sha256="0" * 64,
    size_bytes=1000,
    format="tflite",
    recipe="fp32",
    scheme_requested="fp32",
    scheme_achieved="fp32",
    source=SourceModel(path="synthetic.keras", sha256="0" * 64, format="keras", family="0" * 16, weights_sha256="0" * 64),
    inputs=(),
    outputs=(),
    status="unverified",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Hold the law of a load: joules come from base + load * (1 + drift) * (1 + scatter) plus background surges.

    `duty` is the share of an inference at full power (1: steady), `scatter` the relative standard deviation from window to window, `memory`
    its correlation from one window to the next, `drift` how far the load moves over the run, `surge_w` the power of background surges that
    come `surge_hz` times a second.
    """

    windows: int
    window_s: float
    idle_s: float
    inference_s: float
    base_w: float
    base_drift: float
    load_w: float
    duty: float
    scatter: float
    memory: float
    drift: float
    surge_w: float
    surge_hz: float

    @property
    def surge_j(self) -> float:
        """Return the energy of one background surge."""
        return self.surge_w * SURGE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticRun:
    """Hold a record, its traces, the true joules per inference, and the half-width of the exact-knowledge interval with its parts."""

    seed: int
    kind: str
    record: RunRecord
    traces: Mapping[str, Trace]
    truth_j: float
    exact_half_j: float
    exact_parts_j: Mapping[str, float]


def draw_process(random: np.random.Generator) -> Process:
    """Return a random load of 10 to 24 windows."""
    base_w = float(10 ** random.uniform(0, 1.5))
    load_w = base_w * float(random.uniform(0.3, 6))
    return Process(
        windows=int(random.integers(10, 25)),
        window_s=float(random.uniform(4, 8)),
        idle_s=float(random.uniform(2, 4)),
        inference_s=float(10 ** random.uniform(-2.3, -1)),
        base_w=base_w,
        base_drift=float(random.uniform(-0.03, 0.03)),
        load_w=load_w,
        duty=float(random.choice([1.0, random.uniform(0.3, 0.9)])),
        scatter=float(10 ** random.uniform(-3.3, -1.7)),
        memory=float(random.choice([0.0, 0.0, 0.4])),
        drift=float(random.choice([0.0, random.uniform(-0.01, 0.01)])),
        surge_w=float(random.uniform(0, 0.5)) * load_w,
        surge_hz=float(random.uniform(0, 3)),
    )


def synthetic_run(seed: int) -> SyntheticRun:
    """Return run number `seed`; the same seed gives the same run."""
    import numpy as np

    random = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    process = draw_process(random)
    power, windows, expected_j = _play(random, process)
    until_s = power.at_s[-1] - 0.2
    accuracy = Accuracy(
        source="drawn from these",
        gain_rel=float(random.choice([0.0, 0.002, 0.01, 0.03])),
        offset_w=float(random.choice([0.0, 0.002, 0.01])) * process.base_w,
        verified=True,
    )
    errors = Errors(
        gain=(accuracy.gain_rel or 0.0) * float(random.standard_normal()),
        offset_w=(accuracy.offset_w or 0.0) * float(random.standard_normal()),
    )
    meter = synthetic_meter(random, kind, power, windows, until_s=until_s, accuracy=accuracy, errors=errors)
    inferences = sum(window.inferences or 0 for window in windows if window.phase is Phase.MEASURE)
    truth_j = expected_j / inferences
    seconds = sum(window.duration_s for window in windows if window.phase is Phase.MEASURE)
    parts = {
        "process": _process_u(process, seconds) / inferences,
        "gain": (accuracy.gain_rel or 0.0) * truth_j,
        "offset": (accuracy.offset_w or 0.0) * seconds / inferences,
        "instrument": meter.exact_u_j / inferences,
    }
    record = RunRecord(
        id=f"synthetic-{seed}",
        session=f"synthetic-{seed}",
        created="2020-01-01T00:00:00Z",
        status=RunStatus.COMPLETE,
        artifact=_ARTIFACT,
        device=DeviceSpec(name="synthetic", kind="sim"),
        plan=RunPlan(
            windows=process.windows, window_s=process.window_s, min_inferences=10, idle_s=process.idle_s, warmup_s=0.0, cooldown_s=REST_S
        ),
        meters=(meter.spec,),
        traces=(),
        windows=tuple(windows),
        facts_before=DeviceFacts(model="synthetic"),
        clock_maps=meter.maps,
    )
    return SyntheticRun(
        seed=seed,
        kind=kind,
        record=record,
        traces={meter.trace.channel: meter.trace},
        truth_j=truth_j,
        exact_half_j=1.96 * math.hypot(*parts.values()),
        exact_parts_j=parts,
    )


def _play(random: np.random.Generator, process: Process) -> tuple[Steps, list[Window], float]:
    """Return the power of the whole run, its windows, and the energy that the measured ones are expected to take."""
    import numpy as np

    edges, watts, expected_j, now = [0.0], [0.0], 0.0, 0.5
    windows: list[Window] = []
    scatter, length_s = 0.0, (process.windows * (process.window_s + REST_S) + 3 * (process.idle_s + REST_S))
    idles = {0, process.windows // 2, process.windows}
    for index in range(process.windows + 1):
        if index in idles:
            windows.append(_window(Phase.IDLE, len(idles & set(range(index))), now, now + process.idle_s))
            now += process.idle_s + REST_S * random.uniform(0.5, 1.5)
        if index == process.windows:
            break
        fresh = float(random.standard_normal())
        scatter = fresh if index == 0 else process.memory * scatter + math.sqrt(1 - process.memory**2) * fresh
        drift = process.drift * (index / max(1, process.windows - 1) - 0.5)
        times = process.inference_s * (1 + 0.01 * random.standard_normal(int(process.window_s / process.inference_s)))
        begins = now + np.concatenate([[0.0], np.cumsum(times)])
        level = process.load_w * (1 + drift) * (1 + process.scatter * scatter)
        off = np.minimum(begins[:-1] + process.duty * times, begins[1:])
        edges += np.stack([begins[:-1], off], 1).ravel().tolist()
        watts += [level / process.duty, 0.0] * len(times)
        windows.append(replace(_window(Phase.MEASURE, index, now, float(begins[-1]), len(times)), latency=_latency(times)))
        seconds, middle = float(begins[-1] - now), (now + float(begins[-1])) / 2
        base_w = process.base_w * (1 + process.base_drift * (middle / length_s - 0.5))
        expected_j += seconds * (base_w + process.load_w * (1 + drift) + process.surge_hz * process.surge_j)
        now = float(begins[-1])
        edges.append(now)
        watts.append(0.0)
        now += REST_S * random.uniform(0.5, 1.5)
    return _with_background(random, process, np.array(edges), np.array(watts), now + 0.5, length_s), windows, expected_j


def _with_background(
    random: np.random.Generator, process: Process, edges: np.ndarray, watts: np.ndarray, until_s: float, length_s: float
) -> Steps:
    """Return the load with the drifting base power and background surges added; the base moves in steps of 20 ms."""
    import numpy as np

    starts = np.sort(random.uniform(0, until_s, random.poisson(process.surge_hz * until_s)))
    at = np.unique(np.concatenate([edges, starts, starts + SURGE_S, np.arange(0, until_s, 0.02), [until_s]]))
    at = at[at <= until_s]
    middle = (at[1:] + at[:-1]) / 2
    load = watts[np.searchsorted(edges, middle, side="right") - 1]
    surges = np.searchsorted(starts, middle, side="right") - np.searchsorted(starts + SURGE_S, middle, side="right")
    base = process.base_w * (1 + process.base_drift * (middle / length_s - 0.5))
    return steps(at, base + load + process.surge_w * surges)


def _window(phase: Phase, index: int, start_s: float, end_s: float, inferences: int | None = None) -> Window:
    return Window(
        phase=phase, index=index, clock=DEVICE_CLOCK, start_ns=round(start_s * 1e9), end_ns=round(end_s * 1e9), inferences=inferences
    )


def _latency(times_s: np.ndarray) -> Latency:
    import numpy as np

    bins, counts = np.unique(np.floor(BINS_PER_OCTAVE * np.log2(times_s * 1e9)).astype(int), return_counts=True)
    return Latency(
        group_size=1,
        total_ns=round(float(times_s.sum()) * 1e9),
        min_ns=float(times_s.min()) * 1e9,
        max_ns=float(times_s.max()) * 1e9,
        histogram=tuple((int(index), int(count)) for index, count in zip(bins, counts, strict=True)),
    )


def _process_u(process: Process, seconds: float) -> float:
    """Return the standard uncertainty of the joules of all windows when the true size of their scatter is known, in joules.

    Correlated scatter, surges at random, and drift, which to one who knows the instrument but not the load's law in time is scatter too.
    """
    n, rho = process.windows, process.memory
    inflation = 1 + 2 * sum((1 - k / n) * rho**k for k in range(1, n))
    scatter = process.load_w * seconds * process.scatter * math.sqrt(inflation / n)
    drift_w = math.hypot(process.load_w * process.drift, process.base_w * process.base_drift) / math.sqrt(12 * n)
    return math.hypot(scatter, drift_w * seconds, process.surge_j * math.sqrt(process.surge_hz * seconds))
