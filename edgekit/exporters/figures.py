"""Take a report apart into its figures: one row each, with what it is of, where it was counted, how it came to be and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from edgekit.core.quantity import Estimate, Unknown
from edgekit.reports.model import Report, RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Hold one figure in base units. `value`, `low` and `high` are None where it is unknown, and `reason` says why.

    `table` and `id` say what it belongs to: a run, a constant, a view (its conventions), a slot, a period. `evidence` are the ids of the
    runs and constants behind it. `level` is the coverage of [low, high]; 1.0 is all that was seen.
    """

    table: str
    id: str
    side: str
    figure: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    level: float | None = None
    boundary: str = ""
    origins: str = ""
    quality: str = ""
    reason: str = ""
    evidence: str = ""


_PLAIN = ("value", "numeric", "share", "at", "changes", "ratio_low", "ratio_high")  # figures without an interval of their own
_ELSEWHERE = ("options", "scenario", "verdict", "notes")  # the figures of runs once more, and what has none
COLUMNS = tuple(item.name for item in fields(Figure))


def figures(report: Report) -> tuple[Figure, ...]:
    """Return every figure of a report: those of its runs, of the decision, and the constants that it rests on."""
    decision = report.decision
    found = [*run_figures(report.runs)]
    for name in (item.name for item in fields(decision) if item.name not in _ELSEWHERE):
        for item in _items(getattr(decision, name)):
            found += _figures(item, table=name, evidence=" ".join(decision.evidence))
    return tuple(found)


def run_figures(rows: tuple[RunRow, ...]) -> tuple[Figure, ...]:
    """Return the figures of runs, those of their operators included."""
    found: list[Figure] = []
    for row in rows:
        found += _figures(row, table="runs", evidence=row.run)
        for operator in row.operators:
            found += _figures(operator, table="operators", evidence=row.run, prefix=f"{row.run} ")
    return tuple(found)


def _items(value: Any) -> tuple[Any, ...]:
    found = value if isinstance(value, tuple) else (value,)
    return tuple(item for item in found if is_dataclass(item))


def _figures(item: Any, *, table: str, evidence: str, prefix: str = "") -> Iterator[Figure]:
    """Return the figures among the fields of one part of a report, however it is called."""
    name, side = prefix + _name(item), getattr(item, "side", "")
    own = " ".join(getattr(item, "evidence", ())) or evidence
    unit = getattr(item, "unit", "1")
    low, high = (getattr(item, bound, None) for bound in ("low", "high"))
    for part in fields(item):
        value = getattr(item, part.name)
        if isinstance(value, (Estimate, Unknown)):
            yield _quantity(value, table=table, id=name, side=str(side), figure=part.name, evidence=own)
        elif part.name in _PLAIN and isinstance(value, float):
            bounds = (low, high) if part.name == "value" else (None, None)
            sourced = "sourced" if table == "constants" else ""
            found = getattr(item, "id", "") if table == "constants" else own
            yield Figure(
                table=table,
                id=name,
                side=str(side),
                figure=part.name,
                value=value,
                low=bounds[0],
                high=bounds[1],
                unit=unit if part.name in ("value", "numeric", "at") else "1",
                origins=sourced,
                evidence=found,
            )


def _quantity(value: Estimate | Unknown, *, table: str, id: str, side: str, figure: str, evidence: str) -> Figure:  # noqa: A002
    known = isinstance(value, Estimate)
    return Figure(
        table=table,
        id=id,
        side=side,
        figure=figure,
        value=value.value,
        low=value.low,
        high=value.high,
        unit=value.unit,
        level=value.level if isinstance(value, Estimate) else None,
        boundary=value.boundary.value if value.boundary is not None else "",
        origins=" ".join(value.origins),
        quality=value.quality.value,
        reason="" if known else getattr(value, "reason", ""),
        evidence=evidence if known else "",
    )


def _name(item: Any) -> str:
    """Return what tells one part of a table from the others: its id or name, else the conventions that it was counted by."""
    for known in ("run", "id", "name", "input", "slot", "period", "what"):
        if found := getattr(item, known, None):
            return str(found)
    words = [value for part in fields(item) if part.name != "side" and isinstance(value := getattr(item, part.name), (str, Enum))]
    return ", ".join(str(word) for word in words[:4] if word) or str(getattr(item, "side", ""))
