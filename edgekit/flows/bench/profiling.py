"""Time the operators of each artifact once all measured windows are over: profiling costs time, so it is done apart from them."""

from __future__ import annotations

from edgekit.core.errors import EdgekitError
from edgekit.core.protocols import LoadedModel, Progress
from edgekit.core.quantity import Note
from edgekit.flows.bench.recorder import Recorder


def timeline_channel(artifact: int) -> str:
    """Return the id of the trace that says when which operator of an artifact began."""
    return f"operators.{artifact}"


def profile_one(model: LoadedModel, name: str, artifact: int, *, seconds: float, recorder: Recorder, progress: Progress) -> None:
    """Profile one artifact and record it; where its engine cannot, or does not survive it, the run goes on with a note that says why."""
    try:
        found = model.profile(0, seconds=seconds, timeline=timeline_channel(artifact))
    except EdgekitError as error:
        note = Note(code=error.code, text=f"no operators of {name}: {error}", advice=error.do[0][0].rstrip(":") if error.do else None)
        recorder.event("note", note)
        progress.note(note)
        return
    recorder.sink(found.timeline)
    recorder.window(found.window, artifact)
    recorder.event("profile", {"artifact": artifact, "profile": found.profile})
    recorder.check()
