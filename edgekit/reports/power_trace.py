"""Take from a run's raw readings what a report draws of them: few points, and the windows they lie in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Origin
from edgekit.core.run import RunRecord
from edgekit.core.window import Phase
from edgekit.energy.clocks.clock import clock_line
from edgekit.energy.sensors.product import multiplied
from edgekit.energy.thin import thinned

if TYPE_CHECKING:
    from edgekit.core.trace import ChunkedTrace, Trace

MOST = 1_000  # of a run; a report draws two


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceWindow:
    """Hold one window of a trace, in seconds since the trace's first point; `left_out` where the analysis does not use it."""

    phase: Phase
    start_s: float
    end_s: float
    left_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTrace:
    """Hold the power of one run over time for drawing: `t_s` from the first point, `watts` at `boundary`, thinned from `readings`."""

    run: str
    channel: str
    boundary: Boundary
    origin: Origin
    readings: int
    counter: bool
    t_s: tuple[float, ...]
    watts: tuple[float, ...]
    windows: tuple[TraceWindow, ...]


def power_trace(record: RunRecord, traces: Mapping[str, Trace | ChunkedTrace], *, most: int = MOST) -> PowerTrace | None:
    """Return the power of the run's headline channel; None where it has no single channel of power or energy, or no readings of it."""
    name = record.analysis.channel if record.analysis is not None else None
    for spec in record.meters:
        made, known = multiplied(spec, traces)
        channel = next((item for item in made.channels if item.id == name), None)
        if channel is None or channel.id not in known:
            continue
        trace = known[channel.id]
        try:
            t_ns, watts = thinned(trace, channel, most)
            lines = {
                window.clock: clock_line(record.clock_maps, source=window.clock, target=_clock(record, channel.id, trace))
                for window in record.windows
            }
        except ValueError:  # amperes without volts, or windows that no clock map joins to the readings
            return None
        if len(t_ns) < 2:
            return None
        start = int(t_ns[0])
        return PowerTrace(
            run=record.id,
            channel=channel.id,
            boundary=channel.boundary,
            origin=channel.origin,
            readings=len(trace),
            counter=channel.measurand.value == "energy_counter",
            t_s=tuple(float(f"{(int(t) - start) / 1e9:.6g}") for t in t_ns),
            watts=tuple(float(f"{value:.4g}") for value in watts),
            windows=tuple(
                TraceWindow(
                    phase=window.phase,
                    start_s=float(f"{(lines[window.clock].on_target(window.start_ns) - start) / 1e9:.6g}"),
                    end_s=float(f"{(lines[window.clock].on_target(window.end_ns) - start) / 1e9:.6g}"),
                    left_out=window.invalid is not None,
                )
                for window in record.windows
            ),
        )
    return None


def _clock(record: RunRecord, channel: str, trace: Trace | ChunkedTrace) -> str:
    return next((item.clock for item in record.traces if item.channel == channel), trace.clock)
