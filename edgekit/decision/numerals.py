"""Write numbers for readers: thousands are grouped, large counts become words, and a value has the digits its interval supports."""

from __future__ import annotations

from decimal import Decimal

from edgekit.core.units import format_interval, format_number, format_scaled, scale_for, significant_digits

_COUNTS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def multiple(value: float, digits: int = 2) -> str:
    """Return a factor rounded to `digits`, with its thousands grouped: 11000.0 is "11,000"."""
    if abs(value) < 1000:
        return format_number(value, digits)
    return f"{float(f'{value:.{digits - 1}e}'):,.0f}"


def factor(value: float, low: float, high: float) -> tuple[str, str]:
    """Return a factor and its interval to the same place: ("1.26", "1.22 to 1.30"); thousands are grouped."""
    if high >= 1000:
        return multiple(value, 3), f"{multiple(low, 3)} to {multiple(high, 3)}"
    few = _most(value, low, high)
    most = few if " to " in format_interval(low, high, "", most=few) else 5
    return format_number(value, significant_digits(value, low, high, most=most)), format_interval(low, high, "", most=most)


def count(value: float) -> str:
    """Return how many of something: 3155760000 is "3.16 billion", 86400 is "86,400"."""
    for size, word in _COUNTS:
        if value >= size:
            return f"{value / size:.3g} {word}"
    return f"{value:,.0f}" if value >= 1000 or value == round(value) else format_number(value)


def rate(per_s: float) -> str:
    """Return a rate of inferences: "1 inference/s"."""
    return f"{per_s:.4g} inference{'' if per_s == 1 else 's'}/s" if 1e-3 <= per_s < 1e4 else f"{count(per_s)} inferences/s"


def amount(value: float, unit: str, low: float | None = None, high: float | None = None) -> str:
    """Return a value with its scaled unit; three digits at most, four when the interval is narrower than 1 %."""
    return format_scaled(value, unit, low, high, most=_most(value, low, high))


def spread(low: float, high: float, unit: str, value: float | None = None) -> str:
    """Return an interval in the unit of `value` where one is given and both ends can be read in it, else in the unit of the larger end.

    Ends that are decades apart and fit no common unit have each their own; ends that look alike are not shown.
    """
    divisor, shown = scale_for(max(abs(low), abs(high)) if value is None else value, unit)
    if value is not None and not (max(abs(low), abs(high)) < 1e5 * divisor and (low <= 0 or low >= 0.01 * divisor)):
        return spread(low, high, unit)
    if value is None and 0 < low / divisor < 0.1:
        return f"{format_scaled(low, unit)} to {format_scaled(high, unit)}"
    middle = (low + high) / 2
    digits = max(3, significant_digits(middle, low, high, most=_most(middle, low, high)))
    ends = [format_number(end / divisor, digits) if abs(end) < 1000 * divisor else multiple(end / divisor, digits) for end in (low, high)]
    return "within 0.1 %" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} {shown}".rstrip()


def size(of_bytes: float) -> str:
    """Return an amount of data: 490 is "490 B", 100100 is "100 kB"; parts of a byte, as a mean may have, keep their unit."""
    if of_bytes >= 1000:
        return format_scaled(of_bytes, "B")
    return f"{of_bytes:.0f} B" if of_bytes == round(of_bytes) else f"{format_number(of_bytes)} B"


def plain(value: object) -> str:
    """Return a number as it would be printed in a table: no exponent, no trailing zeros."""
    return format(Decimal(str(value)).normalize(), "f")


def _most(value: float, low: float | None, high: float | None) -> int:
    """Return how many digits a reader is asked to read: three, or four where the interval is narrower than 1 %."""
    narrow = low is not None and high is not None and value != 0 and (high - low) / 2 < 0.005 * abs(value)
    return 4 if narrow else 3
