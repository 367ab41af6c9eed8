"""Measure regions on an emulated plant in scripted time: a counter that ticks like RAPL or NVML, and a program that draws known power."""

from __future__ import annotations

import random
from collections.abc import Callable

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.region.instrument import Instrument, Rig
from edgekit.region.measure import Measured
from edgekit.region.watch import Watch
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.plant import Plant

RAPL_UNIT_NJ, RAPL_WRAP = 61_035, 262_143_328_911
IDLE_W = 20.0


class Counter:
    """Show the plant's energy as it was at the last of its jittered ticks, in whole units, wrapping."""

    def __init__(
        self, scene: Scene, *, tick_ns: float, scale: float, unit_j: float, wrap: int | None = None, start: int = 0, cost_ns: int = 2_000
    ) -> None:
        self.scene, self.scale, self.unit_j, self.wrap, self.start, self.cost_ns = scene, scale, unit_j, wrap, start, cost_ns
        self.offset_j = 0.0
        self.broken: Exception | None = None
        self._tick_ns, self._phase = tick_ns, scene.random.randrange(1 << 32)

    def _tick(self, number: int) -> float:
        """Return when a tick happens: up to 3 % of the period off its schedule."""
        return (number + ((number * 2_654_435_761 + self._phase) % 1009 / 1009 - 0.5) * 0.06) * self._tick_ns

    def read(self) -> float:
        scene = self.scene
        scene.clock.advance(self.cost_ns // 2)
        if self.broken is not None:
            raise self.broken
        now_ns = scene.clock.now_ns()
        number = int(now_ns / self._tick_ns) + 1
        at = next(round(self._tick(tick)) for tick in range(number, number - 4, -1) if self._tick(tick) <= now_ns)
        units = int((scene.plant.energy_j(0, at) - self.offset_j) / self.unit_j)
        raw = self.start + int(units * self.unit_j / self.scale)
        preempted = scene.random.random() < 0.001
        scene.clock.advance(self.cost_ns // 2 + (300_000 if preempted else 0))
        return raw if self.wrap is None else raw % self.wrap

    def reset(self) -> None:
        """Start again at zero, as after a reload of the driver."""
        self.offset_j, self.start = self.scene.plant.energy_j(0, self.scene.clock.now_ns()), 0


class Scene:
    """Hold one scripted machine."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.clock = ScriptedClock(start_ns=0)
        self.plant = Plant(IDLE_W)
        self.watch = Watch(self.clock, threaded=False)
        self.clock.advance(self.random.randrange(50_000_000, 400_000_000))
        self.counter = self.rapl()

    def rapl(self, start: int = 1_000_000) -> Counter:
        return Counter(self, tick_ns=1e6, scale=1e-6, unit_j=RAPL_UNIT_NJ * 1e-9, wrap=RAPL_WRAP, start=start)

    def nvml(self) -> Counter:
        return Counter(self, tick_ns=1e8, scale=1e-3, unit_j=1e-3)

    def work(self, seconds: float, watts: float) -> None:
        """Draw `watts` for a while, then idle."""
        self.plant.set_power(watts, self.clock.now_ns())
        self.clock.sleep(seconds)
        self.plant.set_power(IDLE_W, self.clock.now_ns())

    def burst(self, seconds: float, watts: float) -> None:
        """Draw `watts` and leave the power as it is: the next iteration follows back to back."""
        self.plant.set_power(watts, self.clock.now_ns())
        self.clock.sleep(seconds)

    def rig(self, counter: Counter | None = None, *, kind: str = "rapl", sampled_fraction: float | None = 1.0) -> Rig:
        counter = counter or self.counter
        channel = Channel(
            id=f"{kind}.place",
            meter=kind,
            boundary=Boundary.CPU_PACKAGE if kind == "rapl" else Boundary.GPU_BOARD,
            measurand=Measurand.ENERGY_COUNTER,
            unit="J",
            origin=Origin.EMULATED,
            scale=counter.scale,
            quantum=counter.unit_j / counter.scale,
            wrap=counter.wrap,
            update_period_s=1e-3 if kind == "rapl" else 0.1,
            sampled_fraction=sampled_fraction,
        )
        spec = MeterSpec(kind=kind, channels=(channel,), accuracy=Accuracy(source="exact", gain_rel=0.0), max_power_w=2000.0)
        return self.rig_of(spec, {channel.id: counter.read})

    def rig_reading(self, read: Callable[[], float]) -> Rig:
        """Return a rig like `rig()` whose one counter reads whatever `read` returns."""
        return self.rig_of(self.rig().instruments[0].spec, {"rapl.place": lambda: self.clock.advance(2_000) or read()})

    def power_rig(self, *, momentary: bool = False) -> Rig:
        """Return a rig with a meter that has no counter: watts at the moment, 20 times a second."""
        channel = Channel(
            id="power.place",
            meter="power",
            boundary=Boundary.USB_INPUT,
            measurand=Measurand.POWER,
            unit="W",
            origin=Origin.EMULATED,
            sampled_fraction=None if momentary else 1.0,
            update_period_s=0.05 if momentary else 0.1,
        )
        spec = MeterSpec(
            kind="power", channels=(channel,), accuracy=Accuracy(source="exact", gain_rel=0.0), nominal_hz=10.0, integrating=not momentary
        )
        return self.rig_of(spec, {channel.id: lambda: self.plant.power_w(self.clock.now_ns())})

    def rig_of(self, spec: MeterSpec, read: dict[str, Callable[[], float]]) -> Rig:
        return Rig(clock=self.clock, instruments=[Instrument(spec=spec, readers=list(read.items()))], watch=self.watch)

    def region(self, rig: Rig | None = None, *, align: bool = False, **options: object) -> Measured:
        rig = rig or self.rig()
        return Measured("work", rig=lambda: rig, align=align, **options)  # type: ignore[arg-type]

    def truth(self, region: Measured) -> float:
        """Return the exact energy between the edges of a region."""
        span = region._span
        assert span is not None
        assert span.end_ns is not None
        return self.plant.energy_j(span.start_ns, span.end_ns)
