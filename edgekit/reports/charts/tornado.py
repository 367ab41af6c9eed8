"""Draw which inputs could turn the answer: cloud over device at both ends of each input, all others as stated."""

from __future__ import annotations

from typing import Any

from edgekit.core.quantity import Estimate
from edgekit.core.weighing import Bar
from edgekit.decision.verdict.coverage import shown
from edgekit.reports.charts.frame import HEX, Chart, Line, at, log_axis, log_scale, twice, with_words
from edgekit.reports.model import Report
from edgekit.reports.show import Cell, times

MOST = 12


def tornado(report: Report) -> Chart | None:
    """Return the widest bars of the tornado, those that turn the answer in another colour; None without any."""
    bars = [bar for bar in report.decision.tornado if bar.ratio_low > 0 and bar.ratio_high > 0][:MOST]
    if not bars:
        return None
    lines = [Line(bar.input, Cell(_span(bar), tags=("turns the answer",) if bar.flips else ("does not",))) for bar in bars]
    values = [
        {
            "row": index,
            "low": min(bar.ratio_low, bar.ratio_high),
            "high": max(bar.ratio_low, bar.ratio_high),
            "kind": "turns" if bar.flips else "keeps",
        }
        for index, bar in enumerate(bars)
    ]
    view = shown(report.decision.views)
    base = view.ratio.value if view is not None and isinstance(view.ratio, Estimate) else None
    label = f"Cloud over device when one input moves, {len(bars)} inputs: " + "; ".join(f"{line.name} {line.figure}" for line in lines[:4])
    caption = "One input moves over its stated range, all others stay. A bar that crosses 1x (dashed) turns the answer; it is outlined."
    caption += f" The thin line is the central value, {times(base)}." if base else ""
    return twice("tornado", label, caption, lambda wide: _drawn(values, lines, base, wide=wide))


def _span(bar: Bar) -> str:
    return f"{times(min(bar.ratio_low, bar.ratio_high))} to {times(max(bar.ratio_low, bar.ratio_high))}"


def _drawn(values: list[dict[str, Any]], lines: list[Line], base: float | None, *, wide: bool) -> Any:
    import altair as alt

    low, high = min(1.0, *(item["low"] for item in values)), max(1.0, *(item["high"] for item in values))
    y = alt.Y("row:O", axis=None)
    axis = log_axis(alt, low, high, "x", most=8 if wide else 5)
    x = alt.X("low:Q", title="cloud over device (log scale)", scale=log_scale(alt, low, high), axis=axis)
    kinds = ["keeps", "turns"]
    colour = alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=[HEX["--slot-5"], HEX["--slot-3"]]), legend=None)
    edge = alt.Stroke("kind:N", scale=alt.Scale(domain=kinds, range=[HEX["--slot-5"], HEX["--ink"]]), legend=None)
    bars = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(height=14, yOffset=0 if wide else 20, strokeWidth=1.2)
        .encode(y=y, x=x, x2="high:Q", color=colour, stroke=edge)
    )
    turn = alt.Chart(alt.Data(values=[{"low": 1.0}])).mark_rule(color=HEX["--ink"], strokeDash=[4, 3]).encode(x=at(x, "low"))
    layers = [bars, turn]
    if base:
        layers.append(alt.Chart(alt.Data(values=[{"low": base}])).mark_rule(color=HEX["--soft"]).encode(x=at(x, "low")))
    return with_words(alt.layer(*layers), lines, step=28 if wide else 66, wide=wide)
