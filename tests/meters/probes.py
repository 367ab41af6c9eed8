"""Share what the tests of current probes have in common: PPK2, LPM01A, V3PWR on loads of which the joules are exact.

found, truth = measured(lambda circuit, own, clock: (meter, spec channels), seed)
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from edgekit.core.quantity import Estimate
from edgekit.core.trace import Trace
from edgekit.core.window import Phase, Window
from edgekit.energy.boundaries.group import analyse_group
from edgekit.energy.windows.integrate import Rule, integrate
from edgekit.links.clock import HostClock
from edgekit.links.pty import served
from edgekit.meters.reading.reader import PortMeter
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit, Instrument, OwnClock
from edgekit.sim.load import square
from tests.meters.scripted import Heard, Line, pass_time

Emulate = Callable[[Circuit, OwnClock], Instrument]
Connect = Callable[[Line, ScriptedClock], PortMeter]


def window(start_ns: int, end_ns: int, index: int = 0) -> Window:
    """A measured window with an inference each millisecond."""
    inferences = max(1, (end_ns - start_ns) // 1_000_000)
    return Window(phase=Phase.MEASURE, index=index, clock="sim", start_ns=start_ns, end_ns=end_ns, inferences=inferences)


def measured(emulate: Emulate, connect: Connect, *, seed: int, most_w: float, voltage_v: float) -> tuple[Estimate, float]:
    """Return what five windows of half a second measure of a random load up to `most_w`, and the truth, in joules per inference."""
    draw = random.Random(seed)
    clock, heard = ScriptedClock(), Heard()
    load = square(
        draw.uniform(0.001, 0.03 * most_w),
        draw.uniform(0.1 * most_w, most_w),
        draw.uniform(0.004, 0.02),
        draw.uniform(0.2, 0.8),
        draw.random(),
    )
    circuit = Circuit(power=load, voltage_v=voltage_v, start_ns=clock.now_ns())
    own = OwnClock(offset_ns=draw.randrange(10**12), drift=draw.uniform(-1e-4, 1e-4))
    meter = connect(Line(emulate(circuit, own), clock), clock)
    spec = meter.spec()
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=0.3, step_s=0.1)
    windows = []
    for index in range(5):
        start_ns = clock.now_ns()
        pass_time(clock, seconds=draw.uniform(0.5, 0.6), step_s=0.05)
        windows.append(window(start_ns, clock.now_ns(), index))
        pass_time(clock, seconds=0.05, step_s=0.05)
    meter.stop()
    assert heard.codes == []
    power = spec.channels[0]
    found = analyse_group(
        [power], spec, windows=windows, idles=[], maps=(), traces={power.id: heard.trace(power.id)}, machine="bench"
    ).energy_j_per_inference
    assert isinstance(found, Estimate)
    return found, sum(circuit.energy_j(w.start_ns, w.end_ns) for w in windows) / sum(w.inferences or 0 for w in windows)


def through_a_line(emulate: Emulate, connect: Callable[[str], PortMeter], *, voltage_v: float) -> tuple[Trace, float, float]:
    """Read for seconds through a pseudo-terminal; return (its trace, joules of 1.5 s in the middle, the true ones)."""
    clock, heard = HostClock(), Heard()
    circuit = Circuit(power=square(0.02, 0.1, 0.1, 0.3), voltage_v=voltage_v, start_ns=clock.now_ns())
    with served(emulate(circuit, OwnClock(offset_ns=10**9, drift=3e-5))) as path:
        meter = connect(path)
        meter.start(heard.sink, heard)
        time.sleep(2.6)
        meter.stop()
    assert not heard.errors
    assert heard.codes == []
    trace = heard.trace(f"{meter.kind}.power", clock="host")
    start_ns, end_ns = int(trace.t_ns[0]) + 500_000_000, int(trace.t_ns[0]) + 2_000_000_000
    (whole,) = integrate(trace, [(start_ns, end_ns)], rule=Rule.TRAPEZOID, max_gap_ns=10_000_000)
    return trace, whole.area * voltage_v / 1e9, circuit.energy_j(start_ns, end_ns)
