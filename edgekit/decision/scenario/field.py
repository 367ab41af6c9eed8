"""Describe one line that a scenario may hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "choice", "quantity", "ratio", "count", "price", "date", "region", "flag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Describe one line: dotted `key` in the file, `attribute` of Scenario, `unit` (pint) and limits of its number.

    `minimum` may be reached only where `closed` is True. `default` is the attribute's value when the line is absent. A `ranged` quantity
    may state the range of its source: "0.17 kgCO2e (0.08 to 0.29)", or a table of value, low and high.
    """

    key: str
    attribute: str
    kind: Kind
    example: str
    about: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    minimum: float = 0.0
    closed: bool = False
    maximum: float | None = None
    default: str | float | int | None = None
    ranged: bool = False
