"""Draw where the runs stand among published figures."""

from __future__ import annotations

from typing import Any

from edgekit.core.quantity import Estimate
from edgekit.core.units import format_scaled
from edgekit.reports.charts.frame import HEX, Chart, Line, at, log_axis, log_scale, twice, with_words
from edgekit.reports.model import Report
from edgekit.reports.remarks import run_names
from edgekit.reports.show import Cell, figure

MOST = 10


def where_runs_stand(report: Report) -> Chart | None:
    """Return chosen runs (all, where none is) and published figures on one logarithmic axis, largest first; None without either."""
    chosen = [row for row in report.runs if row.chosen] or list(report.runs)
    own = [(row, row.energy_j) for row in chosen[:6] if isinstance(row.energy_j, Estimate) and row.energy_j.low > 0]
    if not own or not report.anchors:
        return None
    names = run_names(report.runs)
    every = max(1, -(-len(report.anchors) // MOST))
    picked = [anchor for place, anchor in enumerate(report.anchors) if place % every == 0 or place == len(report.anchors) - 1]
    found: list[tuple[Line, dict[str, Any]]] = [
        (Line(f"your {names[row.run]}", figure(energy)), {"low": energy.low, "value": energy.value, "high": energy.high, "kind": "own"})
        for row, energy in own
    ]
    for anchor in picked:
        what = anchor.system if anchor.same_model else f"{anchor.system} ({anchor.title.split(',')[0].split(' (')[0]})"
        tags = ("sourced", f"at {anchor.boundary.value}", anchor.round)
        value = anchor.energy_j
        found.append(
            (Line(what, Cell(format_scaled(value, "J"), tags=tags)), {"low": value, "value": value, "high": value, "kind": "other"})
        )
    found.sort(key=lambda pair: -pair[1]["value"])
    lines = [line for line, _ in found]
    values = [{"row": index, **row} for index, (_, row) in enumerate(found)]
    same = report.anchors[0].same_model
    label = (
        f"Joules per inference of {len(own)} own and {len(picked)} published figures, from {lines[-1].cell.text} to {lines[0].cell.text}"
    )
    caption = f"Filled: yours. Hollow: published{', of the same benchmark' if same else ', of other models: orders of magnitude only'}. "
    caption += "Boundaries differ, and are named at each figure."
    return twice("anchors", label, caption, lambda wide: _drawn(values, lines, wide=wide))


def _drawn(values: list[dict[str, Any]], lines: list[Line], *, wide: bool) -> Any:
    import altair as alt

    low, high = min(item.get("low", item["value"]) for item in values), max(item.get("high", item["value"]) for item in values)
    y, offset = alt.Y("row:O", axis=None), 0 if wide else 18
    axis = log_axis(alt, low, high, "J", most=8 if wide else 5)
    x = alt.X("value:Q", title="joules per inference (log scale)", scale=log_scale(alt, low, high), axis=axis)
    own = alt.Chart(alt.Data(values=[item for item in values if item["kind"] == "own"])).encode(y=y)
    other = alt.Chart(alt.Data(values=[item for item in values if item["kind"] == "other"])).encode(y=y)
    bars = own.mark_rule(strokeWidth=3, yOffset=offset, strokeCap="round", color=HEX["--device"]).encode(x=at(x, "low"), x2="high:Q")
    points = own.mark_point(filled=True, size=100, opacity=1, yOffset=offset, color=HEX["--device"]).encode(x=x)
    rings = other.mark_point(filled=False, size=60, strokeWidth=1.6, yOffset=offset, color=HEX["--soft"]).encode(x=x)
    return with_words(rings + bars + points, lines, step=26 if wide else 58, wide=wide)
