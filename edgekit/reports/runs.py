"""Render run records as one table for the terminal; every energy shows its interval, boundary and origin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgekit.core.quantity import Estimate, Quantity, Unknown
from edgekit.core.run import RunRecord
from edgekit.core.units import format_interval, format_scaled

if TYPE_CHECKING:
    from rich.table import Table


def runs_table(records: Sequence[RunRecord]) -> Table:
    """Return a table with one row per run."""
    from rich.table import Table

    table = Table(title=None)
    for title, justify in (
        ("artifact", "left"),
        ("J/inference", "right"),
        ("95 % interval", "left"),
        ("boundary, origin", "left"),
        ("idle", "right"),
        ("net", "right"),
        ("time", "right"),
        ("p99", "right"),
        ("status", "left"),
    ):
        table.add_column(title, justify=justify, no_wrap=title == "artifact")  # type: ignore[arg-type]
    for record in records:
        table.add_row(*_row(record))
    return table


def _row(record: RunRecord) -> tuple[str, ...]:
    analysis = record.analysis
    if analysis is None:
        return (record.artifact.path, "not analysed", "", "", "", "", "", "", str(record.status))
    headline = analysis.energy_j_per_inference
    chosen = next((item for item in analysis.channels if item.channel == analysis.channel), None)
    return (
        record.artifact.path,
        short(headline),
        format_interval(headline.low, headline.high, headline.unit) if isinstance(headline, Estimate) else headline.reason,
        place(headline),
        short(chosen.idle_w) if chosen else "unknown",
        short(chosen.net_j_per_inference) if chosen else "unknown",
        short(analysis.time_s_per_inference),
        short(analysis.latency_p99_s),
        str(record.status) + (", quick" if record.plan.quick else ""),
    )


def short(quantity: Quantity) -> str:
    """Return a value with its scaled unit, or "unknown"."""
    if isinstance(quantity, Unknown):
        return "unknown"
    return format_scaled(quantity.value, quantity.unit, quantity.low, quantity.high)


def place(quantity: Quantity) -> str:
    """Return where and how a value came to be: "cpu_package, estimated"."""
    origins = "+".join(quantity.origins) or "no origin"
    return f"{quantity.boundary}, {origins}" if quantity.boundary else origins
