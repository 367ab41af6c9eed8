"""State what things can do: small protocols that drivers implement and flows use. Nothing here acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from edgekit.core.channel import MeterSpec
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Note
from edgekit.core.run import LoadTiming, ProfiledWindow, RunPlan
from edgekit.core.trace import ClockMap, Reading, Trace
from edgekit.core.window import Phase, Window

ReadingSink = Callable[[Sequence[Reading] | Trace], None]
"""Take readings one by one, of any channels, or as a block of one channel, as an instrument of many readings a second delivers."""


class Clock(Protocol):
    """Read and wait on one monotonic clock."""

    @property
    def domain(self) -> str:
        """Return the name of the clock domain."""

    def now_ns(self) -> int:
        """Return the time in nanoseconds."""

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""


class Port(Protocol):
    """Exchange bytes with an instrument."""

    name: str

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return up to `most` bytes as soon as there are any, none after `timeout_s`; raise HardwareError when the instrument is gone."""

    def write(self, data: bytes) -> None:
        """Send all of `data`; raise HardwareError when the instrument is gone."""

    def close(self) -> None:
        """Close; harmless when called twice."""


class Progress(Protocol):
    """Tell the user what goes on. Drawn between measured windows only."""

    def step(self, title: str, total: float | None = None, *, still: bool = False) -> None:
        """Begin a step and end the one before; `total` is its length in any unit, None when unknown.

        In a `still` one something is measured: nothing is drawn but when it is told of.
        """

    def advance(self, done: float, text: str = "") -> None:
        """Report how much of the current step is done, with a few words such as the current estimate."""

    def fail(self) -> None:
        """End the current step, which came to nothing."""

    def note(self, note: Note) -> None:
        """Show one remark."""


class ReadingWatch(Protocol):
    """Hear of what happens to readings while they are made, on whatever thread that is noticed."""

    def note(self, note: Note) -> None:
        """Take a remark: a reading that was refused, a channel that fell silent."""

    def gap(self, start_ns: int, end_ns: int) -> None:
        """Take a stretch of the device's clock in which nothing was read."""

    def failed(self, error: Exception) -> None:
        """Take the reason why no more readings will come."""


class HostMeter(Protocol):
    """Read an instrument that is attached to this host."""

    def spec(self) -> MeterSpec:
        """Return what the instrument delivers."""

    def start(self, sink: ReadingSink, watch: ReadingWatch | None = None) -> None:
        """Begin to deliver readings to `sink`, and tell `watch` what happens to them; raise HardwareError when started twice."""

    def stop(self) -> None:
        """Deliver what is left and end; harmless when not started."""


class TargetMeter(Protocol):
    """Interpret a counter that the runner reads on the device itself."""

    kind: str
    counter: str

    def spec(self, probe: Mapping[str, Any]) -> MeterSpec:
        """Return the spec for what the runner's probe found; raise HardwareError with the remedy when it is not usable."""


class LoadedModel(Protocol):
    """Run one loaded artifact on a device."""

    @property
    def timing(self) -> LoadTiming | None:
        """Return the cold start; None for a model that is never loaded, because it is part of a firmware."""

    @property
    def loaded(self) -> Mapping[str, Any]:
        """Return what took the artifact: engine, engine_version, delegate, threads, and inputs ("samples" or "synthetic").

        `inference` says what one is where it is not `edgekit.core.run.TENSORS`.
        """

    @property
    def pid(self) -> int | None:
        """Return the process that infers, on the device."""

    def run(self, phase: Phase, index: int, *, seconds: float, min_inferences: int) -> Window:
        """Infer for at least `seconds` and `min_inferences`: measured windows at the plan's rate where it has one, else back to back."""

    def profile(self, index: int, *, seconds: float, timeline: str) -> ProfiledWindow:
        """Time each operator in a window of its own; readings of channel `timeline` say when each began, where readings could tell.

        Raise EdgekitError where the engine cannot.
        """

    def close(self) -> None:
        """End the inference process; harmless when called twice."""


class DeviceSession(Protocol):
    """Hold an open connection to a device."""

    def facts(self) -> DeviceFacts:
        """Return what can be read on the device now."""

    def condition(self) -> DeviceFacts:
        """Return the facts that change while a run lasts: cheap enough for a look before and after each window."""

    def probe(self, counters: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return, for each counter name, what the device offers: {"usable": bool, "channels": [...], "why": ..., "do": [...]}."""

    def load(self, artifact: Path, *, samples: Path | None, plan: RunPlan) -> LoadedModel:
        """Load an artifact into its engine; `samples` is the .npz with inputs; raise ModelError or HardwareError."""

    def idle(self, index: int, seconds: float) -> Window:
        """Do nothing for `seconds`; return the idle window."""

    def sample(
        self,
        counters: Sequence[str],
        *,
        hz: float,
        sink: ReadingSink,
        pids: Sequence[int],
        fast: bool = False,
        watch: ReadingWatch | None = None,
    ) -> AbstractContextManager[Mapping[str, float]]:
        """Read counters in a second process while the context is open; the mapping is filled with its own cost at the end.

        `fast` reads at `hz` also where a counter tells nothing new that often. What goes wrong meanwhile is told to `watch` at once, and
        raised at the end.
        """

    def clock_map(self) -> ClockMap:
        """Return the map from the device's clock to this host's."""


class Loadable(Protocol):
    """Drive a load whose every edge is known: what a session offers whose machine can be self-tested."""

    def burn(
        self,
        target: str,
        *,
        seconds: float,
        period_s: float,
        duty: float,
        spread: float = 0.0,
        seed: int = 0,
        threads: int = 0,
        stretches: Sequence[tuple[float, float]] = (),
    ) -> Mapping[str, Any]:
        """Drive a square wave on "cpu" or "cuda"; return {"start_ns", "busy": [from, to, busy for] in ns of each thread, "cpu_s"}.

        `stretches`, as (from, to) in seconds, take the place of the wave.
        """


class Device(Protocol):
    """Reach one machine on which models run."""

    spec: DeviceSpec

    def connect(self) -> AbstractContextManager[DeviceSession]:
        """Open the device; leaving the context ends everything that was started there."""
