"""Draw the fronts: energy against latency, accuracy and cost, with runs that another one beats greyed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from edgekit.core.quantity import Estimate
from edgekit.reports.charts.frame import HEX, NARROW, SMALL, Chart, decades, log_axis, log_scale, side_colours, twice
from edgekit.reports.fronts import Candidate, candidates
from edgekit.reports.model import Report
from edgekit.reports.remarks import run_names

_PANELS = (("latency_s", "seconds", "latency"), ("accuracy", "per cent", "accuracy"), ("cost", "", "running cost"))
_WIDE = 262
_NEAR = {"x": 0.11, "y": 0.08}  # of the width and height of a panel: the room that a label takes


def fronts(report: Report) -> Chart | None:
    """Return one panel for each axis that at least two runs are known on; None when there is none."""
    found = [item for item in candidates(report) if isinstance(item.energy_j, Estimate) and item.energy_j.value > 0]
    panels = [panel for panel in _PANELS if sum(_value(item, panel[0]) is not None for item in found) >= 2]
    if not panels:
        return None
    names = run_names(report.runs)
    numbers = {item.run: place for place, item in enumerate(found, 1)}
    beaten = sum(bool(item.beaten_by) for item in found)
    label = f"{len(found)} runs by energy and {', '.join(words for _, _, words in panels)}; {beaten} are beaten by another run"
    listed = "; ".join(f"{number} {names[run]}" for run, number in numbers.items())
    caption = (
        "Energy at each run's own boundary. Circles are devices, squares the cloud; hollow ones are beaten by another run of their side "
    )
    caption += f"and boundary in one figure and in none better. {listed}."
    return twice("fronts", label, caption, lambda wide: _drawn(found, panels, numbers, wide=wide))


def _drawn(found: list[Candidate], panels: list[tuple[str, str, str]], numbers: dict[str, int], *, wide: bool) -> Any:
    import altair as alt

    charts = [_panel(found, panel, numbers, wide=wide) for panel in panels]
    return alt.hconcat(*charts, spacing=28) if wide else alt.vconcat(*charts, spacing=22)


def _panel(found: list[Candidate], panel: tuple[str, str, str], numbers: dict[str, int], *, wide: bool) -> Any:
    import altair as alt

    name, _, words = panel
    rows: list[dict[str, Any]] = [
        {
            "y": value,
            "x": item.energy_j.value,
            "side": item.side.value,
            "kind": "beaten" if item.beaten_by else "front",
            "n": numbers[item.run],
        }
        for item in found
        if isinstance(item.energy_j, Estimate) and (value := _value(item, name)) is not None
    ]
    low, high = min(row["x"] for row in rows), max(row["x"] for row in rows)
    x = alt.X("x:Q", title="J per inference (log)", scale=log_scale(alt, low, high), axis=log_axis(alt, low, high, "J", most=4))
    y = alt.Y("y:Q", title=None, **_y_axis(alt, name, [row["y"] for row in rows]))
    colour = alt.Color("side:N", scale=side_colours(alt), legend=None)
    shape = alt.Shape("side:N", scale=alt.Scale(domain=["device", "cloud"], range=["circle", "square"]), legend=None)
    layers = []
    for kind, filled in (("beaten", False), ("front", True)):
        picked = [row for row in rows if row["kind"] == kind]
        if picked:
            base = alt.Chart(alt.Data(values=picked)).encode(x=x, y=y, color=colour)
            layers.append(base.mark_point(filled=filled, size=85, opacity=1, strokeWidth=1.6).encode(shape=shape))
    places = alt.Chart(alt.Data(values=numbered(rows, upright=name == "accuracy")))
    layers.append(places.mark_text(dx=9, dy=-8, align="left", fontSize=SMALL, color=HEX["--soft"]).encode(x=x, y=y, text="n:N"))
    unit = {"accuracy": "%", "cost": _currency(found)}.get(name, "")
    title = alt.Chart(alt.Data(values=[{"words": f"{words}{f', {unit}' if unit else ''}"}])).mark_text(align="left", fontSize=SMALL)
    layers.append(title.encode(x=alt.value(0), y=alt.value(-18), text="words:N", color=alt.value(HEX["--ink"])))
    return alt.layer(*layers).properties(width=_WIDE if wide else NARROW - 60, height=190 if wide else 170)


def numbered(rows: list[dict[str, Any]], *, upright: bool) -> list[dict[str, Any]]:
    """Return one label for runs so near to one another that theirs would lie on one another: "2, 3"."""
    spans = {key: (min(values), max(values)) for key in ("x", "y") if (values := [row[key] for row in rows])}
    found: list[dict[str, Any]] = []
    for row in rows:
        beside = next((label for label in found if all(_near(label, row, key, spans[key], upright) for key in spans)), None)
        if beside is None:
            found.append({"x": row["x"], "y": row["y"], "n": str(row["n"])})
        else:
            beside["n"] += f", {row['n']}"
    return found


def _near(one: Mapping[str, Any], other: Mapping[str, Any], key: str, span: tuple[float, float], upright: bool) -> bool:
    if span[0] <= 0 or (upright and key == "y"):
        return bool(abs(one[key] - other[key]) <= _NEAR[key] * (span[1] - span[0]))
    ends = decades(span[0], max(span[1], span[0] * 1.001), 10**6)  # as the axis has them
    return bool(abs(math.log(one[key] / other[key])) <= _NEAR[key] * math.log(ends[-1] / ends[0]))


def _y_axis(alt: Any, name: str, values: list[float]) -> dict[str, Any]:
    low, high = min(values), max(values)
    if name == "accuracy":
        axis = alt.Axis(labelExpr="format(datum.value * 100, '.3~g')", tickCount=4, tickSize=0, domain=False, labelPadding=6)
        return {"scale": alt.Scale(zero=False, padding=12), "axis": axis}
    if low <= 0:
        return {"axis": alt.Axis(format="~s", tickCount=4, tickSize=0, domain=False, labelPadding=6)}
    return {"scale": log_scale(alt, low, high), "axis": log_axis(alt, low, high, "s" if name == "latency_s" else "", most=4)}


def _value(item: Candidate, name: str) -> float | None:
    quantity = getattr(item, name)
    return quantity.value if isinstance(quantity, Estimate) else None


def _currency(found: list[Candidate]) -> str:
    units = dict.fromkeys(item.cost.unit for item in found if isinstance(item.cost, Estimate))
    return " and ".join(units)
