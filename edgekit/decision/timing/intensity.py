"""Hold how much CO2e a kilowatt-hour of a grid costs, hour by hour, and condense a year of it to a profile of 24 hours x 12 months.

Inside, intensities are kg of CO2e per joule and hours count from 1970-01-01 00:00 UTC; an hour that nobody knows is not a number (NaN).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

KG_PER_J = 1e-3 / 3.6e6  # one g/kWh
HIGHEST = 3000.0  # g/kWh: no grid emits more in an hour
LEAST_DAYS = 5  # fewer days of a month say little about its typical hour
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")


class IntensityProblem(ValueError):
    """Say in words why hourly figures or a profile cannot be used; `columns` are those of which one must be named."""

    def __init__(self, why: str, columns: Sequence[str] = ()) -> None:
        super().__init__(why)
        self.columns = tuple(columns)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Hold the intensity of consecutive hours, the first of which begins `start_h` hours after 1970-01-01 00:00 UTC; NaN where unknown."""

    start_h: int
    kg_per_j: FloatArray

    @property
    def end_h(self) -> int:
        """Return the hour at which the last one ends."""
        return self.start_h + len(self.kg_per_j)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Hold what one plan would have saved on the days that a profile was made of: P5, median and P95 as shares, and how it compares.

    `vs_now` is against starting at once, `vs_mean` against the mean until the deadline. `captured` is the share of what perfect foresight
    would have saved against the mean, None where nothing could be saved. `worse` is the share of days on which waiting cost more.
    `hour` is the hour of the day (UTC) at which all starts lay.
    """

    hour: int
    duration_s: float
    deadline_s: float
    starts: int
    vs_now: tuple[float, float, float]
    vs_mean: tuple[float, float, float]
    captured: float | None
    worse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Hold the typical intensity of each hour of the day (UTC) in each month, [month][hour] in kg/J, and where the figures come from.

    `filled` names the months without days of their own, which took the hours of all the others. `days` counts the days behind it.
    """

    region: str
    years: str
    source: str
    licence: str
    scope: str
    days: int
    median: tuple[tuple[float, ...], ...]
    p10: tuple[tuple[float, ...], ...]
    p90: tuple[tuple[float, ...], ...]
    filled: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()


def months_and_hours(start_h: int, count: int) -> tuple[IntArray, IntArray]:
    """Return the month (0 to 11) and the hour of the day (0 to 23, UTC) of `count` hours from `start_h` on."""
    import numpy as np

    hours = np.arange(start_h, start_h + count, dtype=np.int64)
    months = (hours // 24).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return months, hours % 24


def expected(profile: Profile, start_h: int, count: int) -> Curve:
    """Return the typical intensity of `count` hours from `start_h` on: the median of each one's month and hour of the day."""
    import numpy as np

    months, hours = months_and_hours(start_h, count)
    return Curve(start_h=start_h, kg_per_j=np.asarray(profile.median, dtype=np.float64)[months, hours])


def condense(curve: Curve, *, region: str, source: str, licence: str, scope: str) -> Profile:
    """Return the profile of an hourly curve; raise IntensityProblem when an hour of the day has no figure on any day.

    A month with fewer than five days of its own for some hour takes the hours of all months instead, and is named in `filled`.
    """
    import numpy as np

    months, hours = months_and_hours(curve.start_h, len(curve.kg_per_j))
    known = np.isfinite(curve.kg_per_j)
    cells = np.empty((3, 12, 24))
    filled = []
    for hour in range(24):
        if not np.any(known & (hours == hour)):
            raise IntensityProblem(f"no day has a figure for the hour from {hour:02d}:00 UTC")
    for month in range(12):
        own = [known & (hours == hour) & (months == month) for hour in range(24)]
        if min(int(chosen.sum()) for chosen in own) < LEAST_DAYS:
            filled.append(MONTHS[month])
            own = [known & (hours == hour) for hour in range(24)]
        for hour, chosen in enumerate(own):
            cells[:, month, hour] = np.quantile(curve.kg_per_j[chosen], (0.1, 0.5, 0.9))
    days = np.unique(np.arange(curve.start_h, curve.end_h)[known] // 24)
    years = np.unique(days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970)
    p10, median, p90 = (tuple(tuple(float(value) for value in row) for row in part) for part in cells)
    return Profile(
        region=region,
        years=f"{years[0]}" if len(years) == 1 else f"{years[0]} to {years[-1]}",
        source=source,
        licence=licence,
        scope=scope,
        days=len(days),
        median=median,
        p10=p10,
        p90=p90,
        filled=tuple(filled),
    )
