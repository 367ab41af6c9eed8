r"""Integrate power samples over windows, in one pass over a trace of any length.

    power                                      hold        a value stands from its sample to the next one
      |      ___x___                           trapezoid   power is straight between samples (meters that sample points)
      |  x__/       \__x    x = samples        backward    a value is the mean over the time before its sample (meters that average)
      +----|----------|----> t
           edges are interpolated

Samples are never de-duplicated: an unchanged reading is a reading. A gap longer than `max_gap_ns`, or one that the instrument reports, is
not bridged; it lowers the coverage.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from edgekit.energy.sensors.readings import blocks_of
from edgekit.energy.windows.window_energy import WindowEnergy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.trace import ChunkedTrace, Trace

__all__ = ["Integral", "Rule", "WindowEnergy", "integrate", "power_energy"]


class Rule(StrEnum):
    """Name what the power between two samples is taken to be."""

    HOLD = "hold"
    TRAPEZOID = "trapezoid"
    BACKWARD = "backward"


@dataclass(slots=True, kw_only=True)
class Integral:
    """Add up one window [start_ns, end_ns] over blocks of samples: value times nanoseconds, and the nanoseconds that samples cover.

    `over` says that the instrument's range was exceeded in it.
    """

    start_ns: int
    end_ns: int
    rule: Rule
    max_gap_ns: int
    area: float = 0.0
    covered_ns: int = 0
    cells: int = 0
    square: float = 0.0
    rough: float = 0.0
    over: bool = False

    @property
    def mean(self) -> float:
        """Return the mean value over the time that samples cover; NaN when they cover none."""
        return self.area / self.covered_ns if self.covered_ns else math.nan

    @property
    def variance(self) -> float:
        """Return the variance of the samples inside the window."""
        return max(0.0, self.square / self.cells - self.mean**2) if self.cells > 1 and self.covered_ns else 0.0

    @property
    def roughness(self) -> float:
        """Return half the mean squared difference of successive samples (von Neumann 1941): their variance where they are independent."""
        return self.rough / self.cells / 2 if self.cells else 0.0

    def add(self, t: NDArray[np.int64], y: NDArray[np.float64], lost: NDArray[np.bool_] | None) -> None:
        """Add the part of a block that lies in the window; `lost` marks samples that are not bridged to the one before."""
        import numpy as np

        first = max(int(np.searchsorted(t, self.start_ns, side="right")) - 1, 0)
        last = min(int(np.searchsorted(t, self.end_ns, side="left")), len(t) - 1)
        if last <= first:
            return
        inner_first, inner_last = first + (t[first] < self.start_ns), last - (t[last] > self.end_ns)
        if inner_last - inner_first < 8:
            self._add_any(t[first : last + 1], y[first : last + 1], None if lost is None else lost[first : last + 1])
            return
        for a, b in ((first, inner_first), (inner_last, last)):
            if b > a:
                self._add_any(t[a : b + 1], y[a : b + 1], None if lost is None else lost[a : b + 1])
        inner = slice(inner_first, inner_last + 1)
        if lost is not None or not self._add_whole(t[inner], y[inner]):
            self._add_any(t[inner], y[inner], None if lost is None else lost[inner])

    def _add_whole(self, t: NDArray[np.int64], y: NDArray[np.float64]) -> bool:
        """Add cells that lie in the window and have no gap; return False, and add nothing, where one has."""
        import numpy as np

        length = t[1:] - t[:-1]
        if length.view(np.uint64).max() > self.max_gap_ns:  # as unsigned numbers, steps back in time are long gaps too
            return False
        span = length.astype(np.float64)
        right = _product(y[1:], span) if self.rule is not Rule.HOLD else 0.0
        left = _product(y[:-1], span) if self.rule is not Rule.BACKWARD else 0.0
        self.area += (left + right) / 2 if self.rule is Rule.TRAPEZOID else left + right
        self.covered_ns += int(t[-1] - t[0])
        self._spread(y)
        return True

    def _add_any(self, t: NDArray[np.int64], y: NDArray[np.float64], lost: NDArray[np.bool_] | None) -> None:
        import numpy as np

        left, right = np.clip(t[:-1], self.start_ns, self.end_ns), np.clip(t[1:], self.start_ns, self.end_ns)
        span = np.diff(t)
        bridged = (span >= 0) & (span <= self.max_gap_ns) & (right > left)
        if lost is not None:
            bridged &= ~lost[1:]
        if self.rule is Rule.HOLD:
            mean = y[:-1]
        elif self.rule is Rule.BACKWARD:
            mean = y[1:]
        else:
            slope = np.divide(np.diff(y), span, out=np.zeros(len(span)), where=span > 0)
            mean = y[:-1] + slope * ((left + right) / 2 - t[:-1])
        length = (right - left)[bridged]
        self.area += float(np.sum(mean[bridged] * length))
        self.covered_ns += int(np.sum(length))
        inside = (t >= self.start_ns) & (t <= self.end_ns)
        if int(inside.sum()) > 1:
            self._spread(y[inside])

    def _spread(self, y: NDArray[np.float64]) -> None:
        step = y[1:] - y[:-1]
        self.cells += len(step)
        self.square += _product(y[1:], y[1:])
        self.rough += _product(step, step)


def _product(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the sum of a * b on one core: the threads of numpy.dot would wait for one another on a machine that does other work."""
    import numpy as np

    return float(np.einsum("i,i->", a, b))


