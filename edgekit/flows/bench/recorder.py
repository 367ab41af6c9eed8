"""Save everything the moment it is known: windows and facts to the journal, readings to the trace streams."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.core.trace import Reading
from edgekit.core.window import Window
from edgekit.store.journal import Journal, Placed, SessionHeader
from edgekit.store.traces import TraceWriter


class Recorder:
    """Write one session's journal and traces. Readings may arrive on other threads; their failure surfaces in `check`."""

    def __init__(self, folder: Path, *, clocks: Mapping[str, str]) -> None:
        self._journal = Journal(folder)
        self._traces = TraceWriter(folder / "traces", clocks)
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self.readings = 0

    def header(self, header: SessionHeader) -> None:
        """Record what is known before the first window."""
        self._journal.write("header", header)

    def event(self, kind: str, value: Any) -> None:
        """Record one event."""
        self._journal.write(kind, value)

    def window(self, window: Window, artifact: int | None) -> None:
        """Record one window, of one artifact or of all (None)."""
        self._journal.write("window", Placed(artifact=artifact, window=window))

    def sink(self, readings: Sequence[Reading]) -> None:
        """Save raw readings; a failure is kept for `check`, because the caller may be another thread."""
        if self._failure is not None or not readings:
            return
        with self._lock:
            try:
                self._traces.append(readings)
                self.readings += len(readings)
            except Exception as error:
                self._failure = error

    def check(self) -> None:
        """Raise the failure that a reading met on its way to the disk, if any."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Close both files."""
        with self._lock:
            self._traces.close()
        self._journal.close()
