"""Replay the raw trace of an earlier run as if its meter were attached now. Its readings keep the origin they were captured with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgekit.core.channel import MeterSpec
from edgekit.core.errors import HardwareError
from edgekit.core.protocols import ReadingSink, ReadingWatch
from edgekit.core.trace import Reading
from edgekit.sim.clock import ScriptedClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.core.trace import Trace


class ReplayMeter:
    """Deliver the stored readings of one meter on a scripted clock, `shift_ns` after they were made; beyond the last there are none."""

    kind = "replay"

    def __init__(self, *, spec: MeterSpec, traces: Mapping[str, Trace], clock: ScriptedClock, shift_ns: int) -> None:
        self._spec = spec
        wanted = {channel.id for channel in self._spec.channels}
        self._readings = sorted(
            (int(t), channel, int(bracket), float(value), int(flags))
            for channel, trace in traces.items()
            if channel in wanted
            for t, bracket, value, flags in zip(trace.t_ns, trace.bracket_ns, trace.value, trace.flags, strict=True)
        )
        self._clock = clock
        self._shift_ns = shift_ns
        self._unsubscribe: Callable[[], None] | None = None

    def spec(self) -> MeterSpec:
        """Return the spec of the meter that made the recording."""
        return self._spec

    def start(self, sink: ReadingSink, watch: ReadingWatch | None = None) -> None:
        """Begin to deliver as the clock advances; raise HardwareError when already started."""
        if self._unsubscribe is not None:
            raise HardwareError("meter replay is already started", code="meter.started_twice")
        position = 0
        shift_ns = self._shift_ns

        def deliver(_from_ns: int, to_ns: int) -> None:
            nonlocal position
            batch = []
            while position < len(self._readings) and self._readings[position][0] + shift_ns <= to_ns:
                t, channel, bracket, value, flags = self._readings[position]
                batch.append(Reading(channel=channel, t_ns=t + shift_ns, bracket_ns=bracket, value=value, flags=flags))
                position += 1
            sink(batch)

        self._unsubscribe = self._clock.subscribe(deliver)
        deliver(0, self._clock.now_ns())

    def stop(self) -> None:
        """End; harmless when not started."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
