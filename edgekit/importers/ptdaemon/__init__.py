"""Import power logs of MLPerf Inference submissions: the analyser's samples, LoadGen's window, and the work done in it."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import ClassVar

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.errors import missing_file
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Origin
from edgekit.core.run import RunPlan
from edgekit.core.trace import FLAG_INVALID, ClockMap, Trace
from edgekit.core.window import Phase, Window
from edgekit.importers.base import Hints, Recording, Source, Subject, digest, incomplete, label, nothing, unseen_artifact
from edgekit.importers.ptdaemon import analyser, clocks, loadgen, spl
from edgekit.importers.ptdaemon.remarks import notes, published
from edgekit.importers.ptdaemon.spl import Log

_METER, _BENCHMARK = "ptdaemon", "loadgen"
_FILES = {"spl": "spl.txt", "detail": "mlperf_log_detail.txt", "summary": "mlperf_log_summary.txt"}
_MODELS = re.compile(
    r"(resnet50|resnet|retinanet|bert-?99(?:\.9)?|rnnt|3d-?unet[-\w.]*|gptj[-\w.]*|llama[-\w.]*|dlrm[-\w.]*|mixtral[-\w.]*)"
)
_UNKNOWN = "the files do not say; of an imported run only its logs are known"


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
            published=published(log, work, apart),
            notes=tuple(notes(source, log, work, apart, system=system, submitter=submitter, model=model)),
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
