"""Draw what every run took, each at its own boundary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from edgekit.core.quantity import Estimate
from edgekit.reports.charts.frame import Chart, Line, at, side_colours, twice, with_words
from edgekit.reports.model import Report
from edgekit.reports.remarks import run_names
from edgekit.reports.show import figure


def energy_by_run(report: Report) -> Chart | None:
    """Return joules per inference of every run with its interval, on a logarithmic axis; None when no run knows its energy."""
    known = [(row, row.energy_j) for row in report.runs if isinstance(row.energy_j, Estimate) and row.energy_j.low > 0]
    if not known:
        return None
    names = run_names(report.runs)
    lines = [Line(names[row.run], figure(energy)) for row, energy in known]
    values = [
        {"row": index, "low": energy.low, "value": energy.value, "high": energy.high, "side": row.side.value}
        for index, (row, energy) in enumerate(known)
    ]
    cells = sorted((energy.value, line.cell.text) for (_, energy), line in zip(known, lines, strict=True))
    label = f"Joules per inference of {len(known)} run{'s' if len(known) > 1 else ''} with intervals, from {cells[0][1]} to {cells[-1][1]}"
    caption = "Each run at the boundary where it was metered; the bar is the 95 % interval. Circles are devices, squares the cloud."
    return twice("runs", label, caption, lambda wide: _ranges(values, lines, wide=wide))


def _ranges(values: list[dict[str, Any]], lines: Sequence[Line], *, wide: bool) -> Any:
    import altair as alt

    low, high = min(item["low"] for item in values), max(item["high"] for item in values)
    decades = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    y, offset = alt.Y("row:O", axis=None), 0 if wide else 18
    base = alt.Chart(alt.Data(values=values)).encode(y=y, color=alt.Color("side:N", scale=side_colours(alt), legend=None))
    x = alt.X(
        "value:Q",
        title="joules per inference, each at its own boundary (log scale)",
        scale=alt.Scale(type="log", domain=[decades[0], decades[-1]], nice=False),
        axis=alt.Axis(
            values=decades[:: max(1, len(decades) // (8 if wide else 5))],
            labelExpr="replace(format(datum.value, '~s'), /([a-zµ]?)$/, ' $1J')",
            tickSize=0,
            domain=False,
            labelPadding=6,
        ),
    )
    bars = base.mark_rule(strokeWidth=3, yOffset=offset, strokeCap="round").encode(x=at(x, "low"), x2="high:Q")
    points = base.mark_point(filled=True, size=90, opacity=1, yOffset=offset).encode(
        x=x, shape=alt.Shape("side:N", scale=alt.Scale(domain=["device", "cloud"], range=["circle", "square"]), legend=None)
    )
    return with_words(bars + points, lines, step=28 if wide else 62, wide=wide)
