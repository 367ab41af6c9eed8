"""Read the emulated plant exactly: an energy counter without error, for rehearsal, documentation and tests."""

from __future__ import annotations

from collections.abc import Callable

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.errors import HardwareError
from edgekit.core.protocols import ReadingSink, ReadingWatch
from edgekit.core.quantity import Origin
from edgekit.core.trace import Reading
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.plant import Plant

_PERIOD_NS = 10_000_000


class SimMeter:
    """Deliver the plant's exact energy every 10 ms of scripted time, and at every moment at which the script stops."""

    kind = "sim"

    def __init__(self, *, plant: Plant, clock: ScriptedClock) -> None:
        self._plant = plant
        self._clock = clock
        self._origin_ns = clock.now_ns()
        self._unsubscribe: Callable[[], None] | None = None

    def spec(self) -> MeterSpec:
        """Return the spec of the one exact channel."""
        channel = Channel(
            id="sim",
            meter=self.kind,
            boundary=Boundary.USB_INPUT,
            measurand=Measurand.ENERGY_COUNTER,
            unit="J",
            origin=Origin.EMULATED,
            sampled_fraction=1.0,
        )
        return MeterSpec(
            kind=self.kind, channels=(channel,), accuracy=Accuracy(source="exact by construction", gain_rel=0.0), nominal_hz=100.0
        )

    def start(self, sink: ReadingSink, watch: ReadingWatch | None = None) -> None:
        """Begin to tick with the clock; raise HardwareError when already started."""
        if self._unsubscribe is not None:
            raise HardwareError("meter sim is already started", code="meter.started_twice")

        def tick(from_ns: int, to_ns: int) -> None:
            first = (from_ns // _PERIOD_NS + 1) * _PERIOD_NS
            sink([self._read(t) for t in (*range(first, to_ns, _PERIOD_NS), to_ns)])

        self._unsubscribe = self._clock.subscribe(tick)
        sink([self._read(self._clock.now_ns())])

    def stop(self) -> None:
        """End; harmless when not started."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _read(self, t_ns: int) -> Reading:
        return Reading(channel="sim", t_ns=t_ns, bracket_ns=0, value=self._plant.energy_j(self._origin_ns, t_ns))
