"""What the interval of a run does not hold is said wherever the interval is shown, and never counted as nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgekit.core.quantity import BudgetTerm, Estimate, Origin
from edgekit.reports import evidence
from edgekit.reports.show import figure
from tests.reports.records import cloud_gpu, edge_emulated, edge_rapl
from tests.reports.test_renderers import made, page

GAIN = BudgetTerm(name="gain", kind="B", u=None, reason="nobody states it for this sensor", instrument="x")


def without_gain(record):
    energy = record.analysis.energy_j_per_inference
    assert isinstance(energy, Estimate)
    terms = (BudgetTerm(name="repeatability", kind="A", u=energy.value * 0.01), GAIN)
    return replace(record, analysis=replace(record.analysis, energy_j_per_inference=replace(energy, budget=terms)))


def test_a_term_of_unknown_size_has_no_share_of_the_variance():
    table = evidence.budgets(made(without_gain(edge_rapl()), cloud_gpu()))
    row = next(row for row in table.rows if row[1].text == "gain" and "nobody states it for this sensor" in row[2].detail)
    assert (row[2].text, row[3].text) == ("unknown", "unknown")
    assert "0.0 %" not in [cell.text for cell in row]


def test_each_term_carries_the_origin_of_its_run():
    table = evidence.budgets(made(without_gain(edge_emulated()), cloud_gpu()))
    emulated = [row for row in table.rows if row[0].text == edge_emulated().artifact.path and "emulated" in row[2].tags]
    assert len(emulated) >= 2


@pytest.mark.slow
def test_what_no_interval_holds_is_said_of_runs_that_were_not_chosen_too():
    report = made(edge_rapl(joules=1e-5), without_gain(edge_rapl("20260504-other", joules=9e-5)), cloud_gpu())
    other = next(row for row in report.runs if row.run == "20260504-other")
    assert not other.chosen
    assert "the interval does not hold the gain: nobody states it for this sensor" in page(report)
    assert "gain unknown" in figure(other.energy_j).tags
    assert Origin.MEASURED.value in figure(other.energy_j).tags
