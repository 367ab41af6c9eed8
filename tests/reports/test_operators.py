"""Operators are shown with their joules, interval, boundary and origins wherever a run is shown."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from edgekit.core.quantity import Note, Unknown
from edgekit.core.run import OperatorEnergy
from edgekit.core.units import format_scaled
from edgekit.energy.operators.share import BOUND
from edgekit.reports import markdown, operators, text
from tests.reports.records import cloud_gpu, edge_emulated, edge_rapl, profiled
from tests.reports.test_renderers import flat, made, page


def drawn(record, *, several=False) -> str:
    table = operators.terminal_table(record, several=several)
    assert table is not None
    console = Console(file=StringIO(), width=120, no_color=True)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_terminal_shows_the_ten_most_expensive_what_is_outside_and_how_many_more():
    found = drawn(profiled(edge_rapl()))
    assert found.index("block_0/") < found.index("block_9/")
    assert "block_10/" not in found
    assert "10 more" in found
    assert "outside operators" in found
    assert "50.0 %" in found
    assert "cpu_package, measured+estimated" in found
    assert "Joules: shares of time." in flat(found)


def test_several_runs_are_told_apart_and_a_run_without_a_profile_has_no_table():
    assert "operators of digits_cnn.int8.tflite" in drawn(profiled(edge_rapl()), several=True)
    assert operators.terminal_table(edge_rapl(), several=True) is None


def test_emulated_joules_say_so_in_every_rendering():
    report = made(profiled(edge_emulated()), cloud_gpu())
    (table,) = operators.tables(report)
    assert all("emulated" in row[1].tags for row in table.rows)
    assert "emulated" in operators.lines(report)[0]


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 20])
def test_every_operator_is_on_the_page_and_long_lists_fold(count):
    report = made(profiled(edge_rapl(), operators=count), cloud_gpu())
    html = page(report)
    for place in range(count):
        assert f"block_{place}/" in html
    section = html[html.index('id="operators"') :]
    section = section[: section.index("</section>")]
    assert ("<details>" in section) == (count > operators.FOLDED_FROM)
    assert section.count("<tr>") == count + 2 + (count > operators.FOLDED_FROM), "a head, the operators, what is outside; again a head"
    assert "Joules: shares of time." in section
    assert "block_0/" in text.render(report)


@pytest.mark.slow
def test_names_from_a_model_cannot_break_out():
    record = profiled(edge_rapl(), operators=2)
    evil = replace(record.analysis.operators[0], name="<script>alert(1)</script>")
    record = replace(record, analysis=replace(record.analysis, operators=(evil, *record.analysis.operators[1:])))
    assert "<script>alert(1)" not in page(made(record, cloud_gpu()))
    assert "<script>alert(1)" not in markdown.render(made(record, cloud_gpu()))


def test_unknown_joules_are_ranked_by_time_and_say_why():
    unknown = Unknown(reason="no meter was read", unit="J")
    items = [
        OperatorEnergy(name=name, kind="Conv", share=share, energy_j_per_inference=unknown) for name, share in (("a", 0.2), ("b", 0.7))
    ]
    items.append(OperatorEnergy(name="outside operators", kind="outside", share=0.9, energy_j_per_inference=unknown))
    assert [item.name for item in operators.ranked(items)] == ["b", "a", "outside operators"]
    record = edge_rapl()
    record = replace(record, analysis=replace(record.analysis, operators=tuple(items)))
    assert "unknown" in drawn(record)
    (table,) = operators.tables(made(record, cloud_gpu()))
    assert any("no meter was read" in remark.text for remark in table.remarks)


def test_joules_of_a_table_share_the_unit_of_the_largest_however_small_they_are():
    (table,) = operators.tables(made(profiled(edge_rapl()), cloud_gpu()))
    cells = [row[1] for row in table.rows]
    assert {cell.text.split()[-1] for cell in cells} == {"µJ"}
    assert {cell.detail.split()[-1] for cell in cells} == {"µJ"}
    assert "< 0.1 µJ" in {cell.text for cell in cells}
    assert not any("," in cell.detail or "e-" in cell.detail for cell in cells)
    least = operators.in_unit(Unknown(reason="no meter was read", unit="J"), 0.0)
    assert least.text == "unknown"


def test_what_has_bounds_only_is_never_shown_as_a_figure():
    record = profiled(edge_rapl(), operators=2)
    first, *others = record.analysis.operators
    energy = replace(first.energy_j_per_inference, notes=(Note(code=BOUND, text="below the clock's step"),))
    lost = replace(first, share=0.0, energy_j_per_inference=energy)
    record = replace(record, analysis=replace(record.analysis, operators=(lost, *others)))
    most = f"at most {format_scaled(energy.high, 'J')}"
    for shown in (drawn(record), operators.lines(made(record, cloud_gpu()))[0]):
        assert "below the clock's step" in shown
        assert most in shown
    (table,) = operators.tables(made(record, cloud_gpu()))
    (row,) = [row for row in table.rows if row[0].text == first.name]
    assert (row[1].text.startswith("at most"), row[2].text) == (True, "below the clock's step")
