"""Write figures as a tidy table: one row each, one meaning a column, as CSV for spreadsheets or as Parquet for programs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from edgekit.exporters.figures import COLUMNS, Figure, figures, run_figures
from edgekit.reports.model import Report

_NUMBERS = ("value", "low", "high", "level")
_FORMULA = re.compile(r"\s*[=+\-@]|[\t\r\n]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class CsvExporter:
    """Write the figures of a report as CSV (RFC 4180, UTF-8, a head line); an unknown figure has empty cells and its reason."""

    suffix = ".csv"
    of_runs = True

    def write(self, report: Report, *, runs_only: bool = False) -> bytes:
        """Return the file."""
        text = io.StringIO(newline="")
        table = csv.writer(text, lineterminator="\r\n")
        table.writerow(COLUMNS)
        table.writerows([_cell(name, getattr(row, name)) for name in COLUMNS] for row in _rows(report, runs_only))
        return text.getvalue().encode(errors="replace")


class ParquetExporter:
    """Write the figures of a report as Parquet: text as strings, numbers as doubles, null where one is unknown."""

    suffix = ".parquet"
    of_runs = True

    def write(self, report: Report, *, runs_only: bool = False) -> bytes:
        """Return the file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = _rows(report, runs_only)
        kinds = {name: pa.float64() if name in _NUMBERS else pa.string() for name in COLUMNS}
        columns = [pa.array([getattr(row, name) for row in rows], kinds[name]) for name in COLUMNS]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(dict(zip(COLUMNS, columns, strict=True))), sink, compression="zstd")
        return bytes(sink.getvalue().to_pybytes())


def _rows(report: Report, runs_only: bool) -> Sequence[Figure]:
    return run_figures(report.runs) if runs_only else figures(report)


def _cell(name: str, value: object) -> object:
    """Return a cell as it is, without what drives a terminal; a text that a spreadsheet would run as a formula is led by an apostrophe."""
    if isinstance(value, str):
        text = _CONTROL.sub("", value)
        return f"'{text}" if _FORMULA.match(text) else text
    return repr(value) if name in _NUMBERS and isinstance(value, float) else value
