"""Turn readings of an energy counter into joules, and tell what a step back, or a step too far, means.

count                         wrap        the counter passes its modulus and goes on
  |          x                reset       it starts again at about zero (driver reload); the energy in between is lost
  |      x   :x'              impossible  neither: no power up to `max_power_w` explains the step, forward or back
  |  x   :    x           ambiguous   the wait was so long that one more wrap would be plausible too
  +--|-----------|---> t
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import TYPE_CHECKING

from edgekit.energy.sensors.readings import usable
from edgekit.energy.windows.window_energy import WindowEnergy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.channel import Channel
    from edgekit.core.trace import ChunkedTrace, Trace


class Step(IntEnum):
    """Name what happened between two readings of a counter."""

    FORWARD = 0
    WRAP = 1
    RESET = 2
    IMPOSSIBLE = 3
    AMBIGUOUS = 4


BROKEN = {
    Step.RESET: "the counter was reset inside the window",
    Step.IMPOSSIBLE: "the counter made a step that no plausible power explains inside the window",
    Step.AMBIGUOUS: "readings were missing for so long inside the window that the counter may have wrapped more often than seen",
}


def classify(
    value: NDArray[np.float64],
    t_ns: NDArray[np.int64],
    *,
    scale: float,
    wrap: int | None,
    max_power_w: float,
    update_period_s: float | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Return (counts, kind of each step), a `Step`: how far the counter went between readings, wraps put back, 0 where nobody knows.

    What was counted between two readings was drawn since the update before the first of them, and an update may come late: a step is
    judged over twice the update period more, or twice the usual wait between changes where the period is not known. After a wrap the
    implied power is at most `max_power_w`; after a reset the new count itself is what can have been drawn since.
    """
    import numpy as np

    steps = np.diff(value)
    wait_s = 2 * (update_period_s if update_period_s is not None else _usual_wait_s(value, t_ns))
    most = max_power_w * (np.maximum(np.diff(t_ns) / 1e9, 0.0) + wait_s) / scale
    kinds = np.where(steps > most + 1, Step.IMPOSSIBLE, Step.FORWARD).astype(np.uint8)
    back = steps < 0
    kinds[back] = np.where(value[1:][back] <= most[back] + 1, Step.RESET, Step.IMPOSSIBLE)
    if wrap is not None:
        wrapped = back & (steps + wrap >= 0) & (steps + wrap <= most + 1)
        kinds[wrapped] = Step.WRAP
        steps = np.where(wrapped, steps + wrap, steps)
        kinds[(kinds <= Step.WRAP) & (steps + wrap <= most)] = Step.AMBIGUOUS
    return np.where(kinds <= Step.WRAP, steps, 0.0), kinds


