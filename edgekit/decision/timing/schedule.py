"""Find when deferrable work costs the least CO2e, and say how much that would have saved on the days that are known.

The intensity of a grid is a step function of hours, so the mean over a window changes linearly while its start moves, until its start or
its end meets a full hour. The least mean is therefore found among few starts: now, the latest possible one, and those at which the window
begins or ends on a full hour. Nothing is lost against trying every second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.decision.timing.intensity import Curve, IntensityProblem, Profile, Trial, expected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

HOUR_S = 3600.0
_ALIKE = 1e-9  # windows closer than this are the same, and the earlier one is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Hold the best window and what stands beside it: times in seconds since 1970 UTC, mean intensities in kg/J.

    `now_kg_per_j` is that of starting at once, `mean_kg_per_j` that of all hours until the deadline.
    """

    start_s: float
    end_s: float
    kg_per_j: float
    now_kg_per_j: float
    mean_kg_per_j: float

    @property
    def vs_now(self) -> float:
        """Return the share saved against starting at once."""
        return _share(self.now_kg_per_j, self.kg_per_j)

    @property
    def vs_mean(self) -> float:
        """Return the share saved against the mean until the deadline."""
        return _share(self.mean_kg_per_j, self.kg_per_j)


def best_window(what: Profile | Curve, *, start_s: float, duration_s: float, deadline_s: float) -> Placement:
    """Return the window of `duration_s` with the least mean intensity that begins at `start_s` or later and ends within `deadline_s` of it.

    `what` is a profile (its medians are expected) or a curve, a forecast say. Of equal windows the earliest is taken. Raise
    IntensityProblem when the work is longer than the deadline, or when the curve does not hold every hour until then.
    """
    offsets = _offsets(start_s, duration_s, deadline_s)
    first, count = int(start_s // HOUR_S), math.ceil((start_s % HOUR_S + deadline_s) / HOUR_S)
    curve = expected(what, first, count) if isinstance(what, Profile) else what
    if not covers(curve, start_s, deadline_s):
        raise IntensityProblem("the figures do not hold every hour until the deadline")
    means = _means(curve, [start_s], offsets, duration_s)[0]
    best = _first_least(means)
    return Placement(
        start_s=start_s + float(offsets[best]),
        end_s=start_s + float(offsets[best]) + duration_s,
        kg_per_j=float(means[best]),
        now_kg_per_j=float(means[0]),
        mean_kg_per_j=float(_means(curve, [start_s], [0.0], deadline_s)[0, 0]),
    )


def covers(curve: Curve, start_s: float, length_s: float) -> bool:
    """Return whether a curve holds every hour from `start_s` on for `length_s`."""
    return bool(_whole(curve, [start_s], length_s)[0])


def tried(history: Curve, profile: Profile, starts_s: FloatArray | list[float], *, duration_s: float, deadline_s: float) -> Trial | None:
    """Return what following the profile from each of `starts_s` (one time of day) would have saved; None where none can be tried.

    Starts whose hours until the deadline are not all known are left out.
    """
    import numpy as np

    starts = np.asarray(starts_s, dtype=np.float64)
    starts = starts[_whole(history, starts, deadline_s)]
    if len(starts) == 0:
        return None
    offsets = _offsets(float(starts[0]), duration_s, deadline_s)
    typical = _means(expected(profile, history.start_h, len(history.kg_per_j)), starts, offsets, duration_s)
    actual = _means(history, starts, offsets, duration_s)
    mean = _means(history, starts, [0.0], deadline_s)[:, 0]
    chosen = actual[np.arange(len(starts)), [_first_least(row) for row in typical]]
    now, foresight = actual[:, 0], actual.min(axis=1)
    possible = float((mean - foresight).sum())
    return Trial(
        hour=int(starts[0] // HOUR_S % 24),
        duration_s=duration_s,
        deadline_s=deadline_s,
        starts=len(starts),
        vs_now=_spread(now, chosen),
        vs_mean=_spread(mean, chosen),
        captured=float((mean - chosen).sum()) / possible if possible > _ALIKE * float(mean.sum()) else None,
        worse=float((chosen > now * (1 + _ALIKE)).mean()),
    )


def days_alike(history: Curve, start_s: float) -> FloatArray:
    """Return the moments of a history at the time of day of `start_s`: those of the same month of the year, or all where that has none."""
    import numpy as np

    from edgekit.decision.timing.intensity import months_and_hours

    first = history.start_h * HOUR_S
    starts = np.arange(first + (start_s - first) % 86400, history.end_h * HOUR_S, 86400.0)
    month = int(months_and_hours(int(start_s // HOUR_S), 1)[0][0])
    months = np.asarray([int(months_and_hours(int(at // HOUR_S), 1)[0][0]) for at in starts])
    return starts[months == month] if np.any(months == month) else starts


def _offsets(start_s: float, duration_s: float, deadline_s: float) -> FloatArray:
    """Return in rising order, 0 first, by how many seconds the start may be put off so that the least mean is among them."""
    import numpy as np

    if not 0 < duration_s <= deadline_s:
        raise IntensityProblem(
            "the work is longer than the time until the deadline" if duration_s > deadline_s else "the work takes no time"
        )
    last = deadline_s - duration_s
    hours = np.arange(0.0, deadline_s + 2 * HOUR_S, HOUR_S) - start_s % HOUR_S
    found = np.concatenate([[0.0, last], hours, hours - duration_s])
    return np.unique(found[(found >= 0) & (found <= last)])


def _means(curve: Curve, starts_s: FloatArray | list[float], offsets_s: FloatArray | list[float], length_s: float) -> FloatArray:
    """Return the mean intensity [start, offset] of windows of `length_s`; what lies outside the curve or is unknown counts as nothing."""
    import numpy as np

    integral = np.concatenate([[0.0], np.cumsum(np.nan_to_num(curve.kg_per_j))])
    begin = np.add.outer(np.asarray(starts_s, dtype=np.float64) - curve.start_h * HOUR_S, np.asarray(offsets_s)) / HOUR_S
    hours = np.arange(len(integral), dtype=np.float64)
    length_h = length_s / HOUR_S
    found: FloatArray = (np.interp(begin + length_h, hours, integral) - np.interp(begin, hours, integral)) / length_h
    return found


def _whole(curve: Curve, starts_s: FloatArray | list[float], length_s: float) -> NDArray[np.bool_]:
    """Return for each start whether every hour of the next `length_s` is in the curve and known."""
    import numpy as np

    starts = np.asarray(starts_s, dtype=np.float64)
    first = np.floor(starts / HOUR_S).astype(np.int64) - curve.start_h
    end = np.ceil((starts + length_s) / HOUR_S).astype(np.int64) - curve.start_h
    unknown = np.concatenate([[0], np.cumsum(~np.isfinite(curve.kg_per_j))])
    inside = (first >= 0) & (end < len(unknown))
    gaps = unknown[np.clip(end, 0, len(unknown) - 1)] - unknown[np.clip(first, 0, len(unknown) - 1)]
    found: NDArray[np.bool_] = inside & (gaps == 0)
    return found


def _first_least(means: FloatArray) -> int:
    import numpy as np

    return int(np.argmax(means <= means.min() * (1 + _ALIKE)))


def _share(before: float, after: float) -> float:
    return 1 - after / before if before > 0 else 0.0


def _spread(before: FloatArray, after: FloatArray) -> tuple[float, float, float]:
    """Return P5, median and P95 of the shares saved."""
    import numpy as np

    shares = np.where(before > 0, 1 - after / np.where(before > 0, before, 1.0), 0.0)
    low, middle, high = (float(value) for value in np.quantile(shares, (0.05, 0.5, 0.95)))
    return low, middle, high
