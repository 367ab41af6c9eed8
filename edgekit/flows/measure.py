"""Measure what one process costs from its start to its end: the training of a model, for instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgekit.core.channel import MeterSpec
from edgekit.core.hardware import DeviceFacts
from edgekit.core.protocols import DeviceSession, Progress, ReadingSink
from edgekit.core.quantity import Quantity, Unknown
from edgekit.core.trace import Reading, single
from edgekit.core.window import Phase, Window
from edgekit.energy.analyse import headline_channel
from edgekit.energy.boundaries.group import analyse_group
from edgekit.energy.boundaries.groups import channel_groups
from edgekit.links.clock import HostClock
from edgekit.metering import Chosen, choose

if TYPE_CHECKING:
    from edgekit.core.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEnergy:
    """Hold the joules of one process at a boundary, its seconds, and the meter behind that figure."""

    energy_j: Quantity
    duration_s: float
    meter: MeterSpec
    facts: DeviceFacts


class ProcessMeter:
    """Read the best meter of a device (or all of those called `meters`) while a process runs there; `result` is set at the end."""

    def __init__(
        self,
        device: Any,
        *,
        meters: Sequence[str] = (),
        progress: Progress,
        hz: float = 20.0,
        choose: Callable[..., Chosen] = choose,
    ) -> None:
        self._device = device
        self._meters = tuple(meters)
        self._progress = progress
        self._hz = hz
        self._choose = choose
        self.result: ProcessEnergy | None = None

    @contextmanager
    def around(self, pid: int) -> Iterator[None]:
        """Measure while the context is open; readings go on a little longer, so that the end lies between two of them."""
        clock = HostClock()
        readings: list[Reading] = []
        with self._device.connect() as session:
            chosen = self._choose(self._meters, device=self._device, session=session)
            for note in (chosen.note, *chosen.notes):
                self._progress.note(note)
            facts = session.facts()
            with _reading(session, chosen, hz=self._hz, sink=lambda read: readings.extend(single(read)), pid=pid):
                clock.sleep(2 / self._hz)
                start_ns = clock.now_ns()
                try:
                    yield
                finally:
                    end_ns = clock.now_ns()
                    clock.sleep(2 / self._hz)
            self.result = _energy(session, readings, chosen, facts, start_ns=start_ns, end_ns=end_ns)


@contextmanager
def _reading(session: DeviceSession, chosen: Chosen, *, hz: float, sink: ReadingSink, pid: int) -> Iterator[None]:
    """Read every meter while the context is open: counters on the device and instruments on this host."""
    with ExitStack() as stack:
        for meter in chosen.hosts:
            stack.callback(meter.stop)
            meter.start(sink)
        if chosen.counters:
            stack.enter_context(session.sample(chosen.counters, hz=hz, sink=sink, pids=[pid]))
        yield


def _energy(
    session: DeviceSession, readings: Sequence[Reading], chosen: Chosen, facts: DeviceFacts, *, start_ns: int, end_ns: int
) -> ProcessEnergy:
    clocks = session.clock_map()
    window = Window(phase=Phase.MEASURE, index=0, clock=clocks.target, start_ns=start_ns, end_ns=end_ns, inferences=1)
    on_host = {channel.id for meter in chosen.hosts for channel in meter.spec().channels}
    traces = _traces(readings, clocks=lambda channel: clocks.target if channel in on_host else clocks.source)
    machine = facts.cpu or "this machine"
    found = [
        (analyse_group(group, spec, windows=[window], idles=[], maps=[clocks], traces=traces, machine=machine), spec)
        for spec in chosen.specs
        for group in channel_groups(spec)
    ]
    best = headline_channel([channel for channel, _ in found])
    energy: Quantity = Unknown(reason="no meter was read", unit="J") if best is None else best.energy_j_per_inference
    meter = next((spec for channel, spec in found if channel is best), chosen.specs[0])
    return ProcessEnergy(energy_j=energy, duration_s=window.duration_s, meter=meter, facts=facts)


def _traces(readings: Sequence[Reading], *, clocks: Callable[[str], str]) -> dict[str, Trace]:
    import numpy as np

    from edgekit.core.trace import Trace

    traces = {}
    for channel in sorted({reading.channel for reading in readings}):
        own = [reading for reading in readings if reading.channel == channel]
        traces[channel] = Trace(
            channel=channel,
            clock=clocks(channel),
            t_ns=np.array([reading.t_ns for reading in own], np.int64),
            bracket_ns=np.array([reading.bracket_ns for reading in own], np.int64),
            value=np.array([reading.value for reading in own], np.float64),
            flags=np.array([reading.flags for reading in own], np.uint8),
        )
    return traces
