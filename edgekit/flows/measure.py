"""Measure what one process costs from its start to its end: the training of a model, for instance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgekit.core.channel import MeterSpec
from edgekit.core.hardware import DeviceFacts
from edgekit.core.protocols import DeviceSession, Progress
from edgekit.core.quantity import Quantity, Unknown
from edgekit.core.trace import Reading
from edgekit.core.window import Phase, Window
from edgekit.energy.analyse import channel_groups, headline_channel
from edgekit.energy.group import analyse_group
from edgekit.links.clock import HostClock
from edgekit.metering import choose

if TYPE_CHECKING:
    from edgekit.core.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEnergy:
    """Hold the joules of one process at a boundary, its seconds, and what it was measured with."""

    energy_j: Quantity
    duration_s: float
    meter: MeterSpec
    facts: DeviceFacts


class ProcessMeter:
    """Read the best meter of a device (or those called `meters`) while a process runs there; `result` is set at the end."""

    def __init__(self, device: Any, *, meters: Sequence[str] = (), progress: Progress, hz: float = 20.0) -> None:
        self._device = device
        self._meters = tuple(meters)
        self._progress = progress
        self._hz = hz
        self.result: ProcessEnergy | None = None

    @contextmanager
    def around(self, pid: int) -> Iterator[None]:
        """Measure while the context is open; readings go on a little longer, so that the end lies between two of them."""
        clock = HostClock()
        readings: list[Reading] = []
        with self._device.connect() as session:
            chosen = choose(self._meters, device=self._device, session=session)
            self._progress.note(chosen.note)
            facts = session.facts()
            with session.sample(chosen.counters, hz=self._hz, sink=readings.extend, pids=[pid]):
                clock.sleep(2 / self._hz)
                start_ns = clock.now_ns()
                try:
                    yield
                finally:
                    end_ns = clock.now_ns()
                    clock.sleep(2 / self._hz)
            self.result = _energy(session, readings, chosen.specs, facts, start_ns=start_ns, end_ns=end_ns)


def _energy(
    session: DeviceSession, readings: Sequence[Reading], specs: Sequence[MeterSpec], facts: DeviceFacts, *, start_ns: int, end_ns: int
) -> ProcessEnergy:
    clocks = session.clock_map()
    window = Window(phase=Phase.MEASURE, index=0, clock=clocks.target, start_ns=start_ns, end_ns=end_ns, inferences=1)
    traces = _traces(readings, clock=clocks.source)
    channels = [
        analyse_group(group, spec, windows=[window], idles=[], maps=[clocks], traces=traces, machine=facts.cpu or "this machine")
        for spec in specs
        for group in channel_groups(spec)
    ]
    best = headline_channel(channels)
    energy: Quantity = Unknown(reason="no meter was read", unit="J") if best is None else best.energy_j_per_inference
    return ProcessEnergy(energy_j=energy, duration_s=window.duration_s, meter=specs[0], facts=facts)


def _traces(readings: Sequence[Reading], *, clock: str) -> dict[str, Trace]:
    import numpy as np

    from edgekit.core.trace import Trace

    traces = {}
    for channel in sorted({reading.channel for reading in readings}):
        own = [reading for reading in readings if reading.channel == channel]
        traces[channel] = Trace(
            channel=channel,
            clock=clock,
            t_ns=np.array([reading.t_ns for reading in own], np.int64),
            bracket_ns=np.array([reading.bracket_ns for reading in own], np.int64),
            value=np.array([reading.value for reading in own], np.float64),
            flags=np.array([reading.flags for reading in own], np.uint8),
        )
    return traces
