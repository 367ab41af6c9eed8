"""Draw charts as inline SVG with Altair and vl-convert. Every figure in a chart is also in the table below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.core.decision import Side, Slot, SlotEntry
from edgekit.core.errors import missing_extra
from edgekit.core.quantity import Estimate
from edgekit.core.units import scale_for
from edgekit.reports.findings import SLOT_WORDS, key_figures
from edgekit.reports.model import Report, RunRow
from edgekit.reports.show import figure
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
_WIDTH = 400
_LETTERING = ({"color": _HEX["--sheet"], "stroke": _HEX["--sheet"], "strokeWidth": 4}, {"color": _HEX["--ink"]})  # a halo, then the words


@dataclass(frozen=True, slots=True)
class Chart:
    """Hold one drawn chart: `svg` markup that needs no escaping, and a caption that says what to see."""

    svg: Markup
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
    import altair as alt

    known = [(row, row.energy_j) for row in rows if isinstance(row.energy_j, Estimate) and row.energy_j.low > 0]
    if not known:
        return None
    low, high = min(energy.low for _, energy in known), max(energy.high for _, energy in known)
    decades = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    values = [
        {
            "row": index,
            "text": _run_label(row, energy),
            "value": energy.value,
            "low": energy.low,
            "high": energy.high,
            "side": row.side.value,
            "start": decades[0],
        }
        for index, (row, energy) in enumerate(known)
    ]
    base = alt.Chart(alt.Data(values=values)).encode(y=alt.Y("row:O", axis=None))
    x = alt.X(
        "value:Q",
        title="joules per inference, each at its own boundary (log scale)",
        scale=alt.Scale(type="log", domain=[decades[0], decades[-1]], nice=False),
        axis=alt.Axis(values=decades[:: max(1, len(decades) // 6)], labelExpr="format(datum.value, '~s') + 'J'", tickSize=0, domain=False),
    )
    colour = alt.Color("side:N", scale=_sides(alt), legend=None)
    bars = base.mark_rule(strokeWidth=3, yOffset=9, strokeCap="round").encode(x=_at(x, "low"), x2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=90, opacity=1, yOffset=9).encode(
        x=x, color=colour, shape=alt.Shape("side:N", scale=alt.Scale(domain=["device", "cloud"], range=["circle", "square"]), legend=None)
    )
    halo, words = (
        base.mark_text(align="left", yOffset=-9, fontSize=12, **look).encode(x=_at(x, "start"), text="text:N") for look in _LETTERING
    )
    chart = (bars + points + halo + words).properties(width=_WIDTH, height=alt.Step(44))
    count = len(known)
    label = f"Joules per inference of {count} run{'s' if count > 1 else ''} with intervals, from {_least(known)} to {_most(known)}"
    caption = "Each run at the boundary where it was metered; the bar is the 95 % interval. Circles are devices, squares the cloud."
    return Chart(_svg(chart, prefix="runs", label=label), caption)


def joules_by_slot(report: Report) -> Chart | None:
    """Return both sides stacked by slot on one linear axis; None unless both sides are known and every slot takes something."""
    import altair as alt

    counted = [
        (entry, entry.energy_j) for entry in report.decision.slots if isinstance(entry.energy_j, Estimate) and entry.side is not Side.BOTH
    ]
    if {entry.side for entry, _ in counted} != {Side.DEVICE, Side.CLOUD} or any(energy.value < 0 for _, energy in counted):
        return None
    names = [_slot_name(entry) for entry, _ in counted]
    values = [
        {"side": entry.side.value, "slot": name, "joules": energy.value, "order": index}
        for index, (name, (entry, energy)) in enumerate(zip(names, counted, strict=True))
    ]
    sides = zip(("device", "cloud"), ("On the device", "In the cloud"), key_figures(report), strict=False)
    texts = [{"side": side, "text": f"{words}: {item.cell.text} ({', '.join(item.cell.tags)})"} for side, words, item in sides]
    longest = max(math.fsum(energy.value for entry, energy in counted if entry.side is side) for side in (Side.DEVICE, Side.CLOUD))
    divisor, unit = scale_for(longest, "J")
    y = alt.Y("side:N", sort=["device", "cloud"], axis=None)
    axis = alt.Axis(labelExpr=f"format(datum.value / {divisor!r}, '~g')", tickCount=5, tickSize=0, domain=False)
    colours = alt.Scale(domain=names, range=[_HEX[_SLOT_COLOURS[entry.side, entry.slot.value]] for entry, _ in counted])
    legend = alt.Legend(orient="bottom", columns=2, title=None, symbolType="square")
    bars = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(height=18, yOffset=9, stroke=_HEX["--sheet"], strokeWidth=0.5)
        .encode(
            y=y,
            x=alt.X("joules:Q", title=f"{unit} per inference", stack="zero", axis=axis),
            color=alt.Color("slot:N", scale=colours, legend=legend),
            order="order:Q",
        )
    )
    halo, labels = (
        alt.Chart(alt.Data(values=texts))
        .mark_text(align="left", yOffset=-11, fontSize=12, **look)
        .encode(y=y, x=alt.value(0), text="text:N")
        for look in _LETTERING
    )
    chart = (bars + halo + labels).properties(width=_WIDTH, height=alt.Step(52))
    label = "Joules per inference by slot. " + ". ".join(item["text"] for item in texts)
    caption = "The primary accounting view. Both bars share one linear axis, so what cannot be seen is that small."
    return Chart(_svg(chart, prefix="slots", label=label), caption)


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
            "labelFontSize": 11,
            "titleFontSize": 11.5,
            "titleFontWeight": "normal",
            "titlePadding": 8,
        },
        legend={"labelColor": _HEX["--ink"], "labelFontSize": 11.5, "rowPadding": 3, "offset": 12},
        font="Liberation Sans",
    ).to_dict()
    return Markup(inline(vl_convert.vegalite_to_svg(spec), prefix=prefix, label=label, colours=COLOURS))


def _at(x: Any, name: str) -> Any:
    found = x.copy()
    found["shorthand"] = f"{name}:Q"
    return found


def _sides(alt: Any) -> Any:
    return alt.Scale(domain=["device", "cloud"], range=[_HEX["--device"], _HEX["--cloud"]])


def _run_label(row: RunRow, energy: Estimate) -> str:
    cell = figure(energy)
    batch = f", batch {row.batch}" if row.batch > 1 else ""
    return f"{row.recipe} {row.format} on {row.device}{batch}: {cell.text} ({', '.join(cell.tags)})"


def _least(known: Sequence[tuple[RunRow, Estimate]]) -> str:
    return figure(min((energy for _, energy in known), key=lambda energy: energy.value)).text


def _most(known: Sequence[tuple[RunRow, Estimate]]) -> str:
    return figure(max((energy for _, energy in known), key=lambda energy: energy.value)).text
