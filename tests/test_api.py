"""The public functions do what the commands do, quietly."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_a_run_made_by_a_program_can_be_loaded_and_compared(model_file, tmp_path):
    import edgekit

    result = edgekit.bench([model_file], device="sim", runs_dir=tmp_path / "runs", quick=True)
    loaded = edgekit.load_run(result.runs[0].id, tmp_path / "runs")
    assert loaded == result.runs[0]
    assert isinstance(loaded.analysis.energy_j_per_inference, edgekit.Estimate)


def test_errors_carry_what_why_and_do(tmp_path):
    import edgekit

    with pytest.raises(edgekit.EdgekitError) as caught:
        edgekit.bench([tmp_path / "missing.tflite"], device="sim", runs_dir=tmp_path / "runs")
    assert caught.value.code == "file.missing"
    assert caught.value.do


def test_when_to_run_work_is_one_call():
    import edgekit

    found = edgekit.when(4 * 3600, region="GB", start="2026-07-01T18:00Z", energy_j=7.2e6)
    assert (found.advice.kind, found.advice.saved_kg.unit) == ("wait", "kg")
    for asked in ({"energy_j": float("nan")}, {"deadline_s": float("nan")}, {"marginal": "missing.csv"}):
        with pytest.raises(edgekit.EdgekitError):
            edgekit.when(3600, region="GB", **asked)


def test_every_public_name_exists():
    import edgekit
    from edgekit import api

    assert all(getattr(edgekit, name) is getattr(api, name) for name in api.__all__)


def test_importing_edgekit_imports_nothing_heavy():
    program = (
        "import sys, edgekit; edgekit.bench; "
        "print([name for name in ('numpy', 'tensorflow', 'onnx', 'pyarrow', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