def unwrap(
    value: NDArray[np.float64],
    t_ns: NDArray[np.int64],
    *,
    scale: float,
    wrap: int | None,
    max_power_w: float,
    update_period_s: float | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return (cumulative joules, broken): joules at each reading, and for each step whether its energy is unknown; see `classify`."""
    import numpy as np

    steps, kinds = classify(value, t_ns, scale=scale, wrap=wrap, max_power_w=max_power_w, update_period_s=update_period_s)
    return np.concatenate([[0.0], np.cumsum(steps)]) * scale, kinds > Step.WRAP


class CounterSeries:
    """Hold the usable readings of one counter, unwrapped: times, read brackets, joules, and the kind of each step between them."""

    def __init__(self, trace: Trace | ChunkedTrace, channel: Channel, *, max_power_w: float) -> None:
        import numpy as np

        self.t_ns, self.bracket_ns, value = usable(trace)
        self.can_rest = channel.origin == "estimated"  # CPU time stands still while a process sleeps; a powered rail never does
        self.update_period_s = channel.update_period_s
        steps, self.kinds = classify(
            value,
            self.t_ns,
            scale=channel.scale,
            wrap=channel.wrap,
            max_power_w=max_power_w,
            update_period_s=channel.update_period_s,
        )
        self.joules = np.concatenate([[0.0], np.cumsum(steps)]) * channel.scale if len(value) else value
        self.moved = np.concatenate([[True], (steps != 0) | (self.kinds > Step.WRAP)]) if len(value) else np.zeros(0, np.bool_)

    def reaches(self, start_ns: int, end_ns: int) -> bool:
        """Return whether readings lie on both sides of the window."""
        return len(self.t_ns) >= 2 and self.t_ns[0] <= start_ns and self.t_ns[-1] >= end_ns

    def flaw(self, start_ns: int, end_ns: int) -> str | None:
        """Return why the energy of a window cannot be told from these readings; None when it can."""
        inside = (self.t_ns[1:] > start_ns) & (self.t_ns[:-1] < end_ns)
        worst = max(self.kinds[inside], default=0)
        return BROKEN.get(Step(int(worst))) or self._frozen(start_ns, end_ns)

    def _frozen(self, start_ns: int, end_ns: int) -> str | None:
        """Return a reason where the count stands still for ten times its usual wait, not at an edge only: what draws power counts on."""
        import numpy as np

        ticks = self.t_ns[self.moved]
        if self.can_rest or len(ticks) < 3:
            return None
        inside = ticks[(ticks >= start_ns) & (ticks <= end_ns)]
        usual_s = max(
            float(np.median(np.diff(inside if len(inside) > 10 else ticks))) / 1e9,
            3 * float(np.median(np.diff(self.t_ns))) / 1e9,
            self.update_period_s or 0.0,
        )
        # A standstill is what readings show: where none were made before the count moved on, nobody saw it stand.
        until = np.append(self.t_ns[np.flatnonzero(self.moved)[1:] - 1], self.t_ns[-1])
        within_ns = np.minimum(until, end_ns) - np.maximum(ticks, start_ns)
        still_s = float(np.max(within_ns[until - ticks > 10e9 * usual_s], initial=0.0)) / 1e9
        if still_s <= 3 * usual_s:
            return None
        return f"the counter stood still for {still_s:.3g} s of the window, while it usually moves every {usual_s:.2g} s"


def interpolated(series: CounterSeries, *, start_ns: int, end_ns: int) -> WindowEnergy | None:
    """Return the energy of a window with both edges interpolated between updates; None when the readings do not reach them.

    Only readings at which the count moved are used: they date the counter's own updates, and between two of them power is taken as
    constant. A count that stands still for far longer than its updates are usually apart counts nothing: the reading that ends such a
    rest is used too, so that what comes next is not smeared over it. The longest wait beside either edge is the edge bracket. A count is
    dated by its reading, which took its time, and is up to one update old then: both part the edges at random (`bracket_s`).
    """
    import numpy as np

    if not series.reaches(start_ns, end_ns):
        return None
    if reason := series.flaw(start_ns, end_ns):
        return WindowEnergy(joules=float("nan"), coverage=0.0, edge_s=0.0, reason=reason)
    moved = series.moved.copy()
    moved[-1] = True  # the last reading bounds the final interval even when the count stood still
    used = moved | _rest_ends(series.t_ns, moved)
    ticks, at = series.joules[used], series.t_ns[used]
    ends = np.interp([start_ns, end_ns], at, ticks)
    inside = int(np.searchsorted(at, end_ns, "right") - np.searchsorted(at, start_ns, "left"))
    edge_s = max(_tick_s(at, start_ns), _tick_s(at, end_ns), series.update_period_s or 0.0)
    age_u_s = [min(_tick_s(at, edge), series.update_period_s or math.inf) / 12**0.5 for edge in (start_ns, end_ns)]
    read_u_s = [_read_s(at, series.bracket_ns[used], edge) / 3**0.5 for edge in (start_ns, end_ns)]
    bracket_s = math.hypot(*age_u_s, *read_u_s)
    return WindowEnergy(joules=float(ends[1] - ends[0]), coverage=1.0, edge_s=edge_s, ticks=inside, bracket_s=bracket_s)


def _rest_ends(t: NDArray[np.int64], moved: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which readings are the last of a stretch in which the count stood still for more than three usual waits for an update."""
    import numpy as np

    since = t - np.maximum.accumulate(np.where(moved, t, t[0]))
    before_move = np.concatenate([moved[1:], [False]])
    return np.asarray(before_move & (since > 3 * np.median(np.diff(t[moved]))), np.bool_)


def _usual_wait_s(value: NDArray[np.float64], t_ns: NDArray[np.int64]) -> float:
    """Return the median seconds between readings at which the count moved; 0 where it never did."""
    import numpy as np

    moved = t_ns[1:][np.diff(value) != 0]
    return float(np.median(np.diff(moved))) / 1e9 if len(moved) > 1 else 0.0


def _tick_s(at: NDArray[np.int64], edge_ns: int) -> float:
    import numpy as np

    right = int(np.clip(np.searchsorted(at, edge_ns, side="left"), 1, len(at) - 1))
    if edge_ns in (at[right - 1], at[right]):
        return 0.0  # an update fell on the edge itself: nothing is interpolated
    return float(at[right] - at[right - 1]) / 1e9


def _read_s(at: NDArray[np.int64], bracket_ns: NDArray[np.float64], edge_ns: int) -> float:
    """Return half the time that the slower of the two readings beside an edge took."""
    import numpy as np

    right = int(np.clip(np.searchsorted(at, edge_ns, side="left"), 1, len(at) - 1))
    return float(max(bracket_ns[right - 1], bracket_ns[right])) / 1e9
