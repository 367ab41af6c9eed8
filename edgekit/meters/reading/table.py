"""Understand a table of readings: a header that names its columns, t_s or t_ns first, then numbers. Pure."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import Final

from edgekit.core.errors import UsageError
from edgekit.core.trace import LAST_NS
from edgekit.meters.reading.printed import complete, named

_TIMES: Final = {"t_s": 10**9, "t_ms": 10**6, "t_us": 10**3, "t_ns": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Hold the numbers of one row by quantity, at `t_ns` of the table's own time."""

    t_ns: int
    values: dict[str, float]


def quantities(text: str, *, where: str) -> frozenset[str]:
    """Return which quantities become readings: watts where there are any, else volts and amperes; joules too."""
    _, _, columns, _ = _header(text, where)
    return frozenset(columns.values())


def parse_table(text: str, *, where: str, growing: bool = False) -> tuple[Row, ...]:
    """Return the rows of a table in order of time; raise UsageError that names the line where it is none.

    A `growing` one may hold no rows yet, and the last line of it may be half written.
    """
    place, unit_ns, columns, rows = _header(text, where)
    if growing and not text.endswith("\n"):
        rows = rows[:-1]
    made: list[Row] = []
    for line, fields in rows:
        if not any(field.strip() for field in fields):
            continue
        try:
            t_ns = _time_ns(fields[place], unit_ns)
            values = {name: _number(fields[at]) for at, name in columns.items()}
        except (IndexError, ValueError, OverflowError) as error:
            raise _wrong(where, f"line {line}: {error if str(error) else 'a number is missing'}") from error
        if made and t_ns <= made[-1].t_ns:
            raise _wrong(where, f"line {line}: its time is not later than that of the row before")
        made.append(Row(t_ns=t_ns, values=values))
    if not made and not growing:
        raise _wrong(where, "it holds no rows")
    return tuple(made)


def _header(text: str, where: str) -> tuple[int, int, dict[int, str], list[tuple[int, list[str]]]]:
    lines = [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith(("#", ";"))]
    if not lines:
        raise _wrong(where, "it is empty")
    mark = max(",;\t", key=lines[0][1].count)
    try:
        rows = [(place, fields) for place, line in lines for fields in csv.reader([line], delimiter=mark)]
    except csv.Error as error:
        raise _wrong(where, str(error)) from error
    names = [name.strip().lower() for name in rows[0][1]]
    times = [place for place, name in enumerate(names) if name in _TIMES]
    found = {place: quantity for place, name in enumerate(names) if (quantity := named(name))}
    held = frozenset(found.values())
    if len(times) != 1 or len(held) != len(found) or not complete(held):
        raise _wrong(where, f"its header is {', '.join(names)[:80]!r}; it needs t_s or t_ns, and watts, or volts and amps, each once")
    if "watts" in held:  # volts and amperes beside them would be the same power again
        found = {place: name for place, name in found.items() if name not in ("volts", "amps")}
    return times[0], _TIMES[names[times[0]]], found, rows[1:]


def _time_ns(field: str, unit_ns: int) -> int:
    text = field.strip()
    t_ns = int(text) * unit_ns if text.lstrip("-").isdecimal() and len(text) < 20 else round(_number(field) * unit_ns)
    if abs(t_ns) >= LAST_NS:
        raise ValueError(f"{text[:20]} is no time")
    return t_ns


def _number(field: str) -> float:
    value = float(field)
    if not math.isfinite(value) or abs(value) > 1e15:
        raise ValueError(f"{field.strip()[:20]} is no reading")
    return value


def _wrong(where: str, why: str) -> UsageError:
    return UsageError(
        f"{where} holds no readings that can be used",
        code="csv.format",
        why=why,
        do=[("it begins like this, with a column t_s and watts, or volts and amps:", f"head -3 {where}")],
    )
