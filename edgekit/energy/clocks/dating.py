r"""Place windows among the dates of one channel's readings, by the best that a run offers, and say how well.

    window's clock --S5 requests and replies--> host --S2 own clock | S4 arrivals--> dates of the readings
                  \_____________S1 edges in the stream, S3 marker load_________________/

S1 comes first where an input's edges match the windows. S3 replaces S5 and S4 where it is known to do better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.quantity import BudgetTerm, Note
from edgekit.core.sync import SyncMethod, SyncPlan, SyncStep, total_u_s
from edgekit.core.trace import ClockMap
from edgekit.core.window import Phase, Window
from edgekit.energy.clocks.clock import SAME_CLOCK, ClockLine, clock_line, misfit_ns
from edgekit.energy.clocks.marker import Marker, marker_line
from edgekit.energy.clocks.sync import EdgeSync, edge_windows
from edgekit.energy.sensors.readings import chunks_of

if TYPE_CHECKING:
    from edgekit.core.trace import ChunkedTrace, Trace

_ROOT3 = 3**0.5
_NEAR_SHARE, _NEAR_S = 0.25, 0.5  # an edge belongs to an end of a window that is no further away: of the shortest window, and in all
_MOST_EDGES = 1_000_000
ARRIVAL = "arrival"  # the budget term of what nobody knows about the way of the readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """Hold windows and the line from their clock to the dates of readings; `dated_s` is the half-width of these dates."""

    measured: tuple[Window, ...]
    idles: tuple[Window, ...]
    line: ClockLine
    dated_s: float
    steps: tuple[SyncStep, ...]
    notes: tuple[Note, ...] = ()

    @property
    def unknown(self) -> BudgetTerm | None:
        """Return the budget term for a step of unknown size; None where all are known."""
        if total_u_s(self.steps) is not None:
            return None
        reason = next(step.detail for step in self.steps if step.u_s is None)
        return BudgetTerm(name=ARRIVAL, kind="B", u=None, reason=reason, shrink="drive a marker load: --sync marker")


def dated(
    channel: Channel,
    spec: MeterSpec,
    traces: Mapping[str, Trace | ChunkedTrace],
    *,
    measured: Sequence[Window],
    idles: Sequence[Window],
    maps: Sequence[ClockMap],
    every: Sequence[Window] = (),
    plan: SyncPlan | None = None,
    published: bool = False,
) -> Dated:
    """Return the windows among the readings of `channel`; `every` are all windows of the run, markers too.

    Windows that were `published` were defined by whoever recorded them. Raise ValueError where no clock map joins the clocks.
    """
    trace, plan = traces[channel.id], plan or SyncPlan()
    base = clock_line(maps, source=(*measured, *idles)[0].clock, target=trace.clock)
    found, notes = _by_edges(spec, traces, trace, base, measured, idles, published=published)
    if found is not None:
        return found
    arrived = _by_arrival(spec, trace, base, measured, idles, maps)
    if spec.delay is None or channel.measurand is Measurand.ENERGY_COUNTER or not any(window.phase is Phase.MARKER for window in every):
        return replace(arrived, notes=notes)
    marked = _by_marker(channel, spec, trace, base, arrived, every, plan)
    if isinstance(marked, Note):
        return replace(arrived, notes=(*notes, marked))
    known, better = total_u_s(arrived.steps), total_u_s(marked.steps)
    return replace(arrived if known is not None and better is not None and known <= better else marked, notes=notes)


def _by_edges(
    spec: MeterSpec,
    traces: Mapping[str, Trace | ChunkedTrace],
    trace: Trace | ChunkedTrace,
    base: ClockLine,
    measured: Sequence[Window],
    idles: Sequence[Window],
    *,
    published: bool,
) -> tuple[Dated | None, tuple[Note, ...]]:
    """Return the windows as an input of the meter dated them, None where none of its inputs did, and what is to be said of that."""
    inputs = [item.id for item in spec.channels if item.measurand is Measurand.EDGE and len(traces.get(item.id, ()))]
    sample_ns = round(1e9 / spec.nominal_hz) if spec.nominal_hz else 0
    if published and spec.edge_inputs and not inputs and base is SAME_CLOCK:
        u_s = max(window.bracket_ns for window in measured or idles) / 1e9 / _ROOT3
        step = SyncStep(method=SyncMethod.EDGE, u_s=u_s, count=2 * len(measured), detail="by whoever recorded them")
        return Dated(measured=tuple(measured), idles=tuple(idles), line=SAME_CLOCK, dated_s=0.0, steps=(step,)), ()
    if not inputs or not measured:
        return None, ()
    near_ns = round(1e9 * min(_NEAR_S, _NEAR_SHARE * min(window.duration_s for window in measured)))
    here = [_on_line(window, base, trace.clock) for window in measured]
    tried = {name: _edges(traces[name], here, near_ns, sample_ns) for name in inputs}
    name = max(inputs, key=lambda item: _matched(tried[item]))
    sync = tried[name]
    count = _matched(sync)
    if sync is None or 2 * count < len(measured):
        if not count:
            return None, ()
        text = f"the edges of {name} mark {count} of {len(measured)} windows: they are not used"
        return None, (Note(code="sync.edges", text=text, advice="change the level of that input at the start and the end of every window"),)
    shift = ClockLine(offset_ns=sync.shift_ns, drift=0.0, at_ns=0, offset_u_ns=0.0, drift_u=0.0)
    rest_ns = round(sync.residual_ns) + sample_ns
    others = {
        id(old): _on_line(old, shift, trace.clock, rest_ns) for old in (*here, *(_on_line(item, base, trace.clock) for item in idles))
    }
    placed = [new or others[id(old)] for new, old in zip(sync.windows, here, strict=True)]
    rested = list(others.values())[len(here) :]
    step = SyncStep(
        method=SyncMethod.EDGE,
        u_s=sample_ns / 1e9 / _ROOT3 if count == len(measured) else rest_ns / 1e9 / _ROOT3,
        residual_s=sync.residual_ns / 1e9,
        offset_s=sync.shift_ns / 1e9,
        count=2 * count,
        detail=name,
    )
    return Dated(measured=tuple(placed), idles=tuple(rested), line=SAME_CLOCK, dated_s=0.0, steps=(step,)), ()


def _edges(edges: Trace | ChunkedTrace, windows: Sequence[Window], near_ns: int, sample_ns: int) -> EdgeSync | None:
    whole = next(chunks_of(edges), None) if len(edges) <= _MOST_EDGES else None
    if whole is None or len(whole) != len(edges) or any(window.clock != whole.clock for window in windows):
        return None
    return edge_windows(whole, windows, tolerance_ns=near_ns, bracket_ns=sample_ns)


def _matched(found: EdgeSync | None) -> int:
    return 0 if found is None else sum(window is not None for window in found.windows)


def _on_line(window: Window, line: ClockLine, clock: str, more_ns: int = 0) -> Window:
    """Return a window on another clock, its bracket wider by what the line does not know."""
    bracket_ns = window.bracket_ns + more_ns + math.ceil(_ROOT3 * max(line.u_ns(window.start_ns), line.u_ns(window.end_ns)))
    start_ns, end_ns = line.on_target(window.start_ns), line.on_target(window.end_ns)
    return replace(window, clock=clock, start_ns=start_ns, end_ns=end_ns, bracket_ns=bracket_ns)


def _by_arrival(
    spec: MeterSpec,
    trace: Trace | ChunkedTrace,
    base: ClockLine,
    measured: Sequence[Window],
    idles: Sequence[Window],
    maps: Sequence[ClockMap],
) -> Dated:
    """Return the windows on the dates as the meter's driver gave them: by its own clock, by arrival less the delay, or by reading it."""
    windows = (*measured, *idles)
    bracket_s, line, steps = usual_bracket_s(trace), base, []
    if base is not SAME_CLOCK:
        u_s = max(base.u_ns(edge) for window in windows for edge in (window.start_ns, window.end_ns)) / 1e9
        source, target = windows[0].clock, trace.clock
        misfit_s = misfit_ns(base, maps, source=source, target=target)
        count = sum({found.source, found.target} == {source, target} for found in maps)
        residual_s = None if misfit_s is None else misfit_s / 1e9
        steps.append(
            SyncStep(
                method=SyncMethod.EXCHANGE, u_s=u_s, residual_s=residual_s, drift=base.drift, count=count, detail=f"{source} to {target}"
            )
        )
    if spec.device_clock:
        steps.append(SyncStep(method=SyncMethod.DEVICE_CLOCK, u_s=bracket_s / _ROOT3, residual_s=bracket_s))
    elif spec.delay is not None:
        delay, half_s = spec.delay, spec.delay.half_s
        way_u_s = None if half_s is None else math.hypot(half_s, bracket_s) / _ROOT3
        checked = "" if delay.verified else ", unverified"
        steps.append(SyncStep(method=SyncMethod.ARRIVAL, u_s=way_u_s, offset_s=delay.seconds, detail=f"{delay.source}{checked}"))
        line = replace(
            base,
            offset_ns=base.offset_ns + delay.seconds * 1e9,
            offset_u_ns=math.hypot(base.offset_u_ns, (half_s or 0.0) * 1e9 / _ROOT3),
        )
    elif not steps:
        steps.append(SyncStep(method=SyncMethod.SAME, u_s=bracket_s / _ROOT3))
    late = spec.device_clock or spec.delay is not None
    return Dated(measured=tuple(measured), idles=tuple(idles), line=line, dated_s=bracket_s if late else 0.0, steps=tuple(steps))


