from __future__ import annotations

import re
from dataclasses import replace

import pytest

from edgekit.core.errors import UsageError
from edgekit.decision.accounts.totals import scaled
from edgekit.exporters.sci import SciExporter
from tests.exporters.made import made

SECTIONS = ("Coefficients", "Summary", "Functional Unit", "Key Insights", "Methodologies", "Component Breakdown", "Validation Checklist")


STATED = """
rate = "2 inference/s"
device.region = "DE"
device.added_embodied = "2 kgCO2e"
cloud.region = "NL"
cloud.embodied = "1500 kgCO2e"
cloud.lifetime = "4 years"
prices.electricity = "0.29 EUR/kWh"
prices.date = "2026-05-01"
"""


@pytest.fixture(scope="module")
def sides() -> list[str]:
    return SciExporter().write(made(scenario=STATED)).decode().split("\n---\n")


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
    report = made(scenario=STATED)
    device, *others = report.decision.accounts
    wrong = replace(device, sci_kg=scaled(device.sci_kg, 1.01))
    text = SciExporter().write(replace(report, decision=replace(report.decision, accounts=(wrong, *others)))).decode()
    assert text.count("- [ ] All component SCI scores sum to the total SCI score") == 1


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
    assert "prices." not in sides[0]


def test_what_is_not_counted_is_listed_with_its_reason(sides):
    assert "training: " in sides[0].partition("## Not included")[2]


def test_a_report_without_regions_has_no_score_and_says_what_to_add():
    with pytest.raises(UsageError) as caught:
        SciExporter().write(made(scenario=""))
    assert caught.value.code == "export.carbon"
    assert "region" in caught.value.do[0][1]


def test_the_kind_of_grid_factor_is_named_and_no_other_is_cited():
    marginal = 'grid.view = "marginal"\ndevice.grid_marginal = "600 gCO2e/kWh"\ncloud.grid_marginal = "450 gCO2e/kWh"\n'
    for text, kind, cited in (
        (STATED, "average", "`grid_DE`, `grid_NL`"),
        (marginal + STATED, "marginal", "`cloud.grid_marginal`, `device.grid_"),
    ):
        side = SciExporter().write(made(scenario=text)).decode()
        method = side.partition("#### Grid intensity")[2].partition("####")[0]
        assert f"ocation-based {kind} emissions" in method
        assert "Market-based instruments are excluded" in method
        assert f"**Key Coefficients:** {cited}" in method
        assert side.count("- [x]") == 18
