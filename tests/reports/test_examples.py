"""The worked examples of docs/examples are what their inputs give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.core.jsonio import load_record
from edgekit.core.quantity import Estimate, Origin
from edgekit.reports.model import Report
from tests.conftest import REPOSITORY, clean_environment

EXAMPLES = REPOSITORY / "docs" / "examples"
VERDICTS = {"keyword_spotter": "edge (robust)", "camera": "depends", "defect_detector": "cloud (robust)"}


def files(root: Path) -> dict[str, bytes]:
    folders = (root / name for name in VERDICTS)
    return {str(path.relative_to(root)): path.read_bytes() for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made again")
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "make.py"), str(out)], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


def test_they_are_made_again_byte_for_byte_by_the_documented_command(made):
    ours, committed = files(made), files(EXAMPLES)
    assert set(ours) == set(committed)
    stale = [name for name in ours if ours[name] != committed[name]]
    assert stale == [], "run: python docs/examples/make.py"


@pytest.mark.parametrize(("name", "kind"), VERDICTS.items())
def test_each_gives_the_answer_that_it_stands_for_and_claims_no_measurement(name, kind):
    stored = load_record(Report, (EXAMPLES / name / "report.json").read_bytes(), where=name)
    assert stored.decision.verdict.kind == kind
    for row in stored.runs:
        assert isinstance(row.energy_j, Estimate)
        assert row.energy_j.origins == (Origin.SOURCED,)
        assert any("MLPerf" in note.text and "recorded by nobody here" in note.text for note in row.notes)
