"""Draw which operators take the joules of an inference."""

from __future__ import annotations

from typing import Any

from edgekit.core.quantity import Estimate
from edgekit.core.run import OperatorEnergy
from edgekit.core.units import scale_for
from edgekit.reports.charts.frame import HEX, Chart, Line, twice, with_words
from edgekit.reports.model import RunRow
from edgekit.reports.operators import bound, in_unit, ranked
from edgekit.reports.show import Cell

MOST, _LONGEST = 12, 44


def joules_by_operator(row: RunRow, name: str) -> Chart | None:
    """Return the most expensive operators of one profiled run with what the rest takes; None where no operator's joules are known."""
    known = [(item, item.energy_j_per_inference) for item in ranked(row.operators)]
    shown = [(item, energy) for item, energy in known if isinstance(energy, Estimate) and energy.value >= 0]
    if not shown:
        return None
    largest = max(energy.high if bound(item) else energy.value for item, energy in shown[:MOST])
    if largest <= 0:
        return None
    lines = [_line(item, largest) for item, _ in shown[:MOST]]
    values = [
        {"row": index, "joules": energy.high if bound(item) else energy.value, "kind": "bound" if bound(item) else "value"}
        for index, (item, energy) in enumerate(shown[:MOST])
    ]
    rest = len(shown) - len(lines)
    label = f"Joules per inference of {len(lines)} operators of {row.artifact}: " + "; ".join(f"{x.name} {x.cell.text}" for x in lines[:3])
    caption = f"The most expensive operators{f'; {rest} more are in the table' if rest > 0 else ''}. Hollow bars are upper bounds."
    return twice(name, label, caption, lambda wide: _drawn(values, lines, largest, wide=wide))


def _line(item: OperatorEnergy, largest: float) -> Line:
    kind = "" if item.kind in item.name or item.kind == "outside" else f"{item.kind} "
    most = _LONGEST - len(kind)
    name = kind + (item.name if len(item.name) <= most else f"…{item.name[-most:]}")  # the end of a path tells operators apart
    cell = in_unit(item.energy_j_per_inference, largest)
    tags = tuple(tag for tag in cell.tags if not tag.startswith("at "))
    return Line(name, Cell(cell.text, tags=tags or ("unknown",)))


def _drawn(values: list[dict[str, Any]], lines: list[Line], largest: float, *, wide: bool) -> Any:
    import altair as alt

    divisor, unit = scale_for(largest, "J")
    y = alt.Y("row:O", axis=None)
    axis = alt.Axis(
        labelExpr=f"format(datum.value / {divisor!r}, '~g')", tickCount=6 if wide else 4, tickSize=0, domain=False, labelPadding=6
    )
    fill = alt.Color("kind:N", scale=alt.Scale(domain=["value", "bound"], range=[HEX["--device"], HEX["--sheet"]]), legend=None)
    bars = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(height=14, yOffset=0 if wide else 20, stroke=HEX["--device"], strokeWidth=1.2)
        .encode(y=y, x=alt.X("joules:Q", title=f"{unit} per inference", axis=axis), color=fill)
    )
    return with_words(bars, lines, step=24 if wide else 62, wide=wide)
