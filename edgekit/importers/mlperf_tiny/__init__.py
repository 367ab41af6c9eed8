"""Import energy runs of MLPerf Tiny submissions: windows, counts and published medians, with the trace as it was captured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import ClassVar

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Origin
from edgekit.core.run import TINY, RunPlan
from edgekit.core.trace import FLAG_INVALID, Trace
from edgekit.core.window import Phase, Window
from edgekit.importers.base import Hints, Recording, Source, Subject, digest, incomplete, label, text_of, unseen_artifact
from edgekit.importers.mlperf_tiny import captures, places, results
from edgekit.importers.mlperf_tiny.captures import Capture
from edgekit.importers.mlperf_tiny.places import Submission
from edgekit.importers.mlperf_tiny.remarks import notes, published
from edgekit.importers.mlperf_tiny.tasks import TASKS

_CHANNEL, _CLOCK = "energy-monitor.supply", "capture"
_REST_NS = 1_000_000_000  # between captures that were made one after another, and nobody noted when
_MOST_W = 10_000.0
_UNKNOWN = "the files do not say; of an imported run only its trace and results are known"


class MlperfTinyImporter:
    """Read energy runs of both generations of the MLPerf Tiny runner."""

    kind: ClassVar[str] = places.KIND

    def find(self, path: Path) -> tuple[Source, ...]:
        """Return the energy runs at `path`: a folder, a file, or the prefix that the files of one run share."""
        return places.find(path)

    def read(self, source: Source, hints: Hints) -> Recording:
        """Return one energy run. Its headline is the median over windows, as the runner states it."""
        made = places.submission(source, hints)
        said = results.parse(text_of(source.files["results"], "results")) if "results" in source.files else None
        found = _captures(source)
        windows, trace, scale = _windows(found, said.counts if said is not None else {})
        name = label(made.task, made.system, made.round)
        rate_hz = found[0].rate_hz
        return Recording(
            name=name,
            artifact=unseen_artifact(_subject(made, name, digest(source.files))),
            device=DeviceSpec(name=made.system, kind="imported"),
            facts=DeviceFacts(model=made.system, reasons=dict.fromkeys(("cpu", "arch", "engine", "temperature_c", "throttled"), _UNKNOWN)),
            plan=RunPlan(
                windows=len(windows),
                window_s=median(window.duration_s for window in windows),
                min_inferences=min((window.inferences or 0 for window in windows), default=0),
                idle_s=0.0,
                warmup_s=0.0,
                cooldown_s=0.0,
                sample_hz=rate_hz,
                inputs="published",
                statistic="median",
                whole_windows=True,
            ),
            meter=_meter(made, rate_hz, scale),
            traces=(trace,),
            windows=windows,
            unit_of_work=TINY,
            published=published(said, source),
            notes=notes(made, source, said, windows, captures=len(found)),
        )


def _captures(source: Source) -> list[Capture]:
    files = source.files
    if "session" in files and "trace" not in files:
        return captures.read_session(files["session"])
    if missing := [ending for role, ending in _NEEDED.items() if role not in files]:
        raise incomplete(source, places.KIND, missing)
    return [captures.read_trace(files["trace"], files["timestamps"])]


_NEEDED = {"trace": "trace1-energy.bin", "timestamps": "timestamps.json", "results": "results.txt"}


def _subject(made: Submission, name: str, files: str) -> Subject:
    task = TASKS[made.task]
    fixed = made.division != "open"  # in the open division any network may run
    return Subject(
        label=name,
        family=f"mlperf-tiny-{made.task}" if fixed else f"mlperf-tiny-{made.task}-open-{files[:12]}",
        title=f"MLPerf Tiny {task.title}",
        digest=files,
        inputs=task.inputs if fixed else (),
        outputs=task.outputs if fixed else (),
    )


def _windows(found: Sequence[Capture], counts: Mapping[int, int]) -> tuple[tuple[Window, ...], Trace, float]:
    """Return (windows, trace, watts per raw unit); captures lie one after another on one clock, each sample dated at its end."""
    import numpy as np

    windows: list[Window] = []
    times, values = [], []
    start_ns = 0
    for capture in found:
        period_ns = 1e9 / capture.rate_hz
        times.append(start_ns + np.rint(np.arange(1, len(capture.samples) + 1) * period_ns).astype(np.int64))
        values.append(capture.samples)
        for stretch in capture.stretches:
            inferences = stretch.inferences or counts.get(stretch.number)
            reason = captures.faults(capture, stretch, most_j=_MOST_W / capture.rate_hz)
            if reason is None and inferences is None:
                reason = f"results.txt does not say how many inferences window {stretch.number} holds"
            windows.append(
                Window(
                    phase=Phase.MEASURE,
                    index=len(windows),
                    clock=_CLOCK,
                    start_ns=start_ns + round(stretch.first * period_ns),
                    end_ns=start_ns + round(stretch.last * period_ns),
                    bracket_ns=round(period_ns / 2),
                    inferences=inferences,
                    invalid=reason,
                )
            )
        start_ns = int(times[-1][-1]) + _REST_NS
    value = np.concatenate(values)
    trace = Trace(
        channel=_CHANNEL,
        clock=_CLOCK,
        t_ns=np.concatenate(times),
        bracket_ns=np.zeros(len(value), np.int64),
        value=value,
        flags=np.where(np.isfinite(value), 0, FLAG_INVALID).astype(np.uint8),
    )
    return tuple(windows), trace, found[0].joules * found[0].rate_hz


def _meter(made: Submission, rate_hz: float, scale: float) -> MeterSpec:
    channel = Channel(
        id=_CHANNEL,
        meter="energy-monitor",
        boundary=Boundary.MCU_SUPPLY,
        measurand=Measurand.POWER,
        unit="W",
        origin=Origin.MEASURED,  # by the submitter; a stored trace keeps the origin it was captured with
        scale=scale,
        update_period_s=1 / rate_hz,
        averaging_s=1 / rate_hz,
        sampled_fraction=1.0,
        label="supply of the device under test",
    )
    return MeterSpec(
        kind="energy-monitor",
        channels=(channel,),
        accuracy=Accuracy(source="the files do not say which of the runner's monitors was used (LPM01A, JS110, JS220, N6705)"),
        nominal_hz=rate_hz,
        effective_hz=rate_hz,
        integrating=True,
        device_clock=True,
        edge_inputs=1,
        max_power_w=_MOST_W,
        detail=" ".join(filter(None, (made.submitter, made.round))),
    )
