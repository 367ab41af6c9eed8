"""Show quantities to people: a value with its interval, its origins and its boundary, which travel together into every cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgekit.core.quantity import Estimate, Quality, Quantity
from edgekit.core.units import format_interval, format_number, format_scaled

_BOUNDS = {"lower_bound": "lower bound", "upper_bound": "upper bound", "partial": "both sides partial"}


@dataclass(frozen=True, slots=True)
class Cell:
    """Hold one cell: its text, a second line, and tags (origins, boundary) that no renderer may drop; `tone` only colours it."""

    text: str
    detail: str = ""
    tags: tuple[str, ...] = ()
    tone: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """Name one column; numbers are aligned right."""

    title: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Hold one table, ready to be drawn in any format."""

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    intro: str = ""


def figure(quantity: Quantity, value: Callable[[float], str] | None = None, interval: Callable[[float, float], str] | None = None) -> Cell:
    """Return a quantity as a cell: value, interval, origins and boundary; an unknown one says why."""
    if not isinstance(quantity, Estimate):
        return Cell("unknown", detail=quantity.reason, tone="unknown")
    text = value(quantity.value) if value else format_scaled(quantity.value, quantity.unit, quantity.low, quantity.high)
    spread = interval or (lambda low, high: format_interval(low, high, quantity.unit))
    detail = spread(quantity.low, quantity.high) if quantity.high > quantity.low else ""
    return Cell(text, detail=detail, tags=tags(quantity), tone="caveats" if quantity.quality is not Quality.GOOD else "")


def tags(quantity: Estimate) -> tuple[str, ...]:
    """Return origins and boundary as words, and whether the figure is a bound."""
    words = [origin.value for origin in quantity.origins]
    if quantity.boundary is not None:
        words.append(f"at {quantity.boundary.value}")
    return (*words, *(_BOUNDS[note.code] for note in quantity.notes if note.code in _BOUNDS))


def electricity(quantity: Quantity) -> Cell:
    """Return joules as watt-hours."""
    return figure(
        quantity,
        lambda joules: format_scaled(joules / 3600, "W") + "h",
        lambda low, high: format_interval(low / 3600, high / 3600, "W") + "h",
    )


def carbon(quantity: Quantity) -> Cell:
    """Return kilograms as grams of CO2e."""
    return figure(
        quantity, lambda value: f"{format_scaled(value, 'kg')} CO2e", lambda low, high: f"{format_interval(low, high, 'kg')} CO2e"
    )


def money(quantity: Quantity) -> Cell:
    """Return an amount of money."""
    return figure(quantity, lambda value: f"{format_number(value)} {quantity.unit}")


def share(quantity: Quantity) -> Cell:
    """Return a ratio as per cent."""
    return figure(quantity, percent, lambda low, high: f"{100 * low:.1f} to {100 * high:.1f} %")


def percent(value: float) -> str:
    """Return a share as per cent: never "100 %" for less than all of it."""
    if 0.9995 <= value < 1:
        return "> 99.9 %"
    if 0 < value < 0.0005:
        return "< 0.1 %"
    return f"{100 * value:.1f} %"


def factor(quantity: Quantity) -> Cell:
    """Return a ratio as "150x"."""
    return figure(quantity, times, lambda low, high: f"{times(low)} to {times(high)}")


def times(value: float) -> str:
    """Return a factor with two to three digits."""
    return f"{format_number(value, 2 if value >= 10 else 3)}x"


def one_line(cell: Cell) -> str:
    """Return a cell on one line, tags included."""
    inside = "; ".join(part for part in (cell.detail, ", ".join(cell.tags)) if part)
    return f"{cell.text} ({inside})" if inside else cell.text


def points(quantity: Quantity) -> Cell:
    """Return a difference of two ratios in percentage points, with its sign."""
    return figure(quantity, lambda value: f"{100 * value:+.1f} points", lambda low, high: f"{100 * low:+.1f} to {100 * high:+.1f}")
