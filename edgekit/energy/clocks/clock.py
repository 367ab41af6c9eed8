r"""Join two clocks by a straight line through all that was seen of them.

offset
  |           I      I = one exchange: the offset between the clocks lies within its bracket
  |     ____/        One exchange gives the offset and says nothing about the drift; two or more give both, and what is left between
  | I__/             them and the line says how good the line is.
  +--------------> t
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.trace import ClockMap

CRYSTAL = 100e-6  # oscillators of computers and instruments keep time within this (data sheets: 20 to 100 ppm)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockLine:
    """Map times of one clock to another: t + offset_ns + drift * (t - at_ns), with the standard uncertainties of offset and drift."""

    offset_ns: float
    drift: float
    at_ns: int
    offset_u_ns: float
    drift_u: float

    def on_target(self, t_ns: int) -> int:
        """Return the time on the target clock, in nanoseconds."""
        return t_ns + round(self.offset_ns + self.drift * (t_ns - self.at_ns))

    def u_ns(self, t_ns: int) -> float:
        """Return the standard uncertainty of `on_target`, in nanoseconds."""
        return math.hypot(self.offset_u_ns, self.drift_u * (t_ns - self.at_ns))


SAME_CLOCK = ClockLine(offset_ns=0.0, drift=0.0, at_ns=0, offset_u_ns=0.0, drift_u=0.0)


def clock_line(maps: Sequence[ClockMap], *, source: str, target: str) -> ClockLine:
    """Return the line from `source` to `target` by weighted least squares over all maps that join the two; raise ValueError for none.

    A map's bracket is a rectangular distribution (JCGM 100, 4.3.7), so it weighs with 3 / bracket^2. Where the maps scatter about the line
    by more than their brackets allow, both uncertainties grow by that factor (the Birge ratio). More maps do not make the offset better
    than the best of them: a path that takes longer one way shifts all of them alike.
    """
    if source == target:
        return SAME_CLOCK
    points = [_point(found, source) for found in maps if {found.source, found.target} == {source, target}]
    if not points:
        raise ValueError(f"no clock map joins {source} and {target}")
    weights = [3 / max(bracket, 1.0) ** 2 for _, _, bracket, _ in points]
    total = math.fsum(weights)
    origin = points[0][0]
    best_ns = max(weights) ** -0.5
    at = origin + math.fsum(w * (t - origin) for w, (t, *_) in zip(weights, points, strict=True)) / total
    offset = math.fsum(w * value for w, (_, value, _, _) in zip(weights, points, strict=True)) / total
    square = math.fsum(w * (t - at) ** 2 for w, (t, *_) in zip(weights, points, strict=True))
    if len(points) == 1 or square * CRYSTAL**2 < 1:  # nothing, or less than is known of any crystal, is learnt about the drift
        drift = points[0][3]
        return ClockLine(offset_ns=offset, drift=drift, at_ns=round(at), offset_u_ns=best_ns, drift_u=CRYSTAL / 3**0.5)
    drift = math.fsum(w * (t - at) * (value - offset) for w, (t, value, _, _) in zip(weights, points, strict=True)) / square
    misfit = math.fsum(w * (value - offset - drift * (t - at)) ** 2 for w, (t, value, _, _) in zip(weights, points, strict=True))
    birge = max(1.0, math.sqrt(misfit / (len(points) - 2))) if len(points) > 2 else 1.0
    return ClockLine(offset_ns=offset, drift=drift, at_ns=round(at), offset_u_ns=birge * best_ns, drift_u=birge * square**-0.5)


def misfit_ns(line: ClockLine, maps: Sequence[ClockMap], *, source: str, target: str) -> float | None:
    """Return how far the worst map between two clocks lies off the line; None for fewer than three, which a line can always meet."""
    points = [_point(found, source) for found in maps if {found.source, found.target} == {source, target}]
    if len(points) < 3:
        return None
    return max(abs(value - line.offset_ns - line.drift * (t - line.at_ns)) for t, value, _, _ in points)


def _point(found: ClockMap, source: str) -> tuple[int, float, float, float]:
    """Return (time on the source clock, offset, bracket, stated drift) of one map, turned round where it goes the other way."""
    if found.source == source:
        return found.at_ns, float(found.offset_ns), float(found.bracket_ns), found.drift
    return found.at_ns + found.offset_ns, -float(found.offset_ns), float(found.bracket_ns), -found.drift
