r"""Cut a window where the sensor's own updates are, instead of where the load began and ended.

count                            A counter tells the true energy at its updates and nothing in between. Between the first and the last
  |             ____|x           update inside the window the energy is a difference of two counts; the mean power there stands for the
  |        ____|                 short cuts at both ends, because inferences run back to back all through the window:
  |   ____|
  |__|  :  E0       E1 :             E = (E1 - E0) * (end - start) / (t1 - t0)
  +-----|--|--------|--|--> t
     start t0      t1  end       An update lies between the last reading of the old count and the first of the new one: its bracket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.energy.windows.window_energy import WindowEnergy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.energy.sensors.counter import CounterSeries

_JITTER = 1.1  # updates come this much later than their period at most; RAPL's are known to jitter around theirs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ticks:
    """Hold the updates of a counter: the middle and the half-width of their brackets in nanoseconds, and joules from then on."""

    t_ns: NDArray[np.float64]
    half_ns: NDArray[np.float64]
    joules: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.t_ns)


def find_ticks(series: CounterSeries) -> Ticks:
    """Return the updates of a counter, each dated between the last reading of the old count and the first reading of the new one.

    Where the update period is known and readings are further apart than that, a count is at most one period old.
    """
    import numpy as np

    fresh = np.flatnonzero(series.moved[1:]) + 1
    latest = series.t_ns[fresh] + series.bracket_ns[fresh]
    earliest = series.t_ns[fresh - 1] - series.bracket_ns[fresh - 1]
    if series.update_period_s is not None:
        oldest = series.t_ns[fresh] - series.bracket_ns[fresh] - _JITTER * series.update_period_s * 1e9
        earliest = np.maximum(earliest, oldest)
    return Ticks(t_ns=(earliest + latest) / 2, half_ns=(latest - earliest) / 2, joules=series.joules[fresh])


def aligned(series: CounterSeries, ticks: Ticks, *, start_ns: float, end_ns: float, guard_ns: float = 0.0) -> WindowEnergy | None:
    """Return the energy of a window from the updates inside it; None where fewer than two are known to lie inside.

    `guard_ns` is how wrong the window's edges may be on the counter's clock. The standard uncertainty of the time between two updates is
    that of two rectangular brackets (JCGM 100, 4.3.7), whose errors are independent.
    """
    import numpy as np

    if not series.reaches(round(start_ns), round(end_ns)):
        return None
    if reason := series.flaw(round(start_ns), round(end_ns)):
        return WindowEnergy(joules=float("nan"), coverage=0.0, edge_s=0.0, reason=reason)
    inside = np.flatnonzero((ticks.t_ns - ticks.half_ns >= start_ns + guard_ns) & (ticks.t_ns + ticks.half_ns <= end_ns - guard_ns))
    if len(inside) < 2:
        return None
    first, last = _sharp(ticks.half_ns, inside), _sharp(ticks.half_ns, inside[::-1])
    span_ns = float(ticks.t_ns[last] - ticks.t_ns[first])
    if last <= first or span_ns <= 0:
        return None
    within = slice(first, last + 1)
    cell_s, spread_w = _spread(ticks.t_ns[within], ticks.half_ns[within], ticks.joules[within])
    joules = float(ticks.joules[last] - ticks.joules[first]) * (end_ns - start_ns) / span_ns
    return WindowEnergy(
        joules=joules,
        coverage=1.0,
        edge_s=0.0,
        ticks=len(inside),
        span_s=span_ns / 1e9,
        bracket_s=float(np.hypot(ticks.half_ns[first], ticks.half_ns[last])) / 3**0.5 / 1e9,
        cut_s=((float(ticks.t_ns[first]) - start_ns) / 1e9, (end_ns - float(ticks.t_ns[last])) / 1e9),
        cell_s=cell_s,
        spread_w=spread_w,
    )


def _sharp(half_ns: NDArray[np.float64], order: NDArray[np.int64]) -> int:
    """Return the first update of `order` that was dated about as well as most are, among the first tenth: a late reader is passed over."""
    import numpy as np

    usual = float(np.median(half_ns[order]))
    head = order[: max(1, len(order) // 10)]
    return int(next((place for place in head if half_ns[place] <= 1.5 * usual), head[np.argmin(half_ns[head])]))


def _spread(t_ns: NDArray[np.float64], half_ns: NDArray[np.float64], joules: NDArray[np.float64]) -> tuple[float, float]:
    """Return (mean seconds between updates, standard deviation of the power between them), less what their brackets make of it."""
    import numpy as np

    length = np.diff(t_ns) / 1e9
    if len(length) < 2 or length.min() <= 0:
        return float(np.mean(length)), 0.0
    watts = np.diff(joules) / length
    dated = np.hypot(half_ns[1:], half_ns[:-1]) / 3**0.5 / 1e9 / length * watts
    return float(np.mean(length)), float(max(0.0, float(np.var(watts, ddof=1)) - float(np.mean(dated**2)))) ** 0.5
