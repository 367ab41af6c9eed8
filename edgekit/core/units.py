"""Format base-unit numbers for people. Inside edgekit every number is in J, W, s, kg, B or a ratio; only this module scales it."""

from __future__ import annotations

import math
from typing import Final, Literal

Unit = Literal["J", "W", "V", "A", "s", "kg", "B", "1", "Hz", "degC", "USD", "EUR", "dB", "L"]

_PREFIXES: Final[tuple[tuple[float, str], ...]] = (
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
)
_SCALED: Final = frozenset({"J", "W", "V", "A", "s", "B", "Hz", "L"})


_NOTHING = 1e-4  # an end that is this small beside the half-width is written without an exponent
_EXACT_REL, _EXACT_DIGITS = 1e-6, 6  # closer than this only arithmetic and emulated instruments are, and nobody reads more digits


def significant_digits(value: float, low: float | None = None, high: float | None = None, *, most: int = 5) -> int:
    """Return how many digits of `value` its interval supports (2 to `most`; 3 without an interval).

    Two digits of the half-width are meaningful (JCGM 100, 7.2.6), so the value is shown down to the half-width's second digit.
    """
    if low is None or high is None or value == 0 or not math.isfinite(value):
        return 3
    half_width = (high - low) / 2
    if not 0 < half_width < math.inf:
        return 3
    return max(2, min(most, math.floor(math.log10(abs(value))) - math.floor(math.log10(half_width)) + 2))


def format_number(value: float, digits: int = 3) -> str:
    """Return `value` rounded to `digits` significant digits, without exponent between 1e-4 and 1e6."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    exponent = math.floor(math.log10(abs(value)))
    rounded = round(value, digits - 1 - exponent)
    if not 1e-4 <= abs(rounded) < 1e6:
        return f"{value:.{digits - 1}e}"
    return f"{rounded:.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}"


def counted(count: int, noun: str) -> str:
    """Return how many of something: "1 window", "3 windows"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def scale_for(value: float, unit: str) -> tuple[float, str]:
    """Return (divisor, display unit) that brings `value` between 1 and 1000: 2e-6 "J" gives (1e-6, "µJ"); kg becomes g or below."""
    if unit == "kg":
        divisor, shown = scale_for_grams(value * 1000)
        return divisor / 1000, shown
    if unit not in _SCALED or value == 0 or not math.isfinite(value):
        return 1.0, "" if unit == "1" else unit
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor and not (unit == "s" and factor > 1):
            return factor, prefix + unit
    return _PREFIXES[-1][0], _PREFIXES[-1][1] + unit


def scale_for_grams(grams: float) -> tuple[float, str]:
    """Return (divisor in grams, display unit) for a mass given in grams, from ng to t; nothing is 0 g."""
    if grams == 0:
        return 1.0, "g"
    for factor, shown in ((1e6, "t"), (1e3, "kg"), (1.0, "g"), (1e-3, "mg"), (1e-6, "µg")):
        if abs(grams) >= factor:
            return factor, shown
    return 1e-9, "ng"


def format_scaled(value: float, unit: str, low: float | None = None, high: float | None = None, *, most: int = 5) -> str:
    """Return one value with its scaled unit, digits following the interval: `format_scaled(2.134e-6, "J", 2.0e-6, 2.3e-6)` is "2.13 µJ"."""
    divisor, shown = scale_for(value, unit)
    text = format_number(value / divisor, significant_digits(value, low, high, most=most))
    return f"{text} {shown}".rstrip()


def _exact(value: float, unit: str) -> tuple[str, str, str]:
    """Return ("732.000", "0.001", "µJ"): six digits, one step of the last of them, and the unit, for what is known better than that."""
    divisor, shown = scale_for(value, unit)
    last = math.floor(math.log10(abs(value / divisor))) + 1 - _EXACT_DIGITS
    return format_number(value / divisor, _EXACT_DIGITS), f"{10.0**last:.{max(0, -last)}f}", shown


def format_with_interval(value: float, low: float, high: float, unit: str) -> str:
    """Return "1.920 mJ ± 0.041 mJ", both to the same decimal; "1.9 mJ (0.60 to 5.8 mJ)" where the interval is not even."""
    below, above = value - low, high - value
    if max(below, above) == 0:
        return format_scaled(value, unit)
    if max(below, above) < _EXACT_REL * abs(value):
        number, step, shown = _exact(value, unit)
        return f"{number} {shown} ± <{step} {shown}".replace("  ", " ").rstrip()
    if abs(above - below) > 0.05 * max(above, below):
        return f"{_beside(value, low, high, unit)} ({format_ends(low, high, unit)})"
    divisor, shown = scale_for(max(abs(value), above), unit)
    number = _above_noise(value / divisor, above / divisor) or format_number(value / divisor, significant_digits(value, low, high, most=12))
    return f"{number} {shown} ± {format_number(above / divisor, 2)} {shown}".replace("  ", " ").rstrip()


