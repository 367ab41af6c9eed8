"""Import power logs of MLPerf Inference submissions: the analyser's samples, LoadGen's window, and the work done in it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import ClassVar

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.errors import missing_file
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Note, Origin
from edgekit.core.run import Published, RunPlan
from edgekit.core.trace import FLAG_INVALID, ClockMap, Trace
from edgekit.core.window import Phase, Window
from edgekit.importers.base import Hints, Recording, Source, Subject, digest, incomplete, label, nothing, unseen_artifact
from edgekit.importers.ptdaemon import analyser, clocks, loadgen, spl
from edgekit.importers.ptdaemon.clocks import ClockDifference
from edgekit.importers.ptdaemon.loadgen import Work
from edgekit.importers.ptdaemon.spl import Log

_METER, _BENCHMARK = "ptdaemon", "loadgen"
_FILES = {"spl": "spl.txt", "detail": "mlperf_log_detail.txt", "summary": "mlperf_log_summary.txt"}
_LEAST_S = 60.0
_MODELS = re.compile(
    r"(resnet50|resnet|retinanet|bert-?99(?:\.9)?|rnnt|3d-?unet[-\w.]*|gptj[-\w.]*|llama[-\w.]*|dlrm[-\w.]*|mixtral[-\w.]*)"
)
_UNKNOWN = "the files do not say; of an imported run only its logs are known"
_RULE = "mean of the samples strictly inside the window, as the MLPerf checker takes it"


class PtdaemonImporter:
    """Read runs that SPEC PTDaemon metered at the wall."""

    kind: ClassVar[str] = "ptdaemon"

    def find(self, path: Path) -> tuple[Source, ...]:
        """Return the runs at `path`: a folder that holds spl.txt, or one above such folders; folders called ranging are passed over."""
        if not path.exists():
            raise missing_file(path, "folder")
        folder = path if path.is_dir() else path.parent
        places = [folder] if (folder / "spl.txt").is_file() else [found.parent for found in sorted(folder.rglob("spl.txt"))]
        testing = [place for place in places if place.name != "ranging"]
        if places and not testing:
            raise spl.ranging(places[0] / "spl.txt")
        if not testing:
            raise nothing(path, self.kind, "spl.txt, mlperf_log_detail.txt and mlperf_log_summary.txt")
        return tuple(
            Source(name=_name(place), files={role: file for role, name in _FILES.items() if (file := place / name).is_file()})
            for place in testing
        )

    def read(self, source: Source, hints: Hints) -> Recording:
        """Return one run: one window, from power_begin to power_end, on LoadGen's clock."""
        if missing := [name for role, name in _FILES.items() if role not in source.files]:
            raise incomplete(source, self.kind, missing)
        folder = source.files["spl"].parent
        log = spl.read(source.files["spl"])
        work = loadgen.read(source.files["detail"], source.files["summary"])
        apart = clocks.difference(log, work, stated_s=hints.clock_offset_s, folder=folder)
        system, model, submitter = _subject_of(folder, hints)
        meter_name, accuracy = analyser.read(folder)
        name = label(model or source.name, work.scenario, system)
        files = digest(source.files)
        steps = [other.t_ns - one.t_ns for one, other in pairwise(log.samples)]
        period_s = median(steps) / 1e9 if steps else 1.0
        channels = _channels(log, period_s)
        seconds = (work.end_ns - work.begin_ns) / 1e9
        begin_ns = work.begin_ns
        return Recording(
            name=name,
            artifact=unseen_artifact(
                Subject(
                    label=name,
                    family=f"mlperf-inference-{model}" if model else f"mlperf-inference-unknown-{files[:12]}",
                    title=f"MLPerf Inference {model or 'model unknown'}",
                    digest=files,
                )
            ),
            device=DeviceSpec(name=system, kind="imported"),
            facts=DeviceFacts(
                model=system, reasons=dict.fromkeys(("cpu", "gpu", "arch", "engine", "temperature_c", "throttled"), _UNKNOWN)
            ),
            plan=RunPlan(
                windows=1,
                window_s=seconds,
                min_inferences=work.samples,
                idle_s=0.0,
                warmup_s=0.0,
                cooldown_s=0.0,
                sample_hz=1 / period_s,
                inputs="published",
                whole_windows=True,
            ),
            meter=MeterSpec(
                kind="ptdaemon",
                channels=channels,
                accuracy=accuracy,
                nominal_hz=1.0,
                effective_hz=1 / period_s,
                integrating=True,
                max_power_w=1e6,
                detail=meter_name,
            ),
            traces=tuple(_trace(log, channel) for channel in channels),
            windows=(
                Window(
                    phase=Phase.MEASURE,
                    index=0,
                    clock=_BENCHMARK,
                    start_ns=begin_ns,
                    end_ns=work.end_ns,
                    bracket_ns=apart.bracket_ns,
                    inferences=work.samples,
                ),
            ),
            unit_of_work=f"one sample of MLPerf Inference {work.scenario}",
            clock_maps=(
                ClockMap(source=_BENCHMARK, target=_METER, offset_ns=apart.offset_ns, bracket_ns=apart.bracket_ns, at_ns=begin_ns),
            ),
            published=_published(log, work, apart),
            notes=tuple(_notes(source, log, work, apart, system=system, submitter=submitter, model=model)),
        )


