r"""Place a meter's own time on the host's clock: by when its samples arrived (S2), or by edges within its stream (S1).

arrival - device time
  |   .  .    .   .       A sample is never seen before it was made: each point lies above the line that joins the clocks, by what the
  |  .    . .   .    .    transport took. The line is the one below all points that is nearest to them: an edge of their lower convex
  |_.________.____.____   hull, the one that spans their middle (Moon, Skelly and Towsley, INFOCOM 1999).
  +---------------------> device time
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import TYPE_CHECKING

from edgekit.core.trace import ClockMap
from edgekit.core.window import Window
from edgekit.energy.clocks.clock import CRYSTAL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.trace import Trace

_MOST_POINTS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalLine:
    """Map device time d to the host's: d + offset_ns + drift * (d - at_ns), as close as the arrivals tell.

    `residual_ns` is the median of how far the arrivals lie above the line: the scatter of the transport. What every transport takes alike
    is in the offset and cannot be told from it.
    """

    at_ns: int
    offset_ns: float
    drift: float
    drift_u: float
    residual_ns: float

    def on_host(self, device_ns: float) -> float:
        """Return the host's time of a device time, in nanoseconds."""
        return device_ns + self.offset_ns + self.drift * (device_ns - self.at_ns)

    def bracket_ns(self, device_ns: float) -> float:
        """Return the half-width within which `on_host` lies, beside what every transport takes alike."""
        return self.residual_ns + self.drift_u * abs(device_ns - self.at_ns)

    def clock_map(self, source: str, target: str) -> ClockMap:
        """Return the line as a run record holds it."""
        offset_ns, bracket_ns = round(self.offset_ns), math.ceil(self.residual_ns)
        return ClockMap(source=source, target=target, offset_ns=offset_ns, bracket_ns=bracket_ns, at_ns=self.at_ns, drift=self.drift)


def arrival_line(device_ns: Sequence[int], arrival_ns: Sequence[int]) -> ArrivalLine:
    """Return the line below all arrivals that is nearest to them; `device_ns` rises. Raise ValueError for no arrival.

    Where the arrivals scatter by so much over so short a time that they say less about the drift than is known of any crystal, the clocks
    are taken to run alike, within a crystal's limits.
    """
    if not device_ns:
        raise ValueError("no sample arrived")
    middle = round(fmean(device_ns))
    points = [(device - middle, float(arrival - device)) for device, arrival in zip(device_ns, arrival_ns, strict=True)]
    drift, span = _hull_slope(points), points[-1][0] - points[0][0]
    offset, residual = _below(points, drift)
    drift_u = 2 * (residual + 1) / span if span else math.inf
    if drift_u > CRYSTAL or abs(drift) > 2 * CRYSTAL:
        drift, drift_u = 0.0, CRYSTAL
        offset, residual = _below(points, drift)
    return ArrivalLine(at_ns=middle, offset_ns=offset, drift=drift, drift_u=drift_u, residual_ns=residual)


def _below(points: Sequence[tuple[int, float]], slope: float) -> tuple[float, float]:
    """Return (height at 0 of the highest line of a slope that no point is below, median distance of the points to it)."""
    rest = [y - slope * x for x, y in points]
    return min(rest), median(rest) - min(rest)


def _hull_slope(points: Sequence[tuple[int, float]]) -> float:
    """Return the slope of the edge of the lower convex hull that spans x = 0; 0 for one point (Andrew's monotone chain)."""
    hull: list[tuple[int, float]] = []
    for x, y in points:
        while len(hull) > 1 and (hull[-1][0] - hull[-2][0]) * (y - hull[-2][1]) <= (hull[-1][1] - hull[-2][1]) * (x - hull[-2][0]):
            hull.pop()
        if hull and hull[-1][0] == x:
            hull[-1] = (x, min(y, hull[-1][1]))
        else:
            hull.append((x, y))
    if len(hull) < 2:
        return 0.0
    right = next((place for place, (x, _) in enumerate(hull) if x > 0), len(hull) - 1)
    (x0, y0), (x1, y1) = hull[max(1, right) - 1], hull[max(1, right)]
    return (y1 - y0) / (x1 - x0)


class Arrivals:
    """Collect arrivals while a meter streams, the earliest of each stretch of device time, and keep the line through them.

    The memory is bounded: where there are too many stretches, each becomes twice as long.
    """

    def __init__(self, *, stretch_ns: int = 100_000_000) -> None:
        self._stretch_ns = stretch_ns
        self._points: list[tuple[int, int]] = []
        self._line: ArrivalLine | None = None

    def add(self, device_ns: int, arrival_ns: int) -> ArrivalLine:
        """Take one arrival; return the line as it is now."""
        points = self._points
        if points and device_ns // self._stretch_ns == points[-1][0] // self._stretch_ns:
            if arrival_ns - device_ns >= points[-1][1] - points[-1][0] and self._line is not None:
                return self._line
            points[-1] = (device_ns, arrival_ns)
        else:
            points.append((device_ns, arrival_ns))
            if len(points) > _MOST_POINTS:
                self._halve()
        self._line = arrival_line([device for device, _ in self._points], [arrival for _, arrival in self._points])
        return self._line

    def _halve(self) -> None:
        self._stretch_ns *= 2
        best: dict[int, tuple[int, int]] = {}
        for device, arrival in self._points:
            stretch = device // self._stretch_ns
            if stretch not in best or arrival - device < best[stretch][1] - best[stretch][0]:
                best[stretch] = (device, arrival)
        self._points = list(best.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSync:
    """Hold windows as a meter's own input dated them; `shift_ns` is how much later than the host it did (median), `residual_ns` its spread.

    A window that no edges match is None: nobody may guess which were meant.
    """

    windows: tuple[Window | None, ...]
    shift_ns: float
    residual_ns: float


def edge_windows(edges: Trace, windows: Sequence[Window], *, tolerance_ns: int, bracket_ns: int) -> EdgeSync:
    """Return `windows` with the edges that mark them in the meter's stream (S1); raise ValueError for two clocks.

    `edges` holds the changes of one input, 1 while a window lasts, or, where an instrument tells of one direction only, an edge at either
    end. An edge belongs to an end of a window when it alone lies within `tolerance_ns` of it. `bracket_ns` is the half-width of a date in
    the stream: half a sample, and no clock map is needed.
    """
    if any(window.clock != edges.clock for window in windows):
        raise ValueError(f"edges on clock {edges.clock} date no windows of another")
    both = bool((edges.value > 0).any())
    starts, ends = (edges.t_ns[edges.value > 0], edges.t_ns[edges.value <= 0]) if both else (edges.t_ns, edges.t_ns)
    found = [(_near(starts, window.start_ns, tolerance_ns), _near(ends, window.end_ns, tolerance_ns)) for window in windows]
    dated = [
        None if start is None or end is None or end <= start else replace(window, start_ns=start, end_ns=end, bracket_ns=bracket_ns)
        for (start, end), window in zip(found, windows, strict=True)
    ]
    shifts = [new.start_ns - old.start_ns for new, old in zip(dated, windows, strict=True) if new is not None]
    middle = median(shifts) if shifts else 0.0
    return EdgeSync(windows=tuple(dated), shift_ns=middle, residual_ns=max((abs(shift - middle) for shift in shifts), default=0.0))


def _near(times_ns: NDArray[np.int64], wanted_ns: int, tolerance_ns: int) -> int | None:
    found = times_ns[abs(times_ns - wanted_ns) <= tolerance_ns]
    return int(found[0]) if len(found) == 1 else None
