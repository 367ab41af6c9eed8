"""Read shares, times, sizes and settings the way people write them."""

from __future__ import annotations

import re

from edgekit.core.errors import UsageError

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_SCALES = (("", 1024), ("b", 1000), ("ib", 1024))
_BYTES = {"": 1, "b": 1} | {f"{letter}{end}": base**power for power, letter in enumerate("kmgt", 1) for end, base in _SCALES}
_SECONDS = {"ms": 1e-3, "": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def share(text: str, option: str) -> float:
    """Return "2%" or "0.02" as 0.02; raise UsageError for anything else."""
    found = re.fullmatch(rf"(?P<number>{_NUMBER})\s*(?P<unit>%?)", text.strip(), re.IGNORECASE)
    if found is None:
        raise _unreadable(text, option, "a share is written 2% or 0.02")
    number = float(found["number"])
    if not found["unit"] and number > 1:
        raise _unreadable(text, option, f"a share of {number:g} is {100 * number:g} %; for {number:g} per cent write {number:g}%")
    return number / (100 if found["unit"] else 1)


def seconds(text: str, option: str) -> float:
    """Return "90", "600s", "10m", "1h" or "1h30m" in seconds; raise UsageError for anything else."""
    parts = re.findall(rf"({_NUMBER})\s*([a-z]*)\s*", text.strip(), re.IGNORECASE)
    whole = re.fullmatch(rf"(?:{_NUMBER}\s*[a-z]*\s*)+", text.strip(), re.IGNORECASE)
    units = [unit.lower() for _, unit in parts]
    if whole is None or not set(units) <= set(_SECONDS) or ("" in units and len(units) > 1):
        raise _unreadable(text, option, "a time is written 90, 600s, 10m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for (number, _), unit in zip(parts, units, strict=True))


def rate(text: str, option: str) -> float:
    """Return "10/s", "600/min", "5 per h" or "10" in events a second; raise UsageError for anything else."""
    found = re.fullmatch(rf"(?P<number>{_NUMBER})\s*(?:(?:/|\bper\b)\s*(?P<unit>[a-z]+))?", text.strip(), re.IGNORECASE)
    unit = (found["unit"] or "s").lower() if found is not None else ""
    if found is None or unit not in _SECONDS:
        raise _unreadable(text, option, "a rate is written 10/s, 600/min or 0.5/s")
    if float(found["number"]) == 0:
        raise UsageError(f"{option} {text} is no rate", code="bench.amount", why="it must be above zero, as in 0.5/s")
    return float(found["number"]) / _SECONDS[unit]


def temperature(text: str, option: str) -> tuple[float | None, float | None]:
    """Return "45C" as (45.0, None) and "+2C" as (None, 2.0), what is added to another temperature; raise UsageError for anything else."""
    found = re.fullmatch(rf"(?P<sign>[+-]?)(?P<number>{_NUMBER})\s*(?:°?\s*C)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise _unreadable(text, option, "a temperature is written 45C, or +2C for two degrees above the one at the start")
    number = float(found["number"])
    return (None, number) if found["sign"] == "+" else (-number if found["sign"] else number, None)


def size(text: str, option: str) -> int:
    """Return "800M", "4GiB" or "4 GB" in bytes; raise UsageError for anything else, and for nothing at all."""
    found = re.fullmatch(rf"(?P<number>{_NUMBER})\s*(?P<unit>[a-z]*)", text.strip(), re.IGNORECASE)
    if found is None or found["unit"].lower() not in _BYTES or float(found["number"]) <= 0:
        raise _unreadable(text, option, "a size is written 800M, 4GiB or 4GB")
    return int(float(found["number"]) * _BYTES[found["unit"].lower()])


def setting(text: str, *, of: str, example: str) -> tuple[str, str]:
    """Return "KEY=VALUE" as (key, value); raise UsageError that says what it is an option `of`, and gives an `example`."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"{text!r} is not an option of {of}", code="usage.value", why=f"it reads KEY=VALUE, as in {example}")
    return key, value


def _unreadable(text: str, option: str, why: str) -> UsageError:
    return UsageError(f"{option} {text!r} cannot be read", code="bench.amount", why=why)
