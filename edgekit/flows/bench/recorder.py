"""Save everything the moment it is known: windows and facts to the journal, readings to the trace streams."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.core.protocols import ReadingSink
from edgekit.core.quantity import Note
from edgekit.core.trace import Reading, Trace
from edgekit.core.window import Window
from edgekit.store.journal import Journal, Placed, SessionHeader
from edgekit.store.traces import TraceWriter


class Recorder:
    """Write one session's journal and traces, and show every reading to `tap` too.

    Readings, remarks and the end of them may come on other threads; what went wrong there surfaces in `check`.
    """

    def __init__(self, folder: Path, *, clocks: Mapping[str, str], tap: ReadingSink | None = None) -> None:
        self._journal = Journal(folder)
        self._traces = TraceWriter(folder / "traces", clocks)
        self._tap = tap
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._unwritable = False
        self.readings = 0

    def header(self, header: SessionHeader) -> None:
        """Record what is known before the first window."""
        self.event("header", header)

    def event(self, kind: str, value: Any) -> None:
        """Record one event."""
        with self._lock:
            self._journal.write(kind, value)

    def window(self, window: Window, artifact: int | None) -> None:
        """Record one window, of one artifact or of all (None)."""
        self.event("window", Placed(artifact=artifact, window=window))

    def sink(self, readings: Sequence[Reading] | Trace) -> None:
        """Save raw readings; a failure is kept for `check`, because the caller may be another thread."""
        if self._unwritable or not len(readings):  # after a meter was lost, what it read before is still under way
            return
        with self._lock:
            try:
                self._traces.append(readings)
                self.readings += len(readings)
            except Exception as error:
                self._failure, self._unwritable = self._failure or error, True
        if self._tap is not None:
            self._tap(readings)

    def note(self, note: Note) -> None:
        """Record a remark about the readings."""
        self._heard("note", note)

    def gap(self, start_ns: int, end_ns: int) -> None:
        """Record a stretch of the device's clock in which nothing was read."""
        self._heard("gap", {"start_ns": start_ns, "end_ns": end_ns})

    def on_host(self, clock: str) -> HostWatch:
        """Return what hears of an instrument on this host, whose gaps are stretches of another clock than the device's."""
        return HostWatch(self, clock)

    def host_gap(self, start_ns: int, end_ns: int, clock: str) -> None:
        """Record a stretch of `clock` in which an instrument on this host read nothing."""
        self._heard("gap", {"start_ns": start_ns, "end_ns": end_ns, "clock": clock})

    def _heard(self, kind: str, value: Any) -> None:
        try:
            self.event(kind, value)
        except Exception as error:
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Keep the reason why no more readings come, for `check`."""
        self._failure = self._failure or error

    def check(self) -> None:
        """Raise what ended the readings, or kept them from the disk, if anything did."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Close both files."""
        with self._lock:
            try:
                self._traces.close()
            finally:
                self._journal.close()


class HostWatch:
    """Pass on what an instrument on this host tells, its gaps with the clock that dates them."""

    def __init__(self, recorder: Recorder, clock: str) -> None:
        self._recorder, self._clock = recorder, clock

    def note(self, note: Note) -> None:
        """Record a remark."""
        self._recorder.note(note)

    def gap(self, start_ns: int, end_ns: int) -> None:
        """Record a stretch in which nothing was read."""
        self._recorder.host_gap(start_ns, end_ns, self._clock)

    def failed(self, error: Exception) -> None:
        """Keep the reason why no more readings come."""
        self._recorder.failed(error)