def _by_marker(
    channel: Channel,
    spec: MeterSpec,
    trace: Trace | ChunkedTrace,
    base: ClockLine,
    arrived: Dated,
    every: Sequence[Window],
    plan: SyncPlan,
) -> Dated | Note:
    """Return the windows where the markers of the run say that they lie, or why they say nothing."""
    hz = spec.effective_hz or spec.nominal_hz
    update_s = channel.update_period_s or (1 / hz if hz else 0.0)
    look_s = channel.averaging_s or (update_s if spec.integrating else 0.0)
    chip_s = plan.chip_s or min(window.duration_s for window in every if window.phase is Phase.MARKER)
    found = marker_line(trace, every, base=base, look_s=look_s, update_s=update_s, chip_s=chip_s)
    if isinstance(found, str):
        text = f"{channel.id}: the marker load does not date its readings: {found}"
        return Note(
            code="sync.marker", text=text, advice="use a load that the meter sees clearly, or wire an input of the meter to the board"
        )
    line, markers = found
    line_u_s = max(line.u_ns(edge) for window in (*arrived.measured, *arrived.idles) for edge in (window.start_ns, window.end_ns)) / 1e9
    step = SyncStep(
        method=SyncMethod.MARKER,
        u_s=math.hypot(line_u_s, arrived.dated_s / _ROOT3),
        residual_s=max(item.u_s for item in markers),
        offset_s=median(item.delay_s for item in markers),
        drift=line.drift - base.drift,
        count=len(markers),
        detail=_told(markers),
    )
    return replace(arrived, line=line, steps=(step,))


def _told(markers: Sequence[Marker]) -> str:
    return f"the pattern fits {min(item.ratio for item in markers):.1f} times as well as elsewhere"


def usual_bracket_s(trace: Trace | ChunkedTrace) -> float:
    """Return the usual half-width of the readings' dates in seconds, from the first piece of a trace."""
    import numpy as np

    first = next(chunks_of(trace), None)
    return float(np.median(first.bracket_ns)) / 1e9 if first is not None and len(first) else 0.0
