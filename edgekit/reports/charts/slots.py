"""Draw where the joules go: both sides, slot by slot, on one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from edgekit.core.decision import Side, Slot, SlotEntry
from edgekit.core.quantity import Estimate
from edgekit.core.units import scale_for
from edgekit.decision.verdict.coverage import shown, stand_in
from edgekit.reports.charts.frame import HEX, Chart, Line, twice, with_words
from edgekit.reports.findings import SLOT_WORDS
from edgekit.reports.model import Report
from edgekit.reports.show import figure

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
            "colour": HEX[_SLOT_COLOURS[entry.side, entry.slot.value]],
            "joules": energy.value,
            "order": index,
        }
        for index, (entry, energy) in enumerate(counted)
    ]
    view = shown(report.decision.views)
    if view is None:
        return None
    lines = [Line("on the device", figure(view.edge_j)), Line("in the cloud", figure(view.cloud_j))]
    label = "Joules per inference by slot: " + "; ".join(f"{line.name} {line.cell.text} ({', '.join(line.cell.tags)})" for line in lines)
    where = stand_in(report.decision.views) or "the primary accounting view"
    caption = f"{where[0].upper()}{where[1:]}. Both bars share one linear axis, so what cannot be seen is that small."
    return twice("slots", label, caption, lambda wide: _stacks(values, lines, wide=wide))


def _stacks(values: list[dict[str, Any]], lines: Sequence[Line], *, wide: bool) -> Any:
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
        .mark_bar(height=22, yOffset=0 if wide else 20, stroke=HEX["--sheet"], strokeWidth=0.5)
        .encode(
            y=y,
            x=alt.X("joules:Q", title=f"{unit} per inference", stack="zero", axis=axis),
            color=alt.Color("slot:N", scale=colours, legend=legend),
            order="order:Q",
        )
    )
    return with_words(bars, lines, step=34 if wide else 74, wide=wide)


def _slot_name(entry: SlotEntry) -> str:
    words = SLOT_WORDS[entry.slot.value]
    return f"{words}, device" if entry.side is Side.DEVICE and entry.slot is Slot.IDLE else words
