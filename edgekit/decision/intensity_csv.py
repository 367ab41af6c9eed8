"""Read hourly intensities of a grid from a CSV: a timestamp and g CO2e/kWh in each line, every bad line named."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from edgekit.decision.intensity import KG_PER_J, Curve, IntensityProblem

_HIGHEST, _LOWEST = 3000.0, 2.0  # g/kWh: no grid emits more in an hour, and none less in every hour
_SHOWN = 5
_TIME = re.compile(r"time|date|from|start|hour", re.IGNORECASE)
_VALUE = re.compile(r"intensity|gco2|g co2|co2/kwh", re.IGNORECASE)
_EMPTY = ("", "nan", "null", "none", "na", "n/a", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Hold what a file said: the curve, how many of its hours are missing, and whether its timestamps came without a zone."""

    curve: Curve
    column: str
    gaps: int
    naive: bool


def read_csv(text: str, *, zone: tzinfo | None = None, column: str | None = None) -> Reading:
    """Return the hourly curve of a CSV text; raise IntensityProblem that names the lines that cannot be read.

    A timestamp is ISO 8601 or a Unix time and marks the beginning of its interval; one without an offset is local time of `zone`, UTC where
    none is given. Rows of less than an hour are averaged; an empty value is a gap. `column` names the column of the values.
    """
    rows = [
        (number, line) for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1) if line.strip() and not line.startswith("#")
    ]
    if not rows:
        raise IntensityProblem("the file holds no rows")
    delimiter = max(",;\t", key=rows[0][1].count)
    cells = [(number, [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]) for number, line in rows]
    header = cells[0][1] if not _is_moment(cells[0][1][0]) and not any(_is_moment(cell) for cell in cells[0][1]) else None
    when, value = _columns(header, cells[0][1], column)
    moments = _Moments(zone)
    found, problems = [], []
    for number, row in cells[1:] if header is not None else cells:
        try:
            found.append((moments.read(_cell(row, when, "timestamp")), _value(_cell(row, value, "value"), comma=delimiter == ";"), number))
        except IntensityProblem as problem:
            problems.append(f"line {number}: {problem}")
    if problems:
        more = [f"and {len(problems) - _SHOWN} more lines"] if len(problems) > _SHOWN else []
        raise IntensityProblem("; ".join([*problems[:_SHOWN], *more]))
    curve, gaps = _hourly(found)
    return Reading(curve=curve, column=header[value] if header is not None else f"column {value + 1}", gaps=gaps, naive=moments.naive)


def moment(text: str, zone: tzinfo | None = None) -> float:
    """Return a timestamp (ISO 8601 or Unix time) in seconds since 1970 UTC; without an offset it is local time of `zone`, else UTC."""
    return _Moments(zone).read(text)


class _Moments:
    """Read timestamps in the order of the file: the hour that a clock shows twice in autumn is told by what came before."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone or UTC
        self._last = -math.inf
        self.naive = False

    def read(self, text: str) -> float:
        if re.fullmatch(r"\d{9,10}|\d{12,13}", text):
            return int(text) / (1000 if len(text) > 10 else 1)
        try:
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                self.naive = True
                found = self._local(found, text)
            self._last = found.timestamp()
        except (ValueError, OverflowError) as error:  # the year 1 has no time before it
            raise (error if isinstance(error, IntensityProblem) else _no_moment(text)) from None
        return self._last

    def _local(self, naive: datetime, text: str) -> datetime:
        found = naive.replace(tzinfo=self._zone)
        if found.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != naive:
            raise IntensityProblem(f"{text!r} does not exist in {self._zone}: clocks were put forward")
        return found if found.timestamp() > self._last else found.replace(fold=1)


def _no_moment(text: str) -> IntensityProblem:
    return IntensityProblem(f"{text!r} is not a timestamp such as 2025-03-01T14:00Z")


def _is_moment(text: str) -> bool:
    try:
        moment(text)
    except IntensityProblem:
        return False
    return True


def _columns(header: Sequence[str] | None, first: Sequence[str], column: str | None) -> tuple[int, int]:
    """Return the places of the timestamp and the value."""
    if header is None:
        if column is not None or len(first) != 2:
            raise IntensityProblem(f"the first line has {len(first)} columns and no names: two are expected, a timestamp and g/kWh")
        return 0, 1
    names = ", ".join(repr(name) for name in header)
    when = next((place for place, name in enumerate(header) if _TIME.search(name)), 0)
    others = [place for place in range(len(header)) if place != when]
    if column is not None:
        others = [place for place in others if header[place] == column]
        if not others:
            raise IntensityProblem(f"no column is called {column!r}; there are {names}")
    elif len(others) > 1:
        others = [place for place in others if _VALUE.search(header[place])]
    if len(others) != 1:
        raise IntensityProblem(f"which column holds g CO2e/kWh? Name it with --column; there are {names}")
    return when, others[0]


def _cell(row: Sequence[str], place: int, what: str) -> str:
    if place >= len(row):
        raise IntensityProblem(f"has no {what}")
    return row[place]


def _value(text: str, *, comma: bool) -> float:
    """Return g/kWh, NaN for a gap."""
    if text.lower() in _EMPTY:
        return math.nan
    try:
        value = float(text.replace(",", ".") if comma else text)
    except ValueError:
        raise IntensityProblem(f"{text!r} is not a number of g CO2e/kWh") from None
    if not 0 <= value <= _HIGHEST:
        raise IntensityProblem(f"{text} is no intensity in g CO2e/kWh: 0 to {_HIGHEST:.0f} is expected")
    return value


def _hourly(found: Sequence[tuple[float, float, int]]) -> tuple[Curve, int]:
    """Return the means of full hours from the first to the last, and how many of them are missing."""
    import numpy as np

    ordered = sorted(found)
    if not ordered:
        raise IntensityProblem("the file holds no rows")
    times = np.asarray([at for at, _, _ in ordered])
    same = np.flatnonzero(np.diff(times) == 0)
    if len(same):
        first, second = sorted((ordered[same[0]][2], ordered[same[0] + 1][2]))
        raise IntensityProblem(f"lines {first} and {second} have the same timestamp")
    if len(times) > 1 and float(np.median(np.diff(times))) > 3600:
        raise IntensityProblem(f"the rows are {float(np.median(np.diff(times))) / 3600:g} h apart: hourly figures are needed")
    values = np.asarray([value for _, value, _ in ordered])
    known = np.isfinite(values)
    if not np.any(known):
        raise IntensityProblem("no row has a value")
    if float(values[known].max()) < _LOWEST:
        raise IntensityProblem(f"no value exceeds {float(values[known].max()):g} g/kWh: are they kg/kWh?")
    hours = (times // 3600).astype(np.int64)
    place = hours - hours[0]
    if place[-1] > 24 * 366 * 30:
        raise IntensityProblem("the rows span more than 30 years: one of the timestamps is wrong")
    count = np.bincount(place[known], minlength=int(place[-1]) + 1)
    sums = np.bincount(place[known], weights=values[known], minlength=int(place[-1]) + 1)
    means = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
    return Curve(start_h=int(hours[0]), kg_per_j=means * KG_PER_J), int((count == 0).sum())
