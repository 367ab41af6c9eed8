"""The table of a benchmark fits 80 columns with boxes: only a long name is folded, and no word of it is lost."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from edgekit.reports.runs import runs_table
from tests.reports.records import edge_emulated, edge_rapl


@pytest.mark.parametrize("width", [80, 100])
def test_figures_are_whole_and_the_name_folds_late(width):
    console = Console(file=StringIO(), width=width, no_color=True)
    console.print(runs_table([edge_rapl(quick=True), edge_emulated()]))
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, drawn.splitlines())) <= width
    assert "…" not in drawn
    for word in ("digits_cnn.int", "complete, quick", "cpu_package", "emulated", "95 % interval"):
        assert word in drawn, word