def _name(folder: Path) -> str:
    """Return what tells a run from the others: its folder, without the parts that every submission has."""
    parts = [part for part in folder.absolute().parts if part not in ("performance", "run_1", "results")]
    return "-".join(parts[-2:]) if folder.name == "run_1" else parts[-1]


def _subject_of(folder: Path, hints: Hints) -> tuple[str, str, str]:
    """Return (system, model, submitter) from a submission's folders, or from what the folder is called; "" for what is not known."""
    parts = folder.absolute().parts
    system = model = submitter = ""
    for index, part in enumerate(parts):
        if part in ("closed", "open") and len(parts) > index + 4 and parts[index + 2] == "results":
            submitter, system, model = parts[index + 1], parts[index + 3], parts[index + 4]
    place = _MODELS.search(folder.name.lower().replace("_", " "))
    if not model and place is not None:
        model, system = place[1], folder.name[: place.start()].strip("_-. ")
    model = (hints.task or model).lower()
    model = {"resnet": "resnet50", "bert99": "bert-99", "bert99.9": "bert-99.9"}.get(model, model)
    return hints.system or system or folder.name or "system unknown", model, submitter


def _channels(log: Log, period_s: float) -> tuple[Channel, ...]:
    """Return the total and its parts; a power analyser averages all of the time between two of its values."""
    total = f"{_METER}.total"
    return tuple(
        Channel(
            id=f"{_METER}.{name.lower()}" if name else total,
            meter=_METER,
            boundary=Boundary.WALL,
            measurand=Measurand.POWER,
            unit="W",
            origin=Origin.MEASURED,  # by the submitter; a stored trace keeps the origin it was captured with
            parent=total if name else None,
            update_period_s=period_s,
            averaging_s=period_s,
            sampled_fraction=1.0,
            label=name or "all channels",
        )
        for name in ("", *log.channels)
    )


def _trace(log: Log, channel: Channel) -> Trace:
    import numpy as np

    name = "" if channel.parent is None else channel.label
    watts = np.array([sample.watts.get(name, math.nan) for sample in log.samples], np.float64)
    usable = np.isfinite(watts) & (watts > 0)  # the checker leaves out what is not above zero: the analyser had no reading
    return Trace(
        channel=channel.id,
        clock=_METER,
        t_ns=np.array([sample.t_ns for sample in log.samples], np.int64),
        bracket_ns=np.zeros(len(watts), np.int64),
        value=watts,
        flags=np.where(usable, 0, FLAG_INVALID).astype(np.uint8),
    )


