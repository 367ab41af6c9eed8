"""Show quantities to people: a value with its interval, its origins and its boundary, which travel together into every cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from string import ascii_lowercase

from edgekit.core.quantity import Estimate, Quality, Quantity
from edgekit.decision.numerals import amount, multiple, spread
from edgekit.decision.numerals import factor as factor_between

_LEAST_PLAIN = 1e-4  # of a currency: 0.0069 EUR can be read, 0.0000069 EUR has to be counted
_BOUNDS = {"lower_bound": "lower bound", "upper_bound": "upper bound", "partial": "both sides partial"}


@dataclass(frozen=True, slots=True)
class Cell:
    """Hold one cell: its text, a second line, and tags (origins, boundary) that no renderer may drop; `tone` only colours it.

    `marker` points to a note below the table; `span` is how many columns the cell fills; `ref` is the run or constant that
    the cell, and the rest of its row, comes from.
    """

    text: str
    detail: str = ""
    tags: tuple[str, ...] = ()
    tone: str = ""
    code: bool = False
    marker: str = ""
    span: int = 1
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """Name one column; `side` colours it, numbers are aligned right, prose may wrap."""

    title: str
    number: bool = False
    side: str = ""
    prose: bool = False


@dataclass(frozen=True, slots=True)
class Remark:
    """Hold one note below a table, with the marker that cells refer to it by, or none."""

    text: str
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Hold one table, ready to be drawn in any format; rows beyond the first `fold` may be folded away where a reader can unfold them.

    `evidence` are the runs and constants that the figures of all its rows come from, where rows do not name their own.
    """

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    intro: str = ""
    remarks: tuple[Remark, ...] = ()
    fold: int | None = None
    evidence: tuple[str, ...] = ()


def marked(table: Table) -> Table:
    """Return a table that says a reason once: where several cells are unknown for the same reason, it moves below the table."""
    reasons = Counter(cell.detail for row in table.rows for cell in row if cell.tone == "unknown" and cell.detail)
    markers = dict(zip((reason for reason, count in reasons.items() if count > 1), ascii_lowercase, strict=False))
    rows = tuple(
        tuple(replace(cell, detail="", marker=markers[cell.detail]) if _repeats(cell, markers) else cell for cell in row)
        for row in table.rows
    )
    found = tuple(Remark(reason, marker) for reason, marker in markers.items())
    return replace(table, rows=rows, remarks=(*found, *table.remarks))


def _repeats(cell: Cell, markers: Mapping[str, str]) -> bool:
    return cell.tone == "unknown" and cell.detail in markers


def figure(
    quantity: Quantity, value: Callable[[Estimate], str] | None = None, interval: Callable[[float, float], str] | None = None
) -> Cell:
    """Return a quantity as a cell: value, interval, origins and boundary; an unknown one says why."""
    if not isinstance(quantity, Estimate):
        return Cell("unknown", detail=quantity.reason, tone="unknown")
    text = value(quantity) if value else amount(quantity.value, quantity.unit, quantity.low, quantity.high)
    between = interval or (lambda low, high: spread(low, high, quantity.unit, quantity.value))
    detail = between(quantity.low, quantity.high) if quantity.high > quantity.low else ""
    detail = ", ".join(part for part in (detail, quantity.span_words) if part)
    return Cell(text, detail=detail, tags=tags(quantity), tone="caveats" if quantity.quality is not Quality.GOOD else "")


def tags(quantity: Estimate) -> tuple[str, ...]:
    """Return origins and boundary as words, what its interval leaves out because its size is unknown, and whether it is a bound."""
    words = [origin.value for origin in quantity.origins]
    if quantity.boundary is not None:
        words.append(f"at {quantity.boundary.value}")
    if quantity.unknown_terms:
        words.append(f"{' and '.join(quantity.unknown_terms)} unknown")
    return (*words, *(_BOUNDS[note.code] for note in quantity.notes if note.code in _BOUNDS))


def electricity(quantity: Quantity) -> Cell:
    """Return joules as watt-hours."""
    return figure(
        quantity,
        lambda joules: watt_hours(amount(joules.value / 3600, "W", joules.low / 3600, joules.high / 3600)),
        lambda low, high: watt_hours(spread(low / 3600, high / 3600, "W", _central(quantity, 3600))),
    )


def _central(quantity: Quantity, divisor: float = 1.0) -> float | None:
    return quantity.value / divisor if isinstance(quantity, Estimate) else None


def watt_hours(watts: str) -> str:
    """Return what was written in watts as watt-hours, at both ends of an interval."""
    return watts.replace("W", "Wh")


def carbon(quantity: Quantity) -> Cell:
    """Return kilograms as grams of CO2e."""
    return figure(
        quantity,
        lambda mass: f"{amount(mass.value, 'kg', mass.low, mass.high)} CO2e",
        lambda low, high: _of_co2e(spread(low, high, "kg", _central(quantity))),
    )


def _of_co2e(interval: str) -> str:
    return interval if interval.endswith("%") else f"{interval} CO2e"


def money(quantity: Quantity) -> Cell:
    """Return an amount of money; only what is less than a hundredth of a cent is written with a prefix (12 µEUR)."""

    def ends(low: float, high: float) -> str:
        value = _central(quantity)
        if abs(high if value is None else value) < _LEAST_PLAIN:
            return spread(low, high, "W").replace("W", quantity.unit)
        first, last = (_coins(end, quantity.unit) for end in (low, high))
        if first == last:
            return "within 0.1 %"
        return f"{first.removesuffix(f' {quantity.unit}')} to {last}"

    return figure(quantity, lambda price: _coins(price.value, price.unit), ends)


def _coins(value: float, currency: str) -> str:
    return f"{multiple(value, 3)} {currency}" if abs(value) >= _LEAST_PLAIN or value == 0 else amount(value, "W").replace("W", currency)


def share(quantity: Quantity) -> Cell:
    """Return a ratio as per cent."""
    return figure(quantity, lambda part: percent(part.value), lambda low, high: f"{100 * low:.1f} to {100 * high:.1f} %")


def percent(value: float) -> str:
    """Return a share as per cent: never "100 %" for less than all of it."""
    if 0.9995 <= value < 1:
        return "> 99.9 %"
    if 0 < value < 0.0005:
        return "< 0.1 %"
    return "100 %" if value == 1 else f"{100 * value:.1f} %"


def chance(share: float) -> str:
    """Return a probability from a finite number of draws, which is never 0 % or 100 %."""
    return "> 99.9 %" if share > 0.999 else "< 0.1 %" if share < 0.001 else percent(share)


def factor(quantity: Quantity) -> Cell:
    """Return a ratio as "150x"."""
    return figure(quantity, lambda ratio: times(ratio.value), _times_between)


def _times_between(low: float, high: float) -> str:
    return f"{times(low)} to {times(high)}" if times(low) != times(high) else factor_between(low, low, high)[1]


def times(value: float) -> str:
    """Return a factor with two to three digits."""
    return f"{multiple(value, 2 if value >= 10 else 3)}x"


def one_line(cell: Cell) -> str:
    """Return a cell on one line, tags included."""
    inside = "; ".join(part for part in (cell.detail, ", ".join(cell.tags)) if part)
    return f"{cell.text} ({inside})" if inside else cell.text


def points(quantity: Quantity) -> Cell:
    """Return a difference of two ratios in percentage points, with its sign."""
    return figure(quantity, lambda step: f"{100 * step.value:+.1f} points", lambda low, high: f"{100 * low:+.1f} to {100 * high:+.1f}")
