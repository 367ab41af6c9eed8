"""Tell from the names of a CSV's columns which one holds the time, which one the intensity, in what unit, and what its timestamps mark."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.decision.timing.intensity import IntensityProblem

UNITS = "g/kWh, kg/kWh, kg/MWh, t/MWh, lb/kWh or lb/MWh"
_TIME = re.compile(r"time|date|from|start|hour|period", re.IGNORECASE)
_UTC = re.compile(r"\b(utc|gmt)\b", re.IGNORECASE)
_ENDS = re.compile(r"\bend of\b|\bending\b", re.IGNORECASE)
_VALUE = re.compile(r"intensity|gco2|g co2|co2/kwh", re.IGNORECASE)
_UNIT = re.compile(
    r"(?<![a-z])(?P<mass>g|kg|t|lbs?|grams?|pounds?|metric tons?|tonnes?)[ -]?(?:of )?(?:co(?:2|₂)[ -]?(?:e|eq)?)?"
    r" ?(?:/|per) ?(?P<energy>[km]wh)",
    re.IGNORECASE,
)
_GRAMS = {"g": 1.0, "gram": 1.0, "kg": 1e3, "t": 1e6, "tonne": 1e6, "metric ton": 1e6, "lb": 453.59237, "pound": 453.59237}
_MOST_NAMED, _MOST_LETTERS = 24, 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Hold the places of the timestamp and the value, how many g/kWh its unit is, and what the names say of the timestamps."""

    when: int
    value: int
    name: str
    scale: float = 1.0
    utc: bool = False
    ends: bool = False


def columns(header: Sequence[str] | None, first: Sequence[str], *, column: str | None, unit: str | None) -> Columns:
    """Return the columns of a file by its `header` (None: its `first` line holds figures); `column` and `unit` are what the user says.

    Raise IntensityProblem where several columns could be meant, the unit is none of an intensity, or the column's name says another one.
    """
    stated = None if unit is None else scale_of(unit)
    if header is None:
        if column is not None or len(first) != 2:
            raise IntensityProblem(f"the first line has {len(first)} columns and no names: two are expected, a timestamp and g/kWh")
        return Columns(when=0, value=1, name="column 2", scale=stated or 1.0)
    words = [name.replace("_", " ") for name in header]  # hour_ending_utc and lb_per_mwh say what they would in prose
    timed = [place for place, name in enumerate(words) if _TIME.search(name)]
    when = next((place for place in timed if _UTC.search(words[place])), next(iter(timed), 0))
    value = _value(header, words, when, column)
    named = _scale_in(words[value])
    if stated is not None and named is not None and not math.isclose(stated, named):
        raise IntensityProblem(
            f"the name of column {shown(header[value])} says another unit than --unit {unit}: leave --unit out, or rename it"
        )
    return Columns(
        when=when,
        value=value,
        name=header[value],
        scale=stated or named or 1.0,
        utc=_UTC.search(words[when]) is not None,
        ends=_ENDS.search(words[when]) is not None,
    )


def scale_of(unit: str) -> float:
    """Return how many g/kWh one of `unit` ("lb/MWh") is; raise IntensityProblem for what is no unit of an intensity."""
    found = _UNIT.fullmatch(unit.strip())
    if found is None:
        raise IntensityProblem(f"{shown(unit)} is no unit of an intensity: {UNITS} is expected")
    return _scale(found)


def shown(text: str) -> str:
    """Return a text of the file in quotes, its end left out where it is long."""
    return repr(text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}...")


def _scale_in(name: str) -> float | None:
    found = _UNIT.search(name)
    return None if found is None else _scale(found)


def _scale(found: re.Match[str]) -> float:
    return _GRAMS[found["mass"].lower().removesuffix("s")] / (1000.0 if found["energy"].lower() == "mwh" else 1.0)


def _value(header: Sequence[str], words: Sequence[str], when: int, column: str | None) -> int:
    others = [place for place in range(len(header)) if place != when]
    likely = [place for place in others if _VALUE.search(words[place]) or _UNIT.search(words[place])]
    meant = [place for place in others if header[place] == column] if column is not None else others if len(others) == 1 else likely
    if len(meant) == 1:
        return meant[0]
    candidates = list(dict.fromkeys(header[place] for place in likely or others))
    if column is not None and not meant:
        raise IntensityProblem(f"no column is called {shown(column)}; there are {_names(header)}", candidates)
    if column is not None:
        raise IntensityProblem(f"{len(meant)} columns are called {shown(column)}: rename the one that is meant")
    raise IntensityProblem(f"which column holds g CO2e/kWh? Name it with --column; there are {_names(header)}", candidates)


def _names(header: Sequence[str]) -> str:
    more = [f"and {len(header) - _MOST_NAMED} more"] if len(header) > _MOST_NAMED else []
    return ", ".join([*map(shown, header[:_MOST_NAMED]), *more])
