"""State what MLPerf's own rules make of the logs, and what has to be said of them."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.quantity import Note
from edgekit.core.run import Published
from edgekit.importers.base import Source
from edgekit.importers.ptdaemon import clocks, spl
from edgekit.importers.ptdaemon.clocks import ClockDifference
from edgekit.importers.ptdaemon.loadgen import Work
from edgekit.importers.ptdaemon.spl import Log

_LEAST_S = 60.0
_RULE = "mean of the samples strictly inside the window, as the MLPerf checker takes it"


def published(log: Log, work: Work, apart: ClockDifference) -> tuple[Published, ...]:
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


def notes(source: Source, log: Log, work: Work, apart: ClockDifference, *, system: str, submitter: str, model: str) -> Sequence[Note]:
    """Return what has to be said of a run: where it comes from, how its clocks were joined, by which rule it is published, what is odd."""
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
            text="the published mean is that of the samples strictly inside the window; edgekit integrates power over all of it, its "
            "edges included, so that the two differ where power steps at an edge",
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
