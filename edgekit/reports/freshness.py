"""Say how old the numbers are that a report rests on."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.core.decision import Constant
from edgekit.reports.model import Report


@dataclass(frozen=True, slots=True)
class Freshness:
    """Hold the age of what was used: constants by year, those that are stale, runs by date, and when prices were stated."""

    constants: str
    stale: tuple[Constant, ...]
    runs: str
    prices: str


def freshness(report: Report) -> Freshness:
    """Return the ages in words; a constant is stale where the pack says so: older than 24 months at the report's date."""
    used = report.decision.constants
    years = sorted({item.year for item in used})
    days = sorted({row.created[:10] for row in report.runs})
    scenario = report.decision.scenario
    running = (scenario.price_electricity, scenario.price_gpu, scenario.price_request, scenario.price_data)
    priced = any(price is not None for price in (*running, scenario.price_device, scenario.price_device_year))
    return Freshness(
        constants=f"{len(used)} published numbers, of {_span([str(year) for year in years])}" if used else "No published number was used",
        stale=tuple(item for item in used if item.stale),
        runs=f"{len(report.runs)} run{'s' if len(report.runs) != 1 else ''}, of {_span(days)}",
        prices=f"Prices of {scenario.price_date}, as the scenario states them"
        if priced and scenario.price_date
        else "No prices were stated",
    )


def _span(points: list[str]) -> str:
    return points[0] if len(points) == 1 else f"{points[0]} to {points[-1]}" if points else "unknown"
