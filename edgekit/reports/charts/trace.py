"""Draw the power of a run over time, with the windows that were measured."""

from __future__ import annotations

from typing import Any

from edgekit.core.units import scale_for
from edgekit.core.window import Phase
from edgekit.reports.charts.frame import HEX, NARROW, Chart, twice
from edgekit.reports.model import Report, RunRow
from edgekit.reports.power_trace import PowerTrace
from edgekit.reports.remarks import run_names

_WIDE = 930
_POINTS = {True: 1_000, False: 400}  # by width: no more than there are pixels
_PHASES = {"measured": "--slot-7", "idle": "--slot-3", "other": "--slot-6"}
_SHADE = 0.35


def power_over_time(trace: PowerTrace, row: RunRow, rows: tuple[RunRow, ...], name: str) -> Chart:
    """Return the power of one run, its windows shaded below it."""
    divisor, unit = scale_for(max(map(abs, trace.watts)) or 1.0, "W")
    low, high = (f"{edge / divisor:.3g} {unit}" for edge in (min(trace.watts), max(trace.watts)))
    measured = sum(window.phase is Phase.MEASURE for window in trace.windows)
    who = run_names(rows)[row.run]
    label = f"Power of {who} over {trace.t_s[-1]:.3g} s between {low} and {high}, {measured} measured windows"
    how = "each point the mean since the one before it" if trace.counter else "thinned to the smallest and largest of each stretch"
    few = f"{len(trace.t_s):,} points from {trace.readings:,} readings, {how}" if trace.readings > len(trace.t_s) else "every reading"
    caption = f"{who}: power at {trace.boundary.value} ({trace.origin.value}), {few}. Shaded: windows, by what was done in them."
    return twice(name, label, caption, lambda wide: _drawn(trace, divisor, unit, wide=wide))


def traces(report: Report) -> list[Chart]:
    """Return one chart for each trace that the report holds."""
    by_id = {row.run: row for row in report.runs}
    return [
        power_over_time(trace, by_id[trace.run], report.runs, f"trace-{number}")
        for number, trace in enumerate(report.traces)
        if trace.run in by_id
    ]


def _drawn(trace: PowerTrace, divisor: float, unit: str, *, wide: bool) -> Any:
    import altair as alt

    points = [{"t": t, "w": w} for t, w in outline(list(zip(trace.t_s, trace.watts, strict=True)), _POINTS[wide])]
    end = max(trace.t_s[-1], *(window.end_s for window in trace.windows), 0.0)
    start = min(trace.t_s[0], *(window.start_s for window in trace.windows), 0.0)
    x = alt.X(
        "t:Q",
        title="seconds",
        scale=alt.Scale(domain=[start, end], nice=False),
        axis=alt.Axis(tickCount=8 if wide else 5, tickSize=0, domain=False, grid=False, labelPadding=6),
    )
    axis = alt.Axis(labelExpr=f"format(datum.value / {divisor!r}, '~g')", tickCount=4, tickSize=0, domain=False, labelPadding=6)
    y = alt.Y("w:Q", title=unit, scale=alt.Scale(zero=min(trace.watts) >= 0), axis=axis)
    line = alt.Chart(alt.Data(values=points)).mark_line(strokeWidth=1, color=HEX["--ink"], strokeJoin="round").encode(x=x, y=y)
    spans = [{"t": window.start_s, "end": window.end_s, "kind": _kind(window.phase)} for window in trace.windows]
    seen = [kind for kind in _PHASES if any(span["kind"] == kind for span in spans)]
    key = alt.Legend(orient="bottom", title=None, symbolType="square", symbolOpacity=_SHADE)
    kinds = alt.Color("kind:N", scale=alt.Scale(domain=seen, range=[HEX[_PHASES[kind]] for kind in seen]), legend=key if seen else None)
    shades = alt.Chart(alt.Data(values=spans)).mark_rect(opacity=_SHADE).encode(x=x, x2="end:Q", color=kinds)
    return alt.layer(shades, line).properties(width=_WIDE if wide else NARROW - 44, height=170 if wide else 140)


def outline(points: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """Return at most `most` points with the lowest and the highest of each stretch, in the order of time: no peak is lost."""
    if len(points) <= most:
        return points
    size = -(-2 * len(points) // most)
    stretches = [points[begin : begin + size] for begin in range(0, len(points), size)]
    return [point for part in stretches for point in sorted({min(part, key=lambda at: at[1]), max(part, key=lambda at: at[1])})]


def _kind(phase: Phase) -> str:
    return "measured" if phase is Phase.MEASURE else "idle" if phase is Phase.IDLE else "other"
