"""Load each artifact anew, in a process of its own and while the meters are read: what a cold start costs, apart from the windows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from edgekit.core.errors import EdgekitError
from edgekit.core.protocols import DeviceSession, LoadedModel, Progress
from edgekit.core.quantity import Note
from edgekit.core.run import LoadTiming
from edgekit.core.window import Phase, Window
from edgekit.flows.bench.plan import SETTLE_S
from edgekit.flows.bench.recorder import Recorder

Reload = Callable[[int], LoadedModel]


def start_cold(
    artifact: int, name: str, *, starts: int, reload: Reload, session: DeviceSession, recorder: Recorder, progress: Progress
) -> None:
    """Load an artifact `starts` times and record each load and first inference; where it cannot be, the run goes on with a note."""
    clock = session.clock_map().source
    for index in range(starts):
        session.idle(-1, SETTLE_S)  # the next one begins at rest, and its edges lie between readings
        try:
            with contextlib.closing(reload(artifact)) as model:
                windows = windows_of(model.timing, index, clock) if model.timing is not None else ()
        except EdgekitError as error:
            note = Note(code=error.code, text=f"no cold start of {name}: {error}", advice=error.do[0][0].rstrip(":") if error.do else None)
            recorder.event("note", note)
            progress.note(note)
            return
        for window in windows:
            recorder.window(window, artifact)
        recorder.check()


def windows_of(timing: LoadTiming, index: int, clock: str) -> Sequence[Window]:
    """Return the windows of one cold start on the device's clock; none where the device does not say when it was."""
    spans = (
        (Phase.LOAD, timing.load_start_ns, timing.load_s),
        (Phase.FIRST, timing.first_start_ns, timing.first_inference_s),
    )
    return [
        Window(phase=phase, index=index, clock=clock, start_ns=start_ns, end_ns=start_ns + max(1, round(1e9 * seconds)), inferences=1)
        for phase, start_ns, seconds in spans
        if start_ns is not None
    ]
