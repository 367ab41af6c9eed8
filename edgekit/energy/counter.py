"""Turn readings of an energy counter into the energy of a window.

count                        wrap: the counter passes its modulus and goes on
  |          x                reset: it starts again at zero (driver reload); the energy in between is lost
  |      x   :x'
  |  x       :    x           The two are told apart by plausibility: after a wrap the implied power is at most `max_power_w`.
  +--|-----------|---> t      Window edges lie between readings and are interpolated; how far apart they are is the edge bracket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.energy.integrate import WindowEnergy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.channel import Channel
    from edgekit.core.trace import Trace


def unwrap(
    value: NDArray[np.float64], t_ns: NDArray[np.int64], *, scale: float, wrap: int | None, max_power_w: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return (cumulative joules, broken): joules at each reading, and for each step whether its energy is unknown because of a reset.

    A step back is a wrap when adding the modulus gives at most `max_power_w` over the time between the readings; otherwise a reset.
    """
    import numpy as np

    steps = np.diff(value)
    seconds = np.diff(t_ns) / 1e9
    backwards = steps < 0
    if wrap is not None:
        wrapped = backwards & ((steps + wrap) * scale <= max_power_w * np.maximum(seconds, 1e-9))
        steps = np.where(wrapped, steps + wrap, steps)
        backwards &= ~wrapped
    broken = backwards
    joules = np.concatenate([[0.0], np.cumsum(np.where(broken, 0.0, steps) * scale)])
    return joules, broken


def counter_energy(trace: Trace, channel: Channel, *, start_ns: int, end_ns: int, max_power_w: float) -> WindowEnergy | None:
    """Return the energy of [start_ns, end_ns] on the trace's clock from a counter; None when the readings do not reach both edges.

    Only readings at which the count moved are used: they date the counter's own updates, and between two of them power is taken as
    constant. A count that stands still for far longer than its updates are usually apart counts nothing: the reading that ends such a
    rest is used too, so that what comes next is not smeared over it. The longest wait beside either edge is the edge bracket.
    """
    import numpy as np

    good = trace.flags == 0
    t, value = trace.t_ns[good], trace.value[good]
    if len(t) < 2 or t[0] > start_ns or t[-1] < end_ns:
        return None
    joules, broken = unwrap(value, t, scale=channel.scale, wrap=channel.wrap, max_power_w=max_power_w)
    inside = (t[1:] > start_ns) & (t[:-1] < end_ns)
    if np.any(broken & inside):
        return WindowEnergy(joules=float("nan"), coverage=0.0, edge_s=0.0, reason="the counter was reset inside the window")
    moved = np.concatenate([[True], np.diff(value) != 0])
    moved[-1] = True  # the last reading bounds the final interval even when the count stood still
    used = moved | _rest_ends(t, moved)
    ticks, at = joules[used], t[used]
    ends = np.interp([start_ns, end_ns], at, ticks)
    return WindowEnergy(joules=float(ends[1] - ends[0]), coverage=1.0, edge_s=max(_tick_s(at, start_ns), _tick_s(at, end_ns)))


def _rest_ends(t: NDArray[np.int64], moved: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which readings are the last of a stretch in which the count stood still for more than three usual waits for an update."""
    import numpy as np

    since = t - np.maximum.accumulate(np.where(moved, t, t[0]))
    before_move = np.concatenate([moved[1:], [False]])
    return np.asarray(before_move & (since > 3 * np.median(np.diff(t[moved]))), np.bool_)


def _tick_s(at: NDArray[np.int64], edge_ns: int) -> float:
    import numpy as np

    right = int(np.clip(np.searchsorted(at, edge_ns, side="left"), 1, len(at) - 1))
    if edge_ns in (at[right - 1], at[right]):
        return 0.0  # an update fell on the edge itself: nothing is interpolated
    return float(at[right] - at[right - 1]) / 1e9
