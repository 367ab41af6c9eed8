"""Write one region for people: a figure never without its interval, boundary and origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.core.quantity import Estimate, Quality, Quantity
from edgekit.core.units import format_number, format_scaled, scale_for, significant_digits

if TYPE_CHECKING:
    from edgekit.region.region import Region

CAVEAT = "!"  # ends a line whose figure has to be read with the notes of `explain()`


def line(region: Region) -> str:
    """Return the region on one line: "decode: 1.92 J ± 0.04 J at cpu_package (measured), 0.31 s"."""
    seconds = region.duration_s
    spent = "" if seconds is None else f", {format_scaled(seconds, 's')}"
    units = f", {region.units} units" if region.units else ""
    figure = region.energy_j_per_unit if region.units else region.energy_j
    doubtful = figure.quality is not Quality.GOOD or region.notes or region.raised
    return f"{region.name}: {shown(figure)}{' per unit' if region.units else ''}{spent}{units}{f' {CAVEAT}' if doubtful else ''}"


def shown(quantity: Quantity) -> str:
    """Return a quantity with its interval, boundary and origins; an unknown one with its reason."""
    if not isinstance(quantity, Estimate):
        return f"unknown ({quantity.reason})"
    place = f" at {quantity.boundary}" if quantity.boundary is not None else ""
    return f"{_interval(quantity)}{place} ({', '.join(quantity.origins)})"


def page(region: Region) -> str:
    """Return the line with every boundary, the budget of the headline and the notes below it."""
    rows = [line(region)]
    rows += [f"  {place}: {shown(found)}" for place, found in region.channels.items()]
    if region.channels:
        rows.append(f"  net of idle: {shown(region.net_j)}")
    headline = region.energy_j
    for term in headline.budget if isinstance(headline, Estimate) else ():
        size = f"within a factor of {term.factor:g}" if term.factor else f"unknown: {term.reason}"
        size = f"± {format_scaled(2 * term.u, headline.unit)} (2 u)" if term.u is not None else size
        rows.append(f"  {term.name}: {size}{f'; to shrink it: {term.shrink}' if term.shrink else ''}")
    rows += [f"  {CAVEAT} {note.text}{f'; {note.advice}' if note.advice else ''}" for note in region.notes]
    return "\n".join(rows)


def _interval(found: Estimate) -> str:
    below, above = found.value - found.low, found.high - found.value
    if max(below, above) == 0:
        return format_scaled(found.value, found.unit)
    if abs(above - below) > 0.05 * max(above, below):
        ends = f"{format_scaled(found.low, found.unit)} to {format_scaled(found.high, found.unit)}"
        return f"{format_scaled(found.value, found.unit, found.low, found.high)} ({ends})"
    divisor, unit = scale_for(found.value, found.unit)
    digits = significant_digits(found.value, found.low, found.high)
    return f"{format_number(found.value / divisor, digits)} {unit} ± {format_number(above / divisor, 2)} {unit}"
