"""Draw charts as inline SVG with Altair and vl-convert. Every figure in a chart is also in the table below it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.core.decision import Side, Slot, SlotEntry
from edgekit.core.errors import missing_extra
from edgekit.core.quantity import Estimate
from edgekit.core.units import scale_for
from edgekit.decision.coverage import shown, stand_in
from edgekit.reports.findings import SLOT_WORDS
from edgekit.reports.model import Report, RunRow
from edgekit.reports.remarks import run_names
from edgekit.reports.show import Cell, figure
from edgekit.reports.svg import inline

# Each colour stands for one CSS variable of the page; the values here are never seen.
COLOURS = {
    "#000001": "--ink",
    "#000002": "--soft",
    "#000003": "--hair",
    "#000004": "--device",
    "#000005": "--cloud",
    "#000006": "--slot-1",
    "#000007": "--slot-2",
    "#000008": "--slot-3",
    "#000009": "--slot-4",
    "#00000a": "--slot-5",
    "#00000b": "--slot-6",
    "#00000c": "--slot-7",
    "#00000d": "--sheet",
}
_HEX = {variable: colour for colour, variable in COLOURS.items()}
_SLOT_COLOURS = {
    (Side.DEVICE, "inference_device"): "--device",
    (Side.DEVICE, "idle"): "--slot-7",
    (Side.CLOUD, "inference_cloud"): "--slot-1",
    (Side.CLOUD, "host"): "--slot-2",
    (Side.CLOUD, "idle"): "--slot-3",
    (Side.CLOUD, "cooling"): "--slot-4",
    (Side.CLOUD, "network"): "--slot-5",
    (Side.CLOUD, "radio"): "--slot-6",
}
_TOTAL, _NARROW = 1010, 318  # pixels: as wide as the page lets a chart be, and as wide as a phone does
_LETTER = 6.4  # pixels, a mean letter at _SIZE
_SIZE, _SMALL = 13, 12


@dataclass(frozen=True, slots=True)
class Chart:
    """Hold one chart, drawn twice in markup that needs no escaping (`wide` and `narrow`), and a caption that says what to see."""

    wide: Markup
    narrow: Markup
    caption: str


class Markup(str):
    """Mark text that is markup already."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def draw(report: Report) -> dict[str, Chart]:
    """Return the charts of a report by the id of the table they belong to; raise SetupError when the extra is missing."""
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise missing_extra(error.name or "altair", "report", "the charts of the HTML report") from error
    charts = {"runs": energy_by_run(report.runs), "slots": joules_by_slot(report)}
    return {name: chart for name, chart in charts.items() if chart is not None}


def energy_by_run(rows: Sequence[RunRow]) -> Chart | None:
    """Return joules per inference of every run with its interval, on a logarithmic axis; None when no run knows its energy."""
    known = [(row, row.energy_j) for row in rows if isinstance(row.energy_j, Estimate) and row.energy_j.low > 0]
    if not known:
        return None
    names = run_names(rows)
    lines = [_Line(names[row.run], figure(energy)) for row, energy in known]
    values = [
        {"row": index, "low": energy.low, "value": energy.value, "high": energy.high, "side": row.side.value}
        for index, (row, energy) in enumerate(known)
    ]
    cells = sorted((energy.value, line.cell.text) for (_, energy), line in zip(known, lines, strict=True))
    label = f"Joules per inference of {len(known)} run{'s' if len(known) > 1 else ''} with intervals, from {cells[0][1]} to {cells[-1][1]}"
    caption = "Each run at the boundary where it was metered; the bar is the 95 % interval. Circles are devices, squares the cloud."
    return _twice("runs", label, caption, lambda wide: _ranges(values, lines, wide=wide))


def joules_by_slot(report: Report) -> Chart | None:
    """Return both sides stacked by slot on one linear axis; None unless both sides are known and every slot takes something."""
    counted = [
        (entry, entry.energy_j) for entry in report.decision.slots if isinstance(entry.energy_j, Estimate) and entry.side is not Side.BOTH
    ]
    if {entry.side for entry, _ in counted} != {Side.DEVICE, Side.CLOUD} or any(energy.value < 0 for _, energy in counted):
        return None
    values = [
        {
            "row": (Side.DEVICE, Side.CLOUD).index(entry.side),
            "slot": _slot_name(entry),
            "colour": _HEX[_SLOT_COLOURS[entry.side, entry.slot.value]],
            "joules": energy.value,
            "order": index,
        }
        for index, (entry, energy) in enumerate(counted)
    ]
    view = shown(report.decision.views)
    if view is None:
        return None
    lines = [_Line("on the device", figure(view.edge_j)), _Line("in the cloud", figure(view.cloud_j))]
    label = "Joules per inference by slot: " + "; ".join(f"{line.name} {line.cell.text} ({', '.join(line.cell.tags)})" for line in lines)
    where = stand_in(report.decision.views) or "the primary accounting view"
    caption = f"{where[0].upper()}{where[1:]}. Both bars share one linear axis, so what cannot be seen is that small."
    return _twice("slots", label, caption, lambda wide: _stacks(values, lines, wide=wide))


@dataclass(frozen=True, slots=True)
class _Line:
    """Hold the words of one row of a chart: its name, and its figure with the tags that go with it."""

    name: str
    cell: Cell

    @property
    def figure(self) -> str:
        return f"{self.cell.text} ({', '.join(self.cell.tags)})"


