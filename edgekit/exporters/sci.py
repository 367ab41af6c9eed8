"""Write the SCI report of the Green Software Foundation (ISO/IEC 21031:2024): one for each side, in the sections of its template.

Scores are location-based grams of CO2e per inference, (E x I + M) / R. Components are the slots of the life cycle, and add up to the score.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgekit.core.decision import Account, Side, SlotEntry, SlotState
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Estimate
from edgekit.core.units import scale_for
from edgekit.decision.accounts.totals import carbon_of
from edgekit.exporters.sci_parts import Method, coefficients, methods
from edgekit.reports.findings import SLOT_WORDS
from edgekit.reports.markdown import code, escape
from edgekit.reports.model import Report
from edgekit.reports.show import figure, one_line

_TYPES = {
    "C": "Carbon (C)",
    "O": "Operational Carbon (O)",
    "M": "Embodied Carbon (M)",
    "E": "Energy (E)",
    "I": "Grid Carbon Intensity (I)",
    "R": "Functional Unit (R)",
}
_DIGITS = 6
_SUM_REL = 1e-9


class SciExporter:
    """Write the SCI report of each side whose carbon is known."""

    suffix = ".sci.md"
    of_runs = False

    def write(self, report: Report, *, runs_only: bool = False) -> bytes:
        """Return the file; raise UsageError when the carbon of no side is known."""
        known = [account for account in report.decision.accounts if isinstance(account.sci_kg, Estimate)]
        if not known:
            raise _unscored(report)
        return "\n---\n\n".join(_side(report, account) for account in known).encode()


def _unscored(report: Report) -> UsageError:
    reasons = {account.sci_kg.reason: None for account in report.decision.accounts if not isinstance(account.sci_kg, Estimate)}
    return UsageError(
        "this report has no SCI score",
        code="export.carbon",
        why="; ".join(reasons) or "it was written before reports held the accounts of carbon",
        do=[
            ("name regions and hardware in the scenario:", 'device.region = "DE"   device.added_embodied = "0 kgCO2e"'),
            ("and decide again:", "edgekit report RUN... --scenario FILE --format sci"),
        ],
    )


def components(report: Report, side: Side) -> list[tuple[SlotEntry, Estimate]]:
    """Return the slots of one side whose carbon is counted: as stated, or their joules times the grid of the place that buys them."""
    scenario, known = report.decision.scenario, {item.id: item for item in report.decision.constants}
    found = []
    for entry in (item for item in report.decision.slots if item.side is side):
        carbon = entry.co2e_kg
        if carbon is None and isinstance(entry.energy_j, Estimate):
            carbon = carbon_of(scenario, known, side, entry)
        found += [(entry, carbon)] if isinstance(carbon, Estimate) else []
    return found


def _side(report: Report, account: Account) -> str:
    decision, side = report.decision, account.side
    total = account.sci_kg
    assert isinstance(total, Estimate)
    parts = components(report, side)
    divisor, unit = scale_for(total.value, "kg")
    decimals = max(0, _DIGITS - len(str(int(abs(total.value / divisor)))))
    scores = [round(carbon.value / divisor, decimals) for _, carbon in parts]
    shown = [f"{score:.{decimals}f} {unit}CO2e/inference" for score in scores]
    added = f"{sum(scores):.{decimals}f} {unit}CO2e/inference"
    place = "on the device" if side is Side.DEVICE else "in the cloud"
    used, table = methods(report, side, [entry for entry, _ in parts]), coefficients(report, side)
    named = {code(row[0])[1:-1] for row in table}
    sums = abs(sum(carbon.value for _, carbon in parts) - total.value) <= max(_SUM_REL * abs(total.value), 1e-18)
    lines = [
        f"# {escape(decision.model)} {place} SCI REPORT",
        f"**SCI:** `{added}`",
        f"95 % interval: {escape(one_line(figure(total)))}",
        "**Breakdown:**",
        "\n".join(["```", *(f"{SLOT_WORDS[entry.slot.value]}: {score}" for (entry, _), score in zip(parts, shown, strict=True)), "```"]),
        _identity(report, place),
        "## Coefficients",
        _table(table),
        "## Summary",
        f"{escape(decision.verdict.sentence)} {escape(decision.verdict.regime)}.",
        "## Functional Unit",
        "**Functional Unit:** one inference",
        f"**Functional Unit Rationale:** what a user gets; the scenario ({escape(decision.scenario.name)}) states how many there are.",
        "## Key Insights",
        "\n".join(f"- {escape(line)}" for line in _insights(report, side, parts)),
        "## Methodologies",
        *_methods(used),
        "## Component Breakdown",
        *(_component(entry, score, used) for (entry, _), score in zip(parts, shown, strict=True)),
        "## Not included",
        "\n".join(f"- {escape(line)}" for line in _absent(report, side)) or "Nothing is left out.",
        "## Validation Checklist",
        "\n".join(f"- [{'x' if passed else ' '}] {text}" for text, passed in _checks(sums, parts, used, named)),
    ]
    return "\n\n".join(lines) + "\n"


def _identity(report: Report, place: str) -> str:
    """Return the lines that identify the application; what only the publisher knows is left for them to fill in."""
    blank = "[to be filled in by whoever publishes this]"
    rows = (
        ("Application Name", escape(report.decision.model)),
        ("Application Version", f"model family {escape(report.decision.family[:12])}"),
        ("Application Description", f"inference of {escape(report.decision.model)} {place}"),
        ("Accountable Organization", blank),
        ("Accountable Person", blank),
        ("Accountable Contact", blank),
        ("Measurement Date", escape(report.created)),
        ("Measurement Timespan", f"{escape(min(row.created for row in report.runs))} - {escape(report.created)}"),
    )
    return "\n\n".join(f"**{name}:** {value}" for name, value in rows)


def _table(rows: Sequence[tuple[str, str, str, str, str]]) -> str:
    head = ["| Coefficient | Description | Value | Unit | Source |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *("| " + " | ".join([code(row[0]), *(escape(cell) for cell in row[1:])]) + " |" for row in rows)])


def _methods(used: Sequence[Method]) -> list[str]:
    found = []
    for letter, title in _TYPES.items():
        found.append(f"### {title}")
        of_type = [item for item in used if item.letter == letter]
        found += [item.text for item in of_type] or [
            "Not used: every component is computed from energy, grid intensity and embodied carbon."
        ]
    return found


def _component(entry: SlotEntry, score: str, used: Sequence[Method]) -> str:
    own = [item for item in used if entry in item.of or item.letter in "IR"]
    embodied = not isinstance(entry.energy_j, Estimate)
    names = {"E": "Energy", "I": "Grid Intensity", "M": "Embodied Carbon", "R": "Functional Unit"}
    wanted = "MR" if embodied else "EIR"
    lists = [f"- **{names[letter]}:** {', '.join(item.name for item in own if item.letter == letter)}" for letter in wanted]
    return "\n\n".join(
        [
            f"### {SLOT_WORDS[entry.slot.value].capitalize()}",
            f"**SCI Score:** {score}",
            f"**Calculation Method:** {'om' if embodied else 'eim'}",
            f"**Description:** {escape(entry.how) or 'as named'}",
            "**Methodologies Used:**",
            "\n".join(lists),
        ]
    )


def _insights(report: Report, side: Side, parts: Sequence[tuple[SlotEntry, Estimate]]) -> list[str]:
    total = sum(carbon.value for _, carbon in parts)
    top = max(parts, key=lambda part: part[1].value)
    found = [f"{SLOT_WORDS[top[0].slot.value]} is the largest component: {100 * top[1].value / total:.0f} %"] if total > 0 else []
    found.append(report.decision.verdict.condition)
    return [*found, *(item.what for item in report.decision.advice[:2] if item.side in (side, Side.BOTH))]


def _absent(report: Report, side: Side) -> list[str]:
    counted = [entry for entry, _ in components(report, side)]
    entries = [entry for entry in report.decision.slots if entry.side in (side, Side.BOTH) and entry not in counted]
    return [f"{SLOT_WORDS[entry.slot.value]}: {_reason(entry)}" for entry in entries]


def _reason(entry: SlotEntry) -> str:
    for quantity in (entry.co2e_kg, entry.energy_j):
        if quantity is not None and not isinstance(quantity, Estimate):
            return quantity.reason
    return "the same on both sides, and left out of the score of either"


def _checks(sums: bool, parts: Sequence[tuple[SlotEntry, Estimate]], used: Sequence[Method], names: set[str]) -> list[tuple[str, bool]]:
    """Return every line of the template's checklist, and whether it holds here: each is tested, none is asserted."""
    cited = {name for item in used for name in re.findall(r"`([^`]+)`", item.cites)}
    covered = {id(entry) for item in used for entry in item.of}
    return [
        ("All component SCI scores sum to the total SCI score", sums),
        ("All functional units are consistent across components and total", all(carbon.unit == "kg" for _, carbon in parts)),
        ("All coefficients referenced in methodologies are included in the coefficients table", cited <= names),
        (
            "All methodologies are categorized as sourced/measured/modeled",
            all(item.state in ("sourced", "measured", "modeled") for item in used),
        ),
        ("All methodologies relate to C, O, M, E, I, or R", all(item.letter in _TYPES for item in used)),
        ("Component descriptions clearly define scope and boundaries", all(entry.how for entry, _ in parts)),
        ("At least one level of component breakdown is provided", bool(parts)),
        ("All material components are included in the breakdown", all(id(entry) in covered for entry, _ in parts)),
        ("No component is counted that the report calls not included", all(e.state is not SlotState.NOT_INCLUDED for e, _ in parts)),
    ]