def integrate(
    trace: Trace | ChunkedTrace, spans: Iterable[tuple[int, int]], *, rule: Rule, max_gap_ns: int, shift_ns: int = 0
) -> list[Integral]:
    """Return one integral for each span (start_ns, end_ns) on the trace's clock, from one pass over the trace.

    `shift_ns` is taken off every sample's time first. Of the trace no more than one chunk is held at a time.
    """
    import numpy as np

    found = [Integral(start_ns=start + shift_ns, end_ns=end + shift_ns, rule=rule, max_gap_ns=max_gap_ns) for start, end in spans]
    before: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None

    def over(times: NDArray[np.int64]) -> None:
        for integral in found:
            integral.over |= bool(((times >= integral.start_ns) & (times <= integral.end_ns)).any())

    for t, y, lost in blocks_of(trace, over=over):
        if not len(t):
            continue
        if before is not None:  # the cell between two blocks
            pair = None if lost is None else np.array([False, lost[0]])
            _add(found, np.append(before[0], t[0]), np.append(before[1], y[0]), pair)
        _add(found, t, y, lost)
        before = (t[-1:], y[-1:])
    return found


def _add(found: Sequence[Integral], t: NDArray[np.int64], y: NDArray[np.float64], lost: NDArray[np.bool_] | None) -> None:
    for integral in found:
        if t[-1] > integral.start_ns and t[0] < integral.end_ns:
            integral.add(t, y, lost)


def power_energy(
    trace: Trace | ChunkedTrace, *, scale: float, start_ns: int, end_ns: int, hold: bool, max_gap_ns: int
) -> WindowEnergy | None:
    """Return the energy of [start_ns, end_ns] on the trace's clock from power samples; None when fewer than two samples touch it.

    `scale` turns a raw value into watts. `hold` keeps each value until the next sample; otherwise the trapezoid rule with interpolated
    edges is used. Energy over gaps is left out and the rest is not scaled up.
    """
    (found,) = integrate(trace, [(start_ns, end_ns)], rule=Rule.HOLD if hold else Rule.TRAPEZOID, max_gap_ns=max_gap_ns)
    if not found.covered_ns:
        return None
    cell_s = found.covered_ns / 1e9 / max(found.cells, 1)
    return WindowEnergy(joules=found.area * scale / 1e9, coverage=found.covered_ns / (end_ns - start_ns), edge_s=cell_s, ticks=found.cells)
