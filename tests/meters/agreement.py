"""Hold a meter's figure against the true joules: driver and emulator on a scripted clock, then the analysis that a benchmark makes.

    idle 2 W | window: a burst for each inference | idle | window | idle

A run agrees when the interval it states holds the true joules per inference of its windows.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from edgekit.core.channel import Measurand
from edgekit.core.protocols import HostMeter
from edgekit.core.quantity import Quantity
from edgekit.core.window import Phase, Window
from edgekit.energy.boundaries.group import analyse_group
from edgekit.energy.boundaries.groups import channel_groups
from edgekit.energy.sensors.product import multiplied
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.curve import Curve
from edgekit.sim.emulators.instrument import Circuit, Instrument, OwnClock
from edgekit.sim.load import steps
from tests.meters.scripted import Heard, Line, most_misses, pass_time

Build = Callable[[Circuit, OwnClock, int], Instrument]
Connect = Callable[[Line, ScriptedClock], HostMeter]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Hold what one run states (joules per inference) and what was true, by the kind of channel it rests on."""

    stated: dict[Measurand, Quantity]
    true_j: float

    def holds(self, measurand: Measurand) -> bool:
        """Return whether the stated interval holds the truth."""
        found = self.stated[measurand]
        assert found.value is not None, found
        return found.low <= self.true_j <= found.high

    def width_rel(self, measurand: Measurand) -> float:
        """Return the half-width of the interval, relative to the truth."""
        found = self.stated[measurand]
        assert found.value is not None, found
        return (found.high - found.low) / 2 / self.true_j


def run(build: Build, connect: Connect, *, seed: int, window_s: float, windows: int = 3, step_s: float = 0.02, lead_s: float = 5.0) -> Run:
    """Measure one random load once; the instrument's clock is up to a second and 50 ppm off."""
    draw = random.Random(seed)
    edges = [lead_s + draw.random()]
    while len(edges) < windows:  # a benchmark's windows do not begin at equal distances either
        edges.append(edges[-1] + window_s + lead_s + draw.random())
    end_s = edges[-1] + window_s + lead_s
    clock = ScriptedClock()
    start_ns = clock.now_ns()
    period_s = draw.uniform(0.05, 0.5)
    inferences = round(window_s / period_s)
    circuit = Circuit(power=_bursts(draw, edges, window_s, period_s), voltage_v=5.1, start_ns=start_ns)
    line = Line(
        build(circuit, OwnClock(offset_ns=draw.randrange(10**9), drift=draw.uniform(-5e-5, 5e-5)), seed), clock, latency_ns=1_000_000
    )
    meter, heard = connect(line, clock), Heard()
    spec = meter.spec()
    late_s = (clock.now_ns() - start_ns) / 1e9  # a greeting takes time, and the windows must lie after it
    assert late_s < lead_s - 1, late_s
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=end_s - late_s, step_s=step_s)
    meter.stop()
    assert not heard.errors
    made = [_window(Phase.MEASURE, place, start_ns, edge, window_s, inferences) for place, edge in enumerate(edges)]
    idles = [
        _window(Phase.IDLE, place, start_ns, edge - 0.6 * lead_s, 0.5 * lead_s)
        for place, edge in enumerate((edges[0], end_s - 0.2 * lead_s))
    ]
    spec, traces = multiplied(spec, {channel.id: heard.trace(channel.id) for channel in spec.channels})
    groups = [*channel_groups(spec), *([c] for c in spec.channels if c.measurand is Measurand.POWER)]
    stated = {
        group[0].measurand: analyse_group(
            group, spec, windows=made, idles=idles, maps=(), traces=traces, machine="test"
        ).energy_j_per_inference
        for group in groups
    }
    true_j = sum(circuit.energy_j(window.start_ns, window.end_ns) for window in made) / (inferences * windows)
    return Run(stated=stated, true_j=true_j)


def require_agreement(make: Callable[[int], Run], measurands: Sequence[Measurand], *, seeds: int, usual_rel: float) -> None:
    """Run seeds 0..: fewer than one in a thousand correct instruments would miss this often (95 %, one-sided binomial).

    `usual_rel` bounds the median width: some loads keep step with a meter that samples, and their intervals say that nobody knows more.
    """
    runs = [make(seed) for seed in range(seeds)]
    for measurand in measurands:
        missed = [seed for seed, found in enumerate(runs) if not found.holds(measurand)]
        assert len(missed) <= most_misses(seeds), (measurand, missed)
        usual = median(found.width_rel(measurand) for found in runs)
        assert usual <= usual_rel, (measurand, usual)


def _bursts(draw: random.Random, edges: Sequence[float], window_s: float, period_s: float) -> Curve:
    """Draw one burst for each inference, at a phase of its own in each window."""
    changes, high_w, duty = [(0.0, 2.0)], draw.uniform(3.0, 7.0), draw.uniform(0.2, 0.8)
    for edge in edges:
        changes.append((edge, 3.0))
        t = edge + period_s * draw.random()
        while t + duty * period_s < edge + window_s:
            changes += [(t, high_w), (t + duty * period_s, 3.0)]
            t += period_s
        changes.append((edge + window_s, 2.0))
    return steps(changes)


def _window(phase: Phase, index: int, start_ns: int, at_s: float, seconds: float, inferences: int | None = None) -> Window:
    begin = start_ns + round(at_s * 1e9)
    return Window(phase=phase, index=index, clock="sim", start_ns=begin, end_ns=begin + round(seconds * 1e9), inferences=inferences)
