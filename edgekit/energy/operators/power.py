"""Find the power of operators that last long enough for the readings to tell them apart.

A row for each step of the meter: what it counted (joules), and for how long each operator was active meanwhile (seconds). Least squares
gives watts per operator with their covariance (JCGM 100, H.3); rows that straddle two operators weigh in with both. Moving the timeline
by half a step against the readings and fitting again says how much the clocks matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.channel import Channel, Measurand
from edgekit.core.quantity import Origin
from edgekit.core.run import Profile, RunRecord
from edgekit.core.trace import ClockMap
from edgekit.core.window import Window
from edgekit.energy.clocks.clock import clock_line
from edgekit.energy.operators.times import Share
from edgekit.energy.sensors.readings import usable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.trace import Trace

STEPS_PER_CALL = 2.0  # an operator is told apart when one call of it lasts this many steps of the meter
ROWS_PER_OPERATOR = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Hold an operator's share of the energy with its standard uncertainties: from the scatter of the readings, and from the clocks.

    `freedom` is how many readings there are beyond those that the fit takes.
    """

    share: float
    u: float
    u_timing: float
    freedom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Hold the operators whose power was seen, by their place in the profile, all others as one, and what it was seen with."""

    parts: Mapping[int, Part]
    rest: Part
    readings: int
    channel: str


@dataclass(frozen=True, slots=True)
class _Steps:
    """Hold what a meter counted from `start_ns` to `end_ns`, in joules, on the clock of the profiled window; `fuzz_ns` dates the edges."""

    start_ns: NDArray[np.float64]
    end_ns: NDArray[np.float64]
    joules: NDArray[np.float64]
    fuzz_ns: float


def operator_power(
    record: RunRecord, profile: Profile, window: Window, *, channel: str, shares: Sequence[Share], traces: Mapping[str, Trace]
) -> Resolved | None:
    """Return the operators that the readings of `channel` tell apart; None where they do not, or where they are no measurement of power."""
    import numpy as np

    known = {item.id: item for meter in record.meters for item in meter.channels}
    own = [known[name] for name in channel.split("+") if name in known]
    marks = traces.get(profile.timeline or "")
    if marks is None or len(own) != 1 or own[0].origin is Origin.ESTIMATED or own[0].id not in traces:
        return None
    steps = _steps(own[0], traces[own[0].id], window, record.clock_maps)
    if steps is None:
        return None
    step_s = max(float(np.median(steps.end_ns - steps.start_ns)), float(np.median(np.diff(steps.end_ns)))) / 1e9
    step_s = max(step_s, own[0].update_period_s or 0.0)
    long = [
        place
        for place, operator in enumerate(profile.operators)
        if operator.calls and operator.time_s / operator.calls >= STEPS_PER_CALL * step_s and shares[place].value > 0
    ]
    if not long or len(steps.joules) < ROWS_PER_OPERATOR * (len(long) + 1):
        return None
    fitted = _fit(steps, marks, long, shares, 0.0)
    moved = [_fit(steps, marks, long, shares, sign * steps.fuzz_ns) for sign in (-1.0, 1.0)]
    if fitted is None or (fitted[0] < 0).any():
        return None
    share, u = fitted
    timing = np.max([np.abs(item[0] - share) if item is not None else share for item in moved], axis=0) / 3**0.5
    freedom = float(len(steps.joules) - len(share))
    parts = [Part(share=float(share[n]), u=float(u[n]), u_timing=float(timing[n]), freedom=freedom) for n in range(len(share))]
    return Resolved(parts=dict(zip(long, parts, strict=False)), rest=parts[-1], readings=len(steps.joules), channel=channel)


def _fit(
    steps: _Steps, marks: Trace, long: Sequence[int], shares: Sequence[Share], shift_ns: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the share of the energy of each long operator and of the rest, and their standard uncertainties; None for an impossible fit.

    Where the rest is never active, or for less time than one step in all, it has no share.
    """
    import numpy as np

    active = _active_s(steps, marks, long, shift_ns)
    rest = 1 - sum(shares[place].value for place in long)
    with_rest = bool(active[:, -1].sum() * 1e9 > float(np.median(steps.end_ns - steps.start_ns)) and rest > 0)
    design = active if with_rest else active[:, :-1]
    inverse = np.linalg.pinv(design.T @ design)
    watts = inverse @ (design.T @ steps.joules)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    scatter = steps.joules - design @ watts
    covariance = inverse * float(scatter @ scatter) / max(1, len(scatter) - design.shape[1])
    times = np.array([*(shares[place].value for place in long), *([rest] if with_rest else [])])
    parts = watts * times
    share = parts / parts.sum()
    slope = (np.diag(times) - np.outer(share, times)) / parts.sum()  # of the shares with the watts
    u = np.sqrt(np.maximum(0.0, np.diag(slope @ covariance @ slope.T)))
    return (share, u) if with_rest else (np.append(share, 0.0), np.append(u, 0.0))


def _active_s(steps: _Steps, marks: Trace, long: Sequence[int], shift_ns: float) -> NDArray[np.float64]:
    """Return for how many seconds each long operator was active in each step; the last column is everything else."""
    import numpy as np

    at, which = marks.t_ns.astype(np.float64) + shift_ns, marks.value
    spans = np.diff(at)
    columns = []
    for place in long:
        active = np.concatenate([[0.0], np.cumsum(np.where(which[:-1] == place, spans, 0.0))])
        columns.append((np.interp(steps.end_ns, at, active) - np.interp(steps.start_ns, at, active)) / 1e9)
    rest = (steps.end_ns - steps.start_ns) / 1e9 - np.sum(columns, axis=0)
    return np.column_stack([*columns, np.maximum(0.0, rest)])


def _steps(channel: Channel, trace: Trace, window: Window, maps: Sequence[ClockMap]) -> _Steps | None:
    import numpy as np

    read_ns, _, raw = usable(trace)
    line = clock_line(maps, source=trace.clock, target=window.clock)
    t, value = read_ns + line.offset_ns + line.drift * (read_ns - line.at_ns), raw * channel.scale
    inside = (t >= window.start_ns) & (t <= window.end_ns)
    t, value = t[inside], value[inside]
    if len(t) < 3:
        return None
    known = np.inf if channel.update_period_s is None else channel.update_period_s * 1e9
    fuzz_ns = float(min(np.median(np.diff(t)), known)) / 2  # a value changed at some time since the reading before, or the update before
    if channel.measurand is Measurand.ENERGY_COUNTER:
        moved = np.concatenate([[True], np.diff(value) != 0])
        t, value = t[moved], value[moved]
        counted = np.diff(value)
        if len(t) < 3 or ((counted < 0).any() and channel.wrap is None):
            return None
        counted = np.where(counted < 0, counted + (channel.wrap or 0) * channel.scale, counted)
        return _Steps(t[:-1], t[1:], counted, fuzz_ns)
    # A value of power is the mean over what came before it: the stated averaging time, else the time since the value before.
    length = np.diff(t) if channel.averaging_s is None else np.full(len(t) - 1, max(1.0, channel.averaging_s * 1e9))
    return _Steps(t[1:] - length, t[1:], value[1:] * length / 1e9, fuzz_ns)
