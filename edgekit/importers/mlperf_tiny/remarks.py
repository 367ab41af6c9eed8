"""State what was published of an energy run, and what has to be said of it."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.quantity import Note
from edgekit.core.run import Published
from edgekit.core.window import Window
from edgekit.importers.base import Source
from edgekit.importers.mlperf_tiny.places import Submission
from edgekit.importers.mlperf_tiny.results import Results

_LEAST_S = 10.0  # the runner's own rule


def published(said: Results | None, source: Source) -> tuple[Published, ...]:
    """Return the medians that the runner printed."""
    if said is None:
        return ()
    name = source.files["results"].name
    found = []
    if said.median_j is not None:
        found.append(Published(name="energy_j_per_inference", value=said.median_j, unit="J", source=f"{name}: Median energy cost"))
    if said.throughput_hz is not None:
        found.append(Published(name="throughput_hz", value=said.throughput_hz, unit="Hz", source=f"{name}: Median throughput"))
    return tuple(found)


def notes(made: Submission, source: Source, said: Results | None, windows: Sequence[Window], *, captures: int) -> tuple[Note, ...]:
    """Return what has to be said of a run: where it comes from, what is not known of it, and what its own runner found wrong."""
    where = " ".join(filter(None, ("MLPerf Tiny", made.round, f"{made.division} division" if made.division else "")))
    who = made.submitter or "a submitter that the path does not name"
    files = ", ".join(path.name for path in source.files.values())
    found = [
        Note(
            code="import.source",
            text=f"measured by {who} on {made.system} for {where}, task {made.task}, and imported from {files}; "
            "the analysis is edgekit's own. MLPerf name: not verified by MLCommons",
        ),
        Note(code="import.model", text="the model file was not published with these files: weights, size and format are unknown"),
    ]
    if not made.division:
        text = f"the path does not say in which division this ran; it is taken for the closed one, where every {made.task} runs one network"
        found.append(Note(code="import.division", text=text))
    if said is None or said.median_j is None:
        found.append(
            Note(code="import.unpublished", text="no results.txt states a median here: there is no published figure to compare with")
        )
    if short := [window for window in windows if window.duration_s < _LEAST_S]:
        text = f"{len(short)} of {len(windows)} windows are shorter than the {_LEAST_S:g} s that the MLPerf Tiny runner asks for"
        found.append(Note(code="import.short_windows", text=text))
    for complaint in said.complaints if said is not None else ():
        found.append(Note(code="import.complaint", text=f"the runner itself said: {complaint}"))
    if captures > 1:
        text = f"{captures} captures are laid one after another, 1 s apart: when each was made is not recorded"
        found.append(Note(code="import.captures", text=text))
    return tuple(found)
