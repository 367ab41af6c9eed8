from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from edgekit.core.boundary import Boundary
from edgekit.exporters.figures import COLUMNS, figures, run_figures
from edgekit.exporters.tidy import CsvExporter, ParquetExporter
from tests.exporters.made import made
from tests.reports.records import artifact, cloud_gpu, edge_rapl, profiled


@pytest.fixture(scope="module")
def report():
    return made()


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_every_figure_is_a_row_with_unit_interval_boundary_origins_and_what_it_rests_on(report):
    found = figures(report)
    energy = next(row for row in found if row.table == "runs" and row.figure == "energy_j" and row.side == "device")
    assert (energy.value, energy.low, energy.high) == (
        report.runs[0].energy_j.value,
        report.runs[0].energy_j.low,
        report.runs[0].energy_j.high,
    )
    assert (energy.unit, energy.boundary, energy.origins, energy.evidence) == ("J", Boundary.CPU_PACKAGE, "measured", report.runs[0].run)
    for row in found:
        if row.value is not None and row.table in ("runs", "slots", "views", "totals"):
            assert row.origins, row
            assert row.evidence, row
            assert row.low <= row.value <= row.high


def test_an_unknown_figure_has_no_number_and_says_why(report):
    for row in figures(report):
        assert (row.value is None) == bool(row.reason), row
    cooling = next(row for row in figures(report) if row.id == "cooling" and row.side == "device" and row.figure == "energy_j")
    assert "PUE does not apply" in cooling.reason


def test_constants_carry_their_id_and_range(report):
    found = {row.id: row for row in figures(report) if row.table == "constants"}
    assert set(found) == {item.id for item in report.decision.constants}
    assert found["grid_DE"].unit == "kg/J"
    assert found["pue_hyperscale"].low < found["pue_hyperscale"].value < found["pue_hyperscale"].high


def test_no_two_rows_of_a_table_say_the_same_thing(report):
    keys = [(row.table, row.id, row.side, row.figure) for row in figures(report)]
    assert len(keys) == len(set(keys))


def test_operators_are_figures_of_their_run():
    profiled_report = made(profiled(edge_rapl(), operators=3), cloud_gpu())
    found = [row for row in run_figures(profiled_report.runs) if row.table == "operators" and row.figure == "energy_j_per_inference"]
    assert len(found) == 4
    assert all(row.id.startswith("20260504-edge-int8-b2 ") for row in found)


def test_csv_reads_back_to_the_same_numbers(report):
    read = rows(CsvExporter().write(report))
    assert tuple(read[0]) == COLUMNS
    for row, figure in zip(read, figures(report), strict=True):
        assert row["value"] == ("" if figure.value is None else repr(figure.value))
        assert figure.value is None or float(row["value"]) == figure.value


def test_parquet_holds_doubles_text_and_nulls(report, tmp_path):
    path = tmp_path / "report.parquet"
    path.write_bytes(ParquetExporter().write(report))
    table = pq.read_table(path)
    assert tuple(table.column_names) == COLUMNS
    assert str(table.schema.field("value").type) == "double"
    assert table.to_pylist() == [{name: getattr(row, name) for name in COLUMNS} for row in figures(report)]


def test_tables_come_out_the_same_twice(report):
    for exporter in (CsvExporter(), ParquetExporter()):
        assert exporter.write(report) == exporter.write(report)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        (" =1+1", "' =1+1"),
        ("\n@SUM(1)", "'\n@SUM(1)"),
        ("\x1b]0;t\x07\x00-2+3", "']0;t-2+3"),
    ],
)
def test_a_name_cannot_become_a_formula_of_a_spreadsheet_nor_drive_a_terminal(name, cell):
    hostile = made(replace(edge_rapl(name), artifact=artifact()), cloud_gpu())
    written = CsvExporter().write(hostile)
    assert cell.removeprefix("'" if name.startswith("\x1b") else "") in {row["id"] for row in rows(written)}
    assert not re.search(rb"[\x00\x07\x1b]", written)
