"""Draw both sides over one input, with bands: where the lines cross, the answer turns."""

from __future__ import annotations

from typing import Any

from edgekit.core.units import format_scaled
from edgekit.core.weighing import Curve
from edgekit.decision.numerals import multiple
from edgekit.reports.charts.frame import HEX, NARROW, SMALL, Chart, at, decades, log_axis, log_scale, side_colours, twice
from edgekit.reports.model import Report

MOST_CURVES = 4
_WIDE = 860
_AXIS = {"B": "B", "1": "", "1/s": "/s"}


def break_even(report: Report) -> list[Chart]:
    """Return one chart for each curve of the decision that can be drawn on logarithmic axes."""
    found = [_chart(number, curve) for number, curve in enumerate(report.decision.curves)]
    return [chart for chart in found if chart is not None][:MOST_CURVES]


def _chart(number: int, curve: Curve) -> Chart | None:
    rows = [
        {"x": x, "side": side, "value": value, "low": low, "high": high}
        for side, line in (("device", curve.edge_j), ("cloud", curve.cloud_j))
        for x, (value, low, high) in zip(curve.x, line, strict=True)
        if x > 0 and low > 0
    ]
    if len({row["x"] for row in rows}) < 2 or {row["side"] for row in rows} != {"device", "cloud"}:
        return None
    stated = f"; the dashed line is the scenario's {_amount(curve.stated, curve.unit)}" if curve.stated else ""
    label = f"Joules per inference on the device and in the cloud over {curve.name}, from {_amount(curve.x[0], curve.unit)} "
    label += f"to {_amount(curve.x[-1], curve.unit)}"
    caption = f"Both sides over {curve.name}. Bands hold 95 % of the draws{stated}. Where the lines cross, the answer turns."
    return twice(f"curve-{number}", label, caption, lambda wide: _drawn(curve, rows, wide=wide))


def _drawn(curve: Curve, rows: list[dict[str, Any]], *, wide: bool) -> Any:
    import altair as alt

    low, high = min(row["low"] for row in rows), max(row["high"] for row in rows)
    first, last = min(row["x"] for row in rows), max(row["x"] for row in rows)
    suffix = _AXIS.get(curve.unit, f" {curve.unit}")
    x = alt.X(
        "x:Q",
        title=f"{curve.name} (log scale)",
        scale=alt.Scale(type="log", domain=[first, last], nice=False),
        axis=alt.Axis(
            values=[value for value in decades(first, last, 8 if wide else 5) if first <= value <= last],
            labelExpr=f"replace(format(datum.value, '~s'), /([a-zA-Zµ]?)$/, ' $1{suffix}')",
            tickSize=0,
            domain=False,
            labelPadding=6,
        ),
    )
    axis = log_axis(alt, low, high, "J", most=5)
    y = alt.Y("value:Q", title=None, scale=log_scale(alt, low, high), axis=axis)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=alt.Color("side:N", scale=side_colours(alt), legend=None))
    band = base.mark_area(opacity=0.22).encode(y=at(y, "low"), y2="high:Q")
    dash = alt.StrokeDash("side:N", scale=alt.Scale(domain=["device", "cloud"], range=[[1, 0], [7, 3]]), legend=None)
    line = base.mark_line(strokeWidth=2.5).encode(y=y, strokeDash=dash)
    names = [max((row for row in rows if row["side"] == side), key=lambda row: row["x"]) for side in ("device", "cloud")]
    above = names[0]["value"] >= names[1]["value"]
    layers = [band, line]
    for row, up in zip(names, (above, not above), strict=True):
        words = alt.Chart(alt.Data(values=[row])).mark_text(align="right", dy=-12 if up else 16, dx=-4, fontSize=SMALL, fontWeight="bold")
        layers.append(words.encode(x=x, y=y, text="side:N", color=alt.Color("side:N", scale=side_colours(alt), legend=None)))
    if curve.stated and first <= curve.stated <= last:
        mark = alt.Chart(alt.Data(values=[{"x": curve.stated}]))
        layers.insert(0, mark.mark_rule(color=HEX["--ink"], strokeDash=[4, 3]).encode(x=x))
    return alt.layer(*layers).properties(width=_WIDE if wide else NARROW - 52, height=260 if wide else 220)


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "unknown"
    if unit == "B":
        return format_scaled(value, "B")
    return f"{multiple(value, 3)}{_AXIS.get(unit, f' {unit}')}"
