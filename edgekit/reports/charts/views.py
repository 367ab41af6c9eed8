"""Draw what every accounting view says: cloud over device with its interval, on one axis that has the turning point in it."""

from __future__ import annotations

from typing import Any

from edgekit.core.quantity import Estimate
from edgekit.decision.verdict.coverage import name
from edgekit.reports.charts.frame import HEX, Chart, Line, at, log_axis, log_scale, twice, with_words
from edgekit.reports.findings import outcome
from edgekit.reports.model import Report
from edgekit.reports.show import factor

_TONES = {"edge": "--device", "cloud": "--cloud", "open": "--soft"}


def verdict_by_view(report: Report) -> Chart | None:
    """Return the ratio under each convention, right of 1x where the device takes less; None when no view has one."""
    apart = {(view.network, view.device, view.cloud): view for view in reversed(report.decision.views)}  # the grid changes no joules
    known = [(view, view.ratio) for view in reversed(apart.values()) if isinstance(view.ratio, Estimate) and view.ratio.low > 0]
    if not known:
        return None
    tones = [_TONES[outcome(view).tone] for view, _ in known]
    lines = [Line(name(view), factor(ratio)) for view, ratio in known]
    values = [
        {"row": index, "low": ratio.low, "value": ratio.value, "high": ratio.high, "tone": tone}
        for index, ((_, ratio), tone) in enumerate(zip(known, tones, strict=True))
    ]
    surely = {side: sum(tone == colour for tone in tones) for side, colour in (("device", "--device"), ("cloud", "--cloud"))}
    label = (
        f"Cloud over device in {len(known)} accounting views: {surely['device']} sure of the device, {surely['cloud']} sure of the cloud"
    )
    caption = "Right of 1x the device takes less, left of it the cloud. The bar is the 95 % interval; grey marks are not sure."
    return twice("views", label, caption, lambda wide: _drawn(values, lines, wide=wide))


def _drawn(values: list[dict[str, Any]], lines: list[Line], *, wide: bool) -> Any:
    import altair as alt

    low, high = min(1.0, *(item["low"] for item in values)), max(1.0, *(item["high"] for item in values))
    y, offset = alt.Y("row:O", axis=None), 0 if wide else 18
    colour = alt.Color("tone:N", scale=alt.Scale(domain=list(_TONES.values()), range=[HEX[name] for name in _TONES.values()]), legend=None)
    shape = alt.Shape("tone:N", scale=alt.Scale(domain=list(_TONES.values()), range=["circle", "square", "diamond"]), legend=None)
    axis = log_axis(alt, low, high, "x", most=8 if wide else 5)
    x = alt.X("value:Q", title="cloud over device (log scale)", scale=log_scale(alt, low, high), axis=axis)
    base = alt.Chart(alt.Data(values=values)).encode(y=y, color=colour)
    turn = alt.Chart(alt.Data(values=[{"value": 1.0}])).mark_rule(color=HEX["--ink"], strokeDash=[4, 3]).encode(x=x)
    bars = base.mark_rule(strokeWidth=3, yOffset=offset, strokeCap="round").encode(x=at(x, "low"), x2="high:Q")
    points = base.mark_point(filled=True, size=90, opacity=1, yOffset=offset).encode(x=x, shape=shape)
    return with_words(turn + bars + points, lines, step=28 if wide else 62, wide=wide)
