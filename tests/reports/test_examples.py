"""The worked examples of docs/examples are what their inputs give."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.resources import files as resources
from pathlib import Path

import pytest

from edgekit.core.jsonio import load_record
from edgekit.core.quantity import Estimate, Origin
from edgekit.core.run import RunRecord
from edgekit.decision.constants.pack import load_constants
from edgekit.decision.decide import decide
from edgekit.decision.scenario.read import parse_scenario
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


@pytest.mark.parametrize("name", VERDICTS)
def test_every_figure_of_page_one_is_there(name):
    decision = load_record(Report, (EXAMPLES / name / "report.json").read_bytes(), where=name).decision
    assert len(decision.accounts) == 2
    for item in decision.accounts:
        figures = (item.energy_j, item.operational_kg, item.embodied_kg, item.sci_kg, item.money)
        assert all(isinstance(figure, Estimate) for figure in figures)
    comment = (EXAMPLES / name / "report.md").read_text(encoding="utf-8")
    assert "SCI per million inferences, the making of hardware included: device " in comment
    assert "0 ng" not in (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    assert "manufacturing" not in comment.partition("**What is not included**")[2]


def changed(scenario: str, lines: list[str]) -> str:
    """Return a scenario with some of its lines in other words, each in the table it belongs to."""
    for line in lines:
        table, _, bare = line.partition(" =")[0].rpartition(".")
        value = line.partition("= ")[2]
        head, mark, rest = scenario.partition(f"[{table}]\n") if table else ("", "", scenario)
        if table and not mark:
            head, mark, rest = scenario, f"\n[{table}]\n", ""
        own, following, others = rest.partition("\n[")
        own = "\n".join(item for item in own.splitlines() if not item.startswith(f"{bare} ="))
        scenario = f"{head}{mark}{bare} = {value}\n{own}{following}{others}"
    return scenario


@pytest.mark.parametrize("name", VERDICTS)
def test_a_changed_line_gives_the_answer_that_the_page_says(name):
    page = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    runs = [load_record(RunRecord, path.read_bytes(), where=path.name) for path in sorted(EXAMPLES.glob(f"{name}/runs/*/run.json"))]
    constants = load_constants(resources("edgekit.decision.constants").joinpath("constants.toml").read_text(encoding="utf-8"))
    rows = re.findall(r"^\| (`[^|]*=[^|]*`) \| ([^|]+) \|$", page, flags=re.MULTILINE)
    assert len(rows) == 3
    for lines, answer in rows:
        text = changed((EXAMPLES / name / "scenario.toml").read_text(encoding="utf-8"), re.findall(r"`([^`]*)`", lines))
        headline = decide(runs, parse_scenario(text, where=lines, constants=constants), constants, draws=5_000).verdict.headline
        assert headline.startswith(answer), lines
