"""Conduct a self-test: every effect of the flow but storing is in here."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, cast

from edgekit.core.calibration import Stretch
from edgekit.core.errors import HardwareError
from edgekit.core.protocols import DeviceSession, Loadable, Progress
from edgekit.core.quantity import Note
from edgekit.core.trace import Reading, Trace, single
from edgekit.energy.clocks.marker import busy_spans
from edgekit.flows.selftest.plan import Step
from edgekit.metering import Chosen, begin

if TYPE_CHECKING:
    from edgekit.core.trace import Trace

_WARM_UP_S = 0.5
_SETTLE_S = 0.3  # readings begin and end this long before and after the steps
_TITLES = {
    "idle": "idle",
    "random": "load at random",
    "steady": "steady load",
    "sweep": "square wave of {:.3g} ms",
    "marker": "marker load",
}


class Readings:
    """Collect readings by channel. They may arrive on other threads."""

    def __init__(self) -> None:
        self._columns: dict[str, tuple[array[int], array[int], array[float], array[int]]] = {}
        self._lock = threading.Lock()

    def sink(self, readings: Sequence[Reading] | Trace) -> None:
        """Take a batch."""
        with self._lock:
            for reading in single(readings):
                t, bracket, value, flags = self._columns.setdefault(reading.channel, (array("q"), array("q"), array("d"), array("B")))
                t.append(reading.t_ns)
                bracket.append(reading.bracket_ns)
                value.append(reading.value)
                flags.append(reading.flags)

    def traces(self, clock: str) -> dict[str, Trace]:
        """Return what was collected until now."""
        import numpy as np

        from edgekit.core.trace import Trace

        with self._lock:
            return {
                channel: Trace(
                    channel=channel,
                    clock=clock,
                    t_ns=np.array(t, np.int64),
                    bracket_ns=np.array(bracket, np.int64),
                    value=np.array(value, np.float64),
                    flags=np.array(flags, np.uint8),
                )
                for channel, (t, bracket, value, flags) in self._columns.items()
            }


class Conductor:
    """Run steps while the instrument is read; `stretches` and `busy` (rows of each thread) tell afterwards what happened when."""

    def __init__(self, session: DeviceSession, chosen: Chosen, *, target: str | None, threads: int, seed: int, progress: Progress) -> None:
        self._session = session
        self._chosen = chosen
        self._target = target
        self._threads = threads
        self._seed = seed
        self._progress = progress
        self.readings = Readings()
        self.stretches: list[Stretch] = []
        self.busy: list[list[Sequence[int]]] = []
        self._failure: Exception | None = None

    def warm_up(self) -> Note | None:
        """Drive the load for a moment; return why there is none where it cannot be driven."""
        if self._target is None:
            return None
        if not hasattr(self._session, "burn"):
            return Note(code="selftest.no_load", text="this device cannot be loaded: only what an idle machine shows is found out")
        try:
            self._burn(Step(load="steady", seconds=_WARM_UP_S))
        except HardwareError as error:
            text = f"{error.what} ({error.why}): only what an idle machine shows is found out"
            return Note(code="selftest.no_load", text=text, advice="install torch for CUDA, or drive another load: --load cpu")
        return None

    def conduct(self, steps: Sequence[Step], *, hz: float, clock: str) -> Mapping[str, Trace]:
        """Run `steps` while reading at `hz`; return the traces of everything read until now."""
        with self._reading(hz):
            self._session.idle(-1, _SETTLE_S)
            for step in steps:
                title = _TITLES[step.load].format(step.period_s * 1e3)
                self._progress.step(f"{title} for {step.seconds:.3g} s", step.seconds, still=True)
                self._one(step)
                self._progress.advance(step.seconds)
            self._session.idle(-1, _SETTLE_S)
            if self._failure is not None:
                raise self._failure
        return self.readings.traces(clock)

    def note(self, note: Note) -> None:
        """Show a remark about the readings."""
        self._progress.note(note)

    def gap(self, start_ns: int, end_ns: int) -> None:
        """Take a stretch without readings: what comes after it says so itself."""

    def failed(self, error: Exception) -> None:
        """Keep the reason why no more readings come."""
        self._failure = error

    def _one(self, step: Step) -> None:
        if step.load == "idle":
            window = self._session.idle(len(self.stretches), step.seconds)
            self.stretches.append(Stretch(load=step.load, start_ns=window.start_ns, end_ns=window.end_ns))
            return
        start_ns, busy = self._burn(step)
        self.stretches.append(Stretch(load=step.load, start_ns=start_ns, end_ns=start_ns + int(step.seconds * 1e9)))
        self.busy += [[] for _ in range(len(busy) - len(self.busy))]
        for own, rows in zip(self.busy, busy, strict=True):
            own.extend(rows)

    def _burn(self, step: Step) -> tuple[int, list[list[Sequence[int]]]]:
        named = {"stretches": busy_spans(step.period_s)} if step.load == "marker" else {}
        reply = cast("Loadable", self._session).burn(
            str(self._target),
            seconds=step.seconds,
            period_s=step.period_s,
            duty=step.duty,
            spread=step.spread,
            seed=self._seed + len(self.stretches),
            threads=self._threads,
            **named,
        )
        return int(reply["start_ns"]), [list(rows) for rows in reply["busy"]]

    @contextmanager
    def _reading(self, hz: float) -> Iterator[None]:
        with ExitStack() as stack:
            for meter in self._chosen.hosts:
                stack.callback(meter.stop)
                if hasattr(meter, "fast"):
                    meter.fast = True
                begin(meter, self.readings.sink, self)
            if self._chosen.counters:
                stack.enter_context(self._session.sample(self._chosen.counters, hz=hz, sink=self.readings.sink, pids=[], fast=True))
            yield
