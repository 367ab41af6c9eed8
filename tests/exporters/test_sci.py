from __future__ import annotations

import re
from dataclasses import replace

import pytest

from edgekit.core.decision import Account, Side, SlotState
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Estimate, Origin, Unknown
from edgekit.decision.totals import scaled
from edgekit.exporters.sci import SciExporter, components
from tests.exporters.made import made

PER_J = 381e-3 / 3.6e6
SECTIONS = ("Coefficients", "Summary", "Functional Unit", "Key Insights", "Methodologies", "Component Breakdown", "Validation Checklist")


def with_accounts(report, *, wrong: float = 1.0):
    """Return a report whose slots and accounts carry carbon, as scenarios with both regions have it."""
    slots = tuple(
        replace(entry, co2e_kg=scaled(entry.energy_j, PER_J, "kg", (Origin.SOURCED,)), state=SlotState.MEASURED)
        if isinstance(entry.energy_j, Estimate)
        else entry
        for entry in report.decision.slots
    )
    report = replace(report, decision=replace(report.decision, slots=slots))
    unknown = Unknown(reason="not asked", unit="kg")
    accounts = []
    for side in (Side.DEVICE, Side.CLOUD):
        total = sum(carbon.value for _, carbon in components(report, side)) * wrong
        score = Estimate(value=total, low=0.8 * total, high=1.3 * total, unit="kg", origins=(Origin.MEASURED, Origin.SOURCED))
        figures = dict.fromkeys(("energy_j", "operational_kg", "embodied_kg", "marginal_kg", "market_kg", "water_l", "money"), unknown)
        accounts.append(Account(side=side, sci_kg=score, latency_s=unknown, power_w=unknown, **figures))
    return replace(report, decision=replace(report.decision, accounts=tuple(accounts)))


@pytest.fixture(scope="module")
def sides() -> list[str]:
    return SciExporter().write(with_accounts(made())).decode().split("\n---\n")


def amounts(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"^[\w ()]+: ([\d.]+) [nµmk]?gCO2e/inference$", text, re.MULTILINE)]


def test_each_side_has_the_sections_of_the_template_and_a_score(sides):
    assert len(sides) == 2
    for side in sides:
        assert all(f"## {name}" in side for name in SECTIONS)
        assert re.search(r"\*\*SCI:\*\* `[\d.]+ [nµmk]?gCO2e/inference`", side)
        for letter in ("(C)", "(O)", "(M)", "(E)", "(I)", "(R)"):
            assert letter in side


def test_the_components_add_up_to_the_score_as_printed(sides):
    for side in sides:
        score = float(re.search(r"\*\*SCI:\*\* `([\d.]+)", side)[1])
        assert len(amounts(side)) >= 2
        assert sum(amounts(side)) == pytest.approx(score, rel=1e-5)
        assert "- [x] All component SCI scores sum to the total SCI score" in side


def test_a_sum_that_is_wrong_is_not_ticked():
    text = SciExporter().write(with_accounts(made(), wrong=1.01)).decode()
    assert "- [ ] All component SCI scores sum to the total SCI score" in text


def test_every_methodology_is_measured_modeled_or_sourced_and_cites_what_the_table_holds(sides):
    for side in sides:
        table = set(re.findall(r"^\| `([^`]+)` \|", side, re.MULTILINE))
        kinds = re.findall(r"^\*\*Method:\*\* (\w+)$", side, re.MULTILINE)
        assert kinds
        assert set(kinds) <= {"sourced", "measured", "modeled"}
        cited = {
            name for line in re.findall(r"^\*\*Key Coefficients:\*\* (.+)$", side, re.MULTILINE) for name in re.findall(r"`([^`]+)`", line)
        }
        assert cited
        assert cited <= table
        assert side.count("- [x]") == 9


def test_coefficients_have_a_value_a_unit_and_a_source(sides):
    row = next(line for line in sides[0].splitlines() if line.startswith("| `grid_DE`"))
    assert [cell.strip() for cell in row.split("|")][3:5] == ["381", "g CO₂e/kWh"]
    assert all(cell.strip() for cell in row.split("|")[1:-1])


def test_what_is_not_counted_is_listed_with_its_reason(sides):
    assert "manufacturing: " in sides[0].partition("## Not included")[2]


def test_a_report_without_regions_has_no_score_and_says_what_to_add():
    with pytest.raises(UsageError) as caught:
        SciExporter().write(made(scenario=""))
    assert caught.value.code == "export.carbon"
    assert "region" in caught.value.do[0][1]
