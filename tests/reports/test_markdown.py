"""The report as a comment on a pull request: short, whole tables, nothing said of a figure lost."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from edgekit.core.quantity import Note
from edgekit.exporters.sci import SciExporter
from edgekit.reports import markdown
from tests.exporters.made import REGIONS, made
from tests.reports.records import artifact, cloud_gpu, edge_emulated, edge_estimated, edge_rapl, profiled


def crowd():
    """Return a report over 24 runs with a note each, quick plans and prices."""
    prices = 'prices.electricity = "0.29 EUR/kWh"\nprices.gpu_hour = "2.5 USD/h"\nprices.date = "2026-05-01"\nfleet = 100\n'
    runs = [
        replace(
            edge_estimated(f"edge-{number}", model=artifact(recipe=f"recipe{number}"), joules=1e-5 * (number + 1)),
            notes=(Note(code=f"n{number}", text=f"remark number {number}"),),
        )
        for number in range(24)
    ]
    return made(*runs, profiled(edge_rapl("profiled")), edge_emulated(), cloud_gpu(), scenario=REGIONS + prices)


REPORTS = {"two runs": made, "many runs": crowd, "one side": lambda: made(edge_rapl())}


@pytest.fixture(scope="module", params=REPORTS)
def text(request) -> str:
    return markdown.render(REPORTS[request.param]())


def test_it_has_at_most_60_lines_and_no_more_than_a_comment_may_hold(text):
    assert text.endswith("\n")
    assert len(text.splitlines()) <= markdown.LINES == 60
    assert len(text) < 65_536


def test_every_table_has_as_many_cells_in_each_row(text):
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) >= 2
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_it_says_what_is_left_out_of_it_and_of_the_count(text):
    assert "**What is not included**" in text
    assert "HTML and JSON reports" in text
    assert text.count("<details>") == text.count("</details>") == 1


def test_rows_that_do_not_fit_are_counted():
    text = markdown.render(crowd())
    shown = text[text.index("Every run") :]
    rows = [line for line in shown[: shown.index("**W")].splitlines() if line.startswith("| ")]
    left = int(re.search(r"\| and (\d+) more", shown)[1])
    assert len([row for row in rows if ".tflite" in row or ".onnx" in row]) + left == 27


def test_an_emulated_run_is_named_before_the_verdict_and_its_figures_carry_the_word():
    text = markdown.render(made(edge_emulated(), cloud_gpu()))
    assert "emulated" in text[: text.index("Keep digits")]
    assert text.count("emulated") >= 5


def test_figures_keep_interval_boundary_and_origins():
    text = markdown.render(made())
    assert re.search(r"\*\*30\.0 µJ\*\* <sub>28\.5 to 31\.5 µJ; measured, at cpu\\_package, lower bound</sub>", text)


def test_the_command_that_repeats_it_is_there():
    assert "\nedgekit report a b\n" in markdown.render(made())


def test_no_text_of_a_report_leaves_its_line_its_code_or_drives_a_terminal():
    hostile = "a` | **b** \r\n\u2028# c\n```\n\x1b]0;t\x07\u202e"
    found = made(edge_rapl(f"run {hostile}"), cloud_gpu(), scenario=f'{REGIONS}device.added_embodied = "0 kgCO2e"')
    one, *others = found.decision.constants
    stated = replace(found.decision, model=hostile, constants=(replace(one, id=hostile), *others))
    report = replace(found, title=hostile, decision=stated, commands=((hostile, f"edgekit {hostile}"),))
    for text in (
        markdown.render(report),
        SciExporter().write(replace(report, decision=replace(stated, constants=found.decision.constants))).decode(),
    ):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202a-\u202e]", text)
        assert text.count("```") % 2 == 0
        assert not re.search("^# c", text, re.MULTILINE)
    assert markdown.render(report).count("\n") <= 60
    assert re.search(r"`a +\*\*b\*\* +# c +\]0;t`", markdown.render(report))