def _published(log: Log, work: Work, apart: ClockDifference) -> tuple[Published, ...]:
    """Return the figures as the submission's checker states them, computed by its rules from the same logs."""
    mean_w, _ = spl.mean_inside(log.samples, work.begin_ns + apart.offset_ns, work.end_ns + apart.offset_ns)
    found = []
    if mean_w is not None:
        found.append(Published(name="mean_w", value=mean_w, unit="W", source=_RULE))
        seconds = (work.end_ns - work.begin_ns) / 1e9
        if work.rate_hz is not None and not work.streams:
            source = f"that mean over the summary's {work.rate_name}"
            found.append(Published(name="energy_j_per_inference", value=mean_w / work.rate_hz, unit="J", source=source))
        elif work.streams:
            source = f"that mean times the window, over the samples counted in {work.counted_in}"
            found.append(Published(name="energy_j_per_inference", value=mean_w * seconds / work.samples, unit="J", source=source))
    if work.rate_hz is not None:
        each = work.samples / work.queries if work.queries and work.streams else 1
        found.append(Published(name="throughput_hz", value=work.rate_hz * each, unit="Hz", source=f"summary: {work.rate_name}"))
    found += [Published(name=name, value=value, unit="s", source="summary") for name, value in work.quantiles_s.items()]
    return tuple(found)


def _notes(source: Source, log: Log, work: Work, apart: ClockDifference, *, system: str, submitter: str, model: str) -> Sequence[Note]:
    _, inside = spl.mean_inside(log.samples, work.begin_ns + apart.offset_ns, work.end_ns + apart.offset_ns)
    seconds = (work.end_ns - work.begin_ns) / 1e9
    ran = f"{model or 'model unknown'} {work.scenario}"
    who = submitter or "a submitter that the path does not name"
    files = ", ".join(path.name for path in source.files.values())
    found = [
        Note(
            code="import.source",
            text=f"measured by {who} on {system} for MLPerf Inference, {ran}, and imported from {files}; "
            "the analysis is edgekit's own. MLPerf name: not verified by MLCommons",
        ),
        Note(code="import.clocks", text=clocks.described(apart)),
        Note(
            code="import.rule",
            text=f"the published mean is that of the {inside} samples strictly inside the window; edgekit integrates power over all "
            f"{seconds:.3f} s, its edges included, so that the two differ where power steps at an edge",
        ),
    ]
    expected_s = work.samples / work.rate_hz if work.rate_hz is not None and not work.streams else None
    if work.streams and work.rate_hz is not None and work.queries is not None:
        expected_s = work.queries / work.rate_hz
    if expected_s is not None and abs(expected_s / seconds - 1) > 0.01:
        text = f"the window lasts {seconds:.1f} s, but {work.samples} samples at the published rate take {expected_s:.1f} s"
        found.append(Note(code="import.duration", text=text, advice="look whether a clock was set while it ran"))
    if log.ranging:
        found.append(Note(code="import.ranging", text=f"{log.ranging} samples of the ranging pass are left out: only testing counts"))
    if log.foreign:
        found.append(Note(code="import.lines", text=f"{log.foreign} lines of spl.txt that are no samples are passed over"))
    if bad := sum(not sample.watts[""] > 0 for sample in log.samples):
        text = f"{bad} samples of the total are not above zero, or no numbers, and are left out as the checker does"
        found.append(Note(code="import.samples", text=text))
    if not log.mark.endswith("_testing"):
        found.append(
            Note(
                code="import.mark", text=f"the samples are marked {log.mark or 'not at all'}: whether this is the testing pass is not said"
            )
        )
    if not work.valid:
        found.append(Note(code="import.invalid_result", text="LoadGen itself calls this result INVALID"))
    if work.mode not in ("", "PerformanceOnly"):
        found.append(Note(code="import.mode", text=f"the mode is {work.mode}: only performance runs count for power"))
    if seconds < _LEAST_S:
        found.append(
            Note(code="import.short_windows", text=f"the window of {seconds:.1f} s is shorter than the 60 s that stable power takes")
        )
    return found