def _ranges(values: list[dict[str, Any]], lines: Sequence[_Line], *, wide: bool) -> Any:
    import altair as alt

    low, high = min(item["low"] for item in values), max(item["high"] for item in values)
    decades = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    y, offset = alt.Y("row:O", axis=None), 0 if wide else 18
    base = alt.Chart(alt.Data(values=values)).encode(y=y, color=alt.Color("side:N", scale=_sides(alt), legend=None))
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
    bars = base.mark_rule(strokeWidth=3, yOffset=offset, strokeCap="round").encode(x=_at(x, "low"), x2="high:Q")
    points = base.mark_point(filled=True, size=90, opacity=1, yOffset=offset).encode(
        x=x, shape=alt.Shape("side:N", scale=alt.Scale(domain=["device", "cloud"], range=["circle", "square"]), legend=None)
    )
    return _with_words(bars + points, lines, y, step=28 if wide else 62, wide=wide)


def _stacks(values: list[dict[str, Any]], lines: Sequence[_Line], *, wide: bool) -> Any:
    import altair as alt

    longest = max(math.fsum(item["joules"] for item in values if item["row"] == row) for row in (0, 1))
    divisor, unit = scale_for(longest, "J")
    colours = alt.Scale(domain=[item["slot"] for item in values], range=[item["colour"] for item in values])
    legend = alt.Legend(orient="bottom", columns=len(values) if wide else 1, title=None, symbolType="square", columnPadding=18)
    axis = alt.Axis(
        labelExpr=f"format(datum.value / {divisor!r}, '~g')", tickCount=8 if wide else 5, tickSize=0, domain=False, labelPadding=6
    )
    y = alt.Y("row:O", axis=None)
    bars = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(height=22, yOffset=0 if wide else 20, stroke=_HEX["--sheet"], strokeWidth=0.5)
        .encode(
            y=y,
            x=alt.X("joules:Q", title=f"{unit} per inference", stack="zero", axis=axis),
            color=alt.Color("slot:N", scale=colours, legend=legend),
            order="order:Q",
        )
    )
    return _with_words(bars, lines, y, step=34 if wide else 74, wide=wide)


def _with_words(drawn: Any, lines: Sequence[_Line], y: Any, *, step: int, wide: bool) -> Any:
    """Return a chart with its words: name left and figure right of the plot, or both above each row on a narrow page."""
    import altair as alt

    texts = alt.Chart(alt.Data(values=[{"row": row, "name": line.name, "figure": line.figure} for row, line in enumerate(lines)]))
    ink, soft = _HEX["--ink"], _HEX["--soft"]
    if wide:
        left, right = (_LETTER * max(len(getattr(line, part)) for line in lines) for part in ("name", "figure"))
        width = max(280, round(_TOTAL - left - right - 28))
        name = texts.mark_text(align="right", fontSize=_SIZE, color=ink).encode(y=y, x=alt.value(-14), text="name:N")
        amount = texts.mark_text(align="left", fontSize=_SIZE, color=ink).encode(y=y, x=alt.value(width + 14), text="figure:N")
        return (drawn + name + amount).properties(width=width, height=alt.Step(step))
    halo = {"stroke": _HEX["--sheet"], "strokeWidth": 4}
    words = [
        texts.mark_text(align="left", yOffset=offset, fontSize=size, color=colour, **look).encode(y=y, x=alt.value(0), text=f"{part}:N")
        for part, offset, size, colour in (("name", -18, _SIZE, ink), ("figure", -2, _SMALL, soft))
        for look in (halo, {})
    ]
    for text in words[::2]:
        text.mark.color = halo["stroke"]
    return alt.layer(drawn, *words).properties(width=_NARROW, height=alt.Step(step))


def _twice(name: str, label: str, caption: str, plot: Callable[[bool], Any]) -> Chart:
    wide, narrow = (_svg(plot(width), prefix=f"{name}-{suffix}", label=label) for width, suffix in ((True, "wide"), (False, "narrow")))
    return Chart(wide, narrow, caption)


def _slot_name(entry: SlotEntry) -> str:
    words = SLOT_WORDS[entry.slot.value]
    return f"{words}, device" if entry.side is Side.DEVICE and entry.slot is Slot.IDLE else words


def _svg(chart: Any, *, prefix: str, label: str) -> Markup:
    import vl_convert

    spec = chart.configure(
        background="transparent",
        padding=2,
        view={"stroke": None},
        axis={
            "labelColor": _HEX["--soft"],
            "titleColor": _HEX["--soft"],
            "gridColor": _HEX["--hair"],
            "labelFontSize": _SMALL,
            "titleFontSize": _SMALL,
            "titleFontWeight": "normal",
            "titlePadding": 8,
        },
        legend={"labelColor": _HEX["--ink"], "labelFontSize": _SMALL, "rowPadding": 4, "offset": 14},
        font="Liberation Sans",
    ).to_dict()
    return Markup(inline(vl_convert.vegalite_to_svg(_shown(spec)), prefix=prefix, label=label, colours=COLOURS))


def _at(x: Any, name: str) -> Any:
    found = x.copy()
    found["shorthand"] = f"{name}:Q"
    return found


def _sides(alt: Any) -> Any:
    return alt.Scale(domain=["device", "cloud"], range=[_HEX["--device"], _HEX["--cloud"]])


def _shown(value: Any) -> Any:
    """Return a chart's description with control characters made visible: the renderer aborts the process on them."""
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value) if isinstance(value, str) else value