def format_compact(value: float, low: float, high: float, unit: str) -> str:
    """Return "850 ± 190 mJ" for a narrow column; "0.60 to 5.8 mJ" where the interval is not even."""
    below, above = value - low, high - value
    if 0 < max(below, above) < _EXACT_REL * abs(value):
        number, step, shown = _exact(value, unit)
        return f"{number} ± <{step} {shown}".rstrip()
    if abs(above - below) > 0.05 * max(above, below):
        return format_interval(low, high, unit)
    divisor, shown = scale_for(max(abs(value), above), unit)
    half = f" ± {format_number(above / divisor, 2)}" if above else ""
    number = _above_noise(value / divisor, above / divisor) or format_number(value / divisor, significant_digits(value, low, high))
    return f"{number}{half} {shown}".rstrip()


def _beside(value: float, low: float, high: float, unit: str) -> str:
    """Return a value in its own unit, or in that of its uneven interval where it is lost in it."""
    half = (high - low) / 2
    divisor, shown = scale_for(half, unit)
    number = _above_noise(value / divisor, half / divisor)
    return format_scaled(value, unit, low, high) if number is None else f"{number} {shown}".rstrip()


def _above_noise(value: float, half: float) -> str | None:
    """Return a value smaller than its half-width rounded to the second digit of that: "0.0" beside 7.2; None for one that is larger.

    Digits of its own would say nothing, and a difference near zero would be written with an exponent.
    """
    if not abs(value) < half < math.inf:
        return None
    decimals = 1 - math.floor(math.log10(half))
    return f"{round(value, decimals) + 0.0:.{max(0, decimals)}f}"


def format_interval(low: float, high: float, unit: str, *, most: int = 5) -> str:
    """Return "low to high unit" with one common scale chosen by the upper bound, both down to the second digit of the half-width.

    That is the place to which its value is shown. Ends that `most` digits do not tell apart become "within 0.01 %", or "no width".
    """
    divisor, shown = scale_for(max(abs(low), abs(high)), unit)
    ends = _ends(low / divisor, high / divisor, most)
    return f"{ends[0]} to {ends[1]} {shown}".rstrip() if ends[0] != ends[1] else _within(low, high)


def format_ends(low: float, high: float, unit: str, *, most: int = 5) -> str:
    """Return an interval as `format_interval` does, each end in its own unit where they are decades apart."""
    divisor, _ = scale_for(max(abs(low), abs(high)), unit)
    if not 0 < low / divisor < 0.1:
        return format_interval(low, high, unit, most=most)
    half = (high - low) / 2
    return " to ".join(format_scaled(end, unit, end - half, end + half, most=most) for end in (low, high))


def format_between(value: float, low: float, high: float) -> str:
    """Return a plain number with its interval, all to the same place: "0.972 (0.958 to 0.983)"."""
    return f"{format_number(value, significant_digits(value, low, high))} ({format_interval(low, high, '')})"


def _ends(low: float, high: float, most: int) -> tuple[str, str]:
    """Return both ends of an interval to the same place, that of the larger one; two digits of the smaller one, where any are left."""
    half, larger = (high - low) / 2, max(abs(low), abs(high))
    if not 0 < half < math.inf:
        return format_number(low), format_number(high)
    place = math.floor(math.log10(larger)) + 1 - significant_digits(larger, larger - half, larger + half, most=most)
    return _to_place(low, place, half), _to_place(high, place, half)


def _to_place(value: float, place: int, half: float) -> str:
    if abs(value) < _NOTHING * half:
        return f"{0:.{max(0, -place)}f}" if value else "0"
    own = math.floor(math.log10(abs(value)))
    decimals = max(-place, 1 - own)
    if not 1e-4 <= abs(value) < 1e6:
        return format_number(value, decimals + own + 1)
    return f"{round(value, decimals):.{max(0, decimals)}f}"


def _within(low: float, high: float) -> str:
    """Return how close ends that look alike are to their middle."""
    if high <= low:
        return "no width"
    share = (high - low) / abs(low + high)
    return f"within {next((step for step in (0.001, 0.01, 0.1) if 100 * share <= step), 1):g} %"
