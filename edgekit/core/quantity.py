"""Represent every figure edgekit states: an Estimate with interval, boundary and origins, or an Unknown with its reason.

    Quantity = Estimate | Unknown

A value that is not known is `Unknown(reason=...)`, never 0. Origins are a set, because a derived value inherits those of all its inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from edgekit.core.boundary import Boundary
from edgekit.core.units import Unit, format_with_interval

SPAN = "interval.span"  # code of the note that names an interval that is not one of 95 %


class Origin(StrEnum):
    """Say how a value came to be."""

    MEASURED = "measured"
    EMULATED = "emulated"
    ESTIMATED = "estimated"
    MODELED = "modeled"
    SOURCED = "sourced"


class Quality(StrEnum):
    """Say how far a value may be trusted; apart from its origin."""

    GOOD = "good"
    CAVEATS = "caveats"
    UNMEASURABLE = "unmeasurable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Carry one remark as data: a stable code, a sentence, and what to do about it."""

    code: str
    text: str
    advice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetTerm:
    """Hold one line of an uncertainty budget (JCGM 100): standard uncertainty `u` in the unit of the quantity.

    `kind` is "A" (statistics of repeated windows) or "B" (everything else). `u` is None where the term is unknown; `reason` then says why.
    `factor` is set instead for multiplicative terms stated as "within a factor of f". `instrument` tags terms that cancel in ratios.
    `freedom` is the degrees of freedom of a type A evaluation; None stands for many.
    """

    name: str
    kind: str
    u: float | None
    factor: float | None = None
    reason: str | None = None
    shrink: str | None = None
    instrument: str | None = None
    freedom: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Hold a known value with its coverage interval [low, high] at `level`, in `unit`; `n` counts the windows behind it."""

    value: float
    low: float
    high: float
    unit: Unit
    origins: tuple[Origin, ...]
    boundary: Boundary | None = None
    level: float = 0.95
    n: int | None = None
    quality: Quality = Quality.GOOD
    budget: tuple[BudgetTerm, ...] = ()
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"interval [{self.low}, {self.high}] does not hold the value {self.value}")
        if not self.origins:
            raise ValueError("an estimate states at least one origin")
        if self.unit == "J" and self.boundary is None:
            raise ValueError("an energy states the boundary at which it was counted")

    def __str__(self) -> str:
        """Return "1.920 mJ ± 0.041 mJ at cpu_package (measured)": value and interval, where, how it came to be, what of it is unknown."""
        place = f" at {self.boundary}" if self.boundary is not None else ""
        unknown = f"; {' and '.join(self.unknown_terms)} unknown" if self.unknown_terms else ""
        return f"{format_with_interval(self.value, self.low, self.high, self.unit)}{place} ({', '.join(self.origins)}{unknown})"

    @property
    def span_words(self) -> str:
        """Return what the interval is where it is not one of 95 %: "min to max" of what was seen, or what a note of the figure says."""
        told = next((note.text for note in self.notes if note.code == SPAN), "min to max")
        return told if self.level >= 1 and self.high > self.low else ""

    @property
    def unknown_terms(self) -> tuple[str, ...]:
        """Return the names of what the interval leaves out, because nobody knows its size; what a single window cannot tell is not one."""
        sizeless = [term.name for term in self.budget if term.kind == "B" and term.u is None and term.factor is None]
        return tuple(dict.fromkeys(sizeless))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Hold the reason why a value is not known; `value`, `low` and `high` are always None, so that JSON shows null."""

    reason: str
    unit: Unit
    boundary: Boundary | None = None
    origins: tuple[Origin, ...] = ()
    quality: Quality = Quality.UNMEASURABLE
    notes: tuple[Note, ...] = ()
    value: None = None
    low: None = None
    high: None = None

    def __str__(self) -> str:
        """Return "unknown" with the reason."""
        return f"unknown ({self.reason})"


Quantity = Estimate | Unknown


def worst(*found: Quality) -> Quality:
    """Return the least of several qualities: what is made of figures is no better than any of them."""
    return max(found, key=tuple(Quality).index)


def merge_origins(*groups: Iterable[Origin]) -> tuple[Origin, ...]:
    """Return the union of origins in the fixed order of the Origin enum."""
    present = {origin for group in groups for origin in group}
    return tuple(origin for origin in Origin if origin in present)


_TRUST = (Origin.MEASURED, Origin.EMULATED, Origin.ESTIMATED, Origin.MODELED, Origin.SOURCED)


def trust(origins: Iterable[Origin]) -> int:
    """Return the rank of a figure by the weakest of its origins, 0 first: what an instrument read comes before what was assumed."""
    return max((_TRUST.index(origin) for origin in origins), default=len(_TRUST))
