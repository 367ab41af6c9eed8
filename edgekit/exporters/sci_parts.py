"""Lay out the coefficients and methodologies of an SCI report, each with its source, its kind (sourced, measured, modeled) and its type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.decision import Side, SlotEntry, SlotState
from edgekit.core.quantity import Estimate
from edgekit.core.units import format_between
from edgekit.reports.findings import SLOT_WORDS
from edgekit.reports.markdown import code, escape
from edgekit.reports.model import Report

_NUMBER = re.compile(r"([-+]?[\d.,]+(?: \([^)]*\))?)\s*(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """Hold one methodology: its name, its type (C, O, M, E, I or R), how its value came about, and the components that use it."""

    name: str
    letter: str
    state: str
    text: str
    cites: str
    of: tuple[SlotEntry, ...] = ()


def coefficients(report: Report, side: Side) -> list[tuple[str, str, str, str, str]]:
    """Return (name, description, value, unit, source) of the runs, the published numbers and the user's own numbers behind one side."""
    found = []
    for row in report.runs:
        if row.chosen and row.side is side and isinstance(row.energy_j, Estimate):
            energy = row.energy_j
            interval = format_between(energy.value, energy.low, energy.high)
            place = energy.boundary.value if energy.boundary is not None else "an unknown place"
            source = f"run {row.run}, artifact sha256 {row.artifact_sha256[:12]} ({', '.join(energy.origins)})"
            found.append((row.run, f"energy per inference at {place}", interval, "J", source))
    for constant in report.decision.constants:
        value, unit = _split(constant.shown)
        found.append((constant.id, constant.scope, value, unit, f"{constant.source} ({constant.year})"))
    for item in report.decision.assumptions:
        value, unit = _split(item.value)
        if item.source == "user" and value and not item.name.startswith("prices."):  # money is no part of the score
            found.append((item.name, item.detail or item.name, value, unit, f"user: {report.decision.scenario.source}"))
    return found


def _split(shown: str) -> tuple[str, str]:
    """Return ("381", "g CO2e/kWh") of "381 g CO2e/kWh"; no value where the text does not begin with a number."""
    match = _NUMBER.fullmatch(shown)
    return (match[1], match[2] or "1") if match else ("", "")


def methods(report: Report, side: Side, entries: Sequence[SlotEntry]) -> list[Method]:
    """Return the methodologies behind the components of one side."""
    names = {row[0] for row in coefficients(report, side)}
    found = [_method(entry, names) for entry in entries]
    found.append(_grid_intensity(report, names))
    given = report.decision.scenario.source
    rates = [name for name in ("rate", "fleet", "lifetime") if name in names]
    found.append(_written("Inferences", "R", "modeled", f"One inference; how many there are follows from the scenario ({given}).", rates))
    return found


def _grid_intensity(report: Report, names: set[str]) -> Method:
    """Return the methodology of I: the specification takes marginal or average factors, never market-based ones."""
    scenario = report.decision.scenario
    ends, kind = (".grid",), "Yearly location-based average emissions of each side's grid"
    if scenario.grid_view == "marginal":
        ends, kind = (".grid_marginal",), "Location-based marginal emissions of each side's grid, as the scenario states them"
    built_in = {
        f"grid_{region}"
        for region, stated in (
            (scenario.device_region, scenario.device_grid_kg_per_j),
            (scenario.cloud_region, scenario.cloud_grid_kg_per_j),
        )
        if region is not None and stated is None and scenario.grid_view == "average"
    }
    grids = [name for name in sorted(names) if name in built_in or name.endswith(ends)]
    text = (
        f"{kind}; the network and the device's radio are at the device. Market-based instruments are excluded. A baseline takes the same."
    )
    return _written("Grid intensity", "I", "sourced", text, grids)


def _method(entry: SlotEntry, names: set[str]) -> Method:
    embodied = not isinstance(entry.energy_j, Estimate)
    state = entry.state.value if entry.state is not SlotState.NOT_INCLUDED else "modeled"
    origins = "" if embodied else f" Origins: {', '.join(entry.energy_j.origins)}."
    cited = [name for name in entry.evidence if name in names]
    title = SLOT_WORDS[entry.slot.value]
    made = _written(title.capitalize(), "M" if embodied else "E", state, f"{entry.how or title}.{origins}", cited)
    return Method(name=made.name, letter=made.letter, state=made.state, text=made.text, cites=made.cites, of=(entry,))


def _written(name: str, letter: str, state: str, description: str, cited: Sequence[str]) -> Method:
    cites = ", ".join(map(code, cited)) or "none"
    text = "\n\n".join(
        [f"#### {name}", f"**Method:** {state}", f"**Description:** {escape(description)}", f"**Key Coefficients:** {cites}"]
    )
    return Method(name=name, letter=letter, state=state, text=text, cites=cites)
