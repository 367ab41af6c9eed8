"""Write one region for people: a figure never without its interval, boundary and origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.core.quantity import Estimate, Quality
from edgekit.core.units import format_scaled

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
    return f"{_shown(region.name)}: {figure}{' per unit' if region.units else ''}{spent}{units}{f' {CAVEAT}' if doubtful else ''}"


def page(region: Region) -> str:
    """Return the line with every boundary, the budget of the headline and the notes below it."""
    rows = [line(region)]
    rows += [f"  {place}: {found}" for place, found in region.channels.items()]
    if region.channels:
        rows.append(f"  net of idle: {region.net_j}")
    headline = region.energy_j
    for term in headline.budget if isinstance(headline, Estimate) else ():
        size = f"within a factor of {term.factor:g}" if term.factor else f"unknown: {term.reason}"
        size = f"± {format_scaled(2 * term.u, headline.unit)} (2 u)" if term.u is not None else size
        rows.append(f"  {term.name}: {size}{f'; to shrink it: {term.shrink}' if term.shrink else ''}")
    rows += [f"  {CAVEAT} {_shown(note.text)}{f'; {note.advice}' if note.advice else ''}" for note in region.notes]
    return "\n".join(rows)


def _shown(text: str) -> str:
    """Return words of the program's own with their control characters written out, so that none drives the terminal."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
