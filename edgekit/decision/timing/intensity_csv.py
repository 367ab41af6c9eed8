"""Read hourly intensities of a grid from a CSV: a timestamp and g CO2e/kWh in each line, every bad line named."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from edgekit.decision.timing.intensity import HIGHEST, KG_PER_J, Curve, IntensityProblem
from edgekit.decision.timing.intensity_columns import Columns, columns, shown

_LOWEST = 2.0  # g/kWh: no grid emits less in every hour
_SHOWN = 5
_EMPTY = ("", "nan", "null", "none", "na", "n/a", "-")
_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2})(?::(\d{2}))? ([AP])M", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Hold what a file said: the curve, how many of its hours are missing, whether its timestamps came without a zone or mark the end."""

    curve: Curve
    column: str
    gaps: int
    naive: bool
    ends: bool = False


def read_csv(text: str, *, zone: tzinfo | None = None, column: str | None = None, unit: str | None = None, ends: bool = False) -> Reading:
    """Return the hourly curve of a CSV text; raise IntensityProblem that names the lines that cannot be read.

    A timestamp is ISO 8601, a Unix time or month/day/year with AM or PM, and marks the beginning of its interval, or its end where the
    column's name or `ends` says so; one without an offset is local time of `zone`, UTC where none is given or the column's name says UTC.
    Rows of less than an hour are averaged; an empty value is a gap. `column` names the column of the values, `unit` what they are in.
    """
    rows = [
        (number, line) for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1) if line.strip() and not line.startswith("#")
    ]
    if not rows:
        raise IntensityProblem("the file holds no rows")
    delimiter = max(",;\t", key=rows[0][1].count)
    cells = [(number, _cells(number, line, delimiter)) for number, line in rows]
    header = cells[0][1] if not any(_is_moment(cell) for cell in cells[0][1]) else None
    chosen = columns(header, cells[0][1], column=column, unit=unit)
    moments = _Moments(UTC if chosen.utc else zone, told=chosen.utc)
    found, problems = [], []
    for number, row in cells[1:] if header is not None else cells:
        try:
            at = moments.read(_cell(row, chosen.when, "timestamp"))
            found.append((at, _value(_cell(row, chosen.value, "value"), chosen, comma=delimiter == ";"), number))
        except IntensityProblem as problem:
            problems.append(f"line {number}: {problem}")
    if problems:
        more = [f"and {len(problems) - _SHOWN} more lines"] if len(problems) > _SHOWN else []
        raise IntensityProblem("; ".join([*problems[:_SHOWN], *more]))
    ends = ends or chosen.ends
    curve, gaps = _hourly(found, ends=ends, hint=moments.naive and zone is None)
    return Reading(curve=curve, column=chosen.name, gaps=gaps, naive=moments.naive, ends=ends)


def moment(text: str, zone: tzinfo | None = None) -> float:
    """Return a timestamp (ISO 8601 or Unix time) in seconds since 1970 UTC; without an offset it is local time of `zone`, else UTC."""
    return _Moments(zone).read(text)


class _Moments:
    """Read timestamps in the order of the file: the hour that a clock shows twice in autumn is told by what came before."""

    def __init__(self, zone: tzinfo | None, *, told: bool = False) -> None:
        self._zone = zone or UTC
        self._told = told  # the column's name says so
        self._last = -math.inf
        self.naive = False

    def read(self, text: str) -> float:
        if re.fullmatch(r"\d{9,10}|\d{12,13}", text):
            return int(text) / (1000 if len(text) > 10 else 1)
        try:
            found = _american(text) or datetime.fromisoformat(text)
            if found.tzinfo is None:
                self.naive = not self._told
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
    return IntensityProblem(f"{shown(text)} is not a timestamp such as 2025-03-01T14:00Z")


def _american(text: str) -> datetime | None:
    """Return "3/1/2025 2:00:00 PM" as it is written in the USA; None for other spellings, of which some put the day first."""
    found = _US.fullmatch(text)
    if found is None:
        return None
    month, day, year, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    if not 1 <= hour <= 12:
        raise _no_moment(text)
    return datetime(year, month, day, hour % 12 + (12 if found[7] in "Pp" else 0), minute, second)


def _is_moment(text: str) -> bool:
    try:
        moment(text)
    except IntensityProblem:
        return False
    return True


def _cells(number: int, line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error as error:
        raise IntensityProblem(f"line {number}: {error}") from error


def _cell(row: Sequence[str], place: int, what: str) -> str:
    if place >= len(row):
        raise IntensityProblem(f"has no {what}")
    return row[place]


def _value(text: str, chosen: Columns, *, comma: bool) -> float:
    """Return g/kWh, NaN for a gap."""
    if text.lower() in _EMPTY:
        return math.nan
    try:
        value = float(text.replace(",", ".") if comma else text) * chosen.scale
    except ValueError:
        raise IntensityProblem(f"{shown(text)} is not a number of g CO2e/kWh") from None
    if not 0 <= value <= HIGHEST:
        raise IntensityProblem(
            f"{text if chosen.scale == 1 else f'{value:.6g}'} is no intensity in g CO2e/kWh: 0 to {HIGHEST:.0f} is expected"
        )
    return value


def _hourly(found: Sequence[tuple[float, float, int]], *, ends: bool, hint: bool) -> tuple[Curve, int]:
    """Return the means of full hours from the first to the last, and how many of them are missing."""
    import numpy as np

    ordered = sorted(found)
    if not ordered:
        raise IntensityProblem("the file holds no rows")
    times = np.asarray([at for at, _, _ in ordered])
    same = np.flatnonzero(np.diff(times) == 0)
    if len(same):
        first, second = sorted((ordered[same[0]][2], ordered[same[0] + 1][2]))
        local = ": are they local time? Name its zone, as in --zone Europe/Amsterdam" if hint else ""
        raise IntensityProblem(f"lines {first} and {second} have the same timestamp{local}")
    apart = float(np.median(np.diff(times))) if len(times) > 1 else 3600.0
    if apart > 3600:
        raise IntensityProblem(f"the rows are {apart / 3600:g} h apart: hourly figures are needed")
    times = times - apart if ends else times
    values = np.asarray([value for _, value, _ in ordered])
    known = np.isfinite(values)
    if not np.any(known):
        raise IntensityProblem("no row has a value")
    if float(values[known].max()) < _LOWEST:
        raise IntensityProblem(f"no value exceeds {float(values[known].max()):g} g/kWh: state what they are in, as in --unit kg/kWh")
    hours = (times // 3600).astype(np.int64)
    place = hours - hours[0]
    if place[-1] > 24 * 366 * 30:
        raise IntensityProblem("the rows span more than 30 years: one of the timestamps is wrong")
    count = np.bincount(place[known], minlength=int(place[-1]) + 1)
    sums = np.bincount(place[known], weights=values[known], minlength=int(place[-1]) + 1)
    means = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
    return Curve(start_h=int(hours[0]), kg_per_j=means * KG_PER_J), int((count == 0).sum())
