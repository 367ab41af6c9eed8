"""The demo ends with what its benchmark and its comparison found, not with the verdict alone."""

from __future__ import annotations

import pytest

from edgekit.campaigns.demo import DemoResult
from edgekit.cli.demo import _with_tables


@pytest.mark.slow
def test_the_figures_of_every_run_stand_above_the_verdict(run_edgekit, model_file, tmp_path):
    ids = [run_edgekit("--json", "bench", model_file, "--device", "sim", "--quick").json()["data"]["runs"][0]["id"] for _ in range(2)]
    result = DemoResult(headline="h", verdict="v", report={}, runs=tuple(ids), commands=(), notes=())
    from rich.console import Console

    console = Console(width=120, record=True)
    console.print(_with_tables("verdict: keep it", result, tmp_path / "runs"))
    text = console.export_text()
    assert text.index("J/inference") < text.index("the baseline") < text.index("verdict: keep it")
    assert "emulated" in text
    assert ids[1] in text
