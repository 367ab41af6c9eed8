"""Build traces whose energy is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Channel, Measurand
from edgekit.core.quantity import Origin
from edgekit.core.trace import Trace
from edgekit.energy.sensors.counter import CounterSeries, interpolated
from edgekit.energy.windows.window_energy import WindowEnergy


def trace(t_ns: Sequence[int], value: Sequence[float], channel: str = "c", clock: str = "host") -> Trace:
    size = len(t_ns)
    return Trace(
        channel=channel,
        clock=clock,
        t_ns=np.asarray(t_ns, np.int64),
        bracket_ns=np.zeros(size, np.int64),
        value=np.asarray(value, np.float64),
        flags=np.zeros(size, np.uint8),
    )


def counted(trace: Trace, channel: Channel, *, start_ns: int, end_ns: int, max_power_w: float) -> WindowEnergy | None:
    """Return the energy of [start_ns, end_ns] as the analysis takes it from a counter whose updates are not waited for."""
    return interpolated(CounterSeries(trace, channel, max_power_w=max_power_w), start_ns=start_ns, end_ns=end_ns)


def counter(*, scale: float = 1e-6, wrap: int | None = None, quantum: float | None = 1.0, name: str = "c") -> Channel:
    return Channel(
        id=name,
        meter="test",
        boundary=Boundary.CPU_PACKAGE,
        measurand=Measurand.ENERGY_COUNTER,
        unit="J",
        origin=Origin.EMULATED,
        scale=scale,
        wrap=wrap,
        quantum=quantum,
    )
