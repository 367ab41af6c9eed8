from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.core.decision import Side, VerdictKind
from edgekit.core.errors import SetupError, UsageError
from edgekit.core.jsonio import dump_record, load_record
from edgekit.core.run import RunRecord
from edgekit.flows.report import ReportRequest, plan, report
from edgekit.reports.model import Report
from tests.reports.records import artifact, cloud_gpu, edge_rapl, training


class Silent:
    """Take progress and show nothing."""

    def step(self, title, total=None, *, still=False): ...
    def advance(self, done, text=""): ...
    def note(self, note): ...


def shelf(*runs: RunRecord):
    known = {run.id: run for run in runs}

    def load(name):
        if name not in known:
            raise UsageError(f"no run is called {name!r}", code="run.unknown")
        return {name: known[name]}

    return load


def make(tmp_path, known, *, references=(), **changes):
    request = ReportRequest(**{"runs": tuple(run.id for run in known), "runs_dir": tmp_path, "out": tmp_path / "out" / "report", **changes})
    return report(request, progress=Silent(), load=shelf(*known, *references), references=lambda family: list(references))


@pytest.mark.slow
def test_three_files_are_written_and_hold_the_same_verdict(tmp_path):
    result = make(tmp_path, [edge_rapl(), cloud_gpu()])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.html", "report.md", "report.json"}
    stored = load_record(Report, result.files["json"].read_bytes(), where="report.json")
    assert stored == result.report
    assert stored.decision.verdict.kind is VerdictKind.EDGE
    assert stored.decision.verdict.headline in result.files["html"].read_text(encoding="utf-8")
    assert stored.decision.verdict.headline in result.files["md"].read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes(tmp_path):
    first = {kind: path.read_bytes() for kind, path in make(tmp_path, [edge_rapl(), cloud_gpu()]).files.items()}
    second = {kind: path.read_bytes() for kind, path in make(tmp_path, [edge_rapl(), cloud_gpu()]).files.items()}
    assert first == second


@pytest.mark.slow
def test_a_reference_run_of_the_family_is_the_cloud_side_and_is_named(tmp_path):
    result = make(tmp_path, [edge_rapl()], references=[cloud_gpu()])
    assert [row.run for row in result.report.runs if row.side is Side.CLOUD] == ["20260420-h100-fp32-d4"]
    assert any(note.code == "cloud.reference" and "20260420-h100-fp32-d4" in note.text for note in result.report.decision.notes)


@pytest.mark.slow
def test_an_own_cloud_run_outranks_references_and_none_leaves_the_cloud_out(tmp_path):
    own = make(tmp_path, [edge_rapl(), cloud_gpu("own")], references=[cloud_gpu()])
    assert {row.run for row in own.report.runs} == {"20260504-edge-int8-b2", "own"}
    without = make(tmp_path, [edge_rapl()], references=[cloud_gpu()], cloud="none")
    assert without.report.decision.verdict.kind is VerdictKind.INCONCLUSIVE
    named = make(tmp_path, [edge_rapl()], references=[cloud_gpu("other"), cloud_gpu()], cloud="other")
    assert {row.run for row in named.report.runs} == {"20260504-edge-int8-b2", "other"}


@pytest.mark.slow
def test_scenario_and_training_are_read_from_their_files(tmp_path):
    scenario = tmp_path / "s.toml"
    scenario.write_text('name = "door counter"\nfleet = 7\n', encoding="utf-8")
    cost = tmp_path / "t.training.json"
    cost.write_text(dump_record(training()), encoding="utf-8")
    result = make(tmp_path, [edge_rapl(), cloud_gpu()], scenario=scenario, training=cost)
    assert result.report.decision.scenario.fleet == 7
    assert any(entry.slot == "training" and entry.energy_j.value for entry in result.report.decision.slots)
    assert not any(note.code == "scenario.default" for note in result.report.decision.notes)
    assert f"--scenario {scenario}" in result.report.commands[0][1]


@pytest.mark.slow
def test_without_a_scenario_the_default_is_used_and_said(tmp_path):
    result = make(tmp_path, [edge_rapl(), cloud_gpu()])
    assert any(note.code == "scenario.default" for note in result.report.decision.notes)


@pytest.mark.slow
def test_a_training_record_of_another_model_is_said(tmp_path):
    cost = tmp_path / "t.json"
    cost.write_text(dump_record(replace(training(), family="0" * 64)), encoding="utf-8")
    result = make(tmp_path, [edge_rapl(), cloud_gpu()], training=cost)
    assert any(note.code == "training.family" for note in result.report.decision.notes)


@pytest.mark.parametrize(
    ("out", "stem"),
    [("somewhere", "somewhere"), ("somewhere.html", "somewhere"), ("v1.2", "v1.2"), ("folder", "folder/report")],
)
def test_out_names_an_existing_folder_or_the_files_without_suffix(tmp_path, out, stem):
    (tmp_path / "folder").mkdir()
    targets = plan(ReportRequest(runs=("a",), runs_dir=tmp_path, out=tmp_path / out))
    assert targets == {kind: tmp_path / f"{stem}.{kind}" for kind in ("html", "md", "json")}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scenario": Path("missing.toml")}, "file.missing"),
        ({"training": Path("missing.json")}, "file.missing"),
        ({"cloud": "nobody"}, "run.unknown"),
        ({"runs": ()}, "report.runs"),
        ({"runs": ("nobody",)}, "run.unknown"),
    ],
)
def test_what_cannot_be_read_is_a_usage_error_and_nothing_is_written(tmp_path, changes, code):
    with pytest.raises(UsageError) as caught:
        make(tmp_path, [edge_rapl(), cloud_gpu()], **changes)
    assert caught.value.code == code
    assert not (tmp_path / "out").exists()


def test_runs_of_two_models_are_refused_with_both_hashes(tmp_path):
    other = artifact()
    other = edge_rapl("other", model=replace(other, source=replace(other.source, family="0" * 64)))
    with pytest.raises(UsageError, match=r"0{64}"):
        make(tmp_path, [edge_rapl(), other])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_file_in_the_way_is_a_set_up_error(tmp_path):
    (tmp_path / "out").write_text("in the way", encoding="utf-8")
    with pytest.raises(SetupError):
        make(tmp_path, [edge_rapl(), cloud_gpu()])


def test_a_missing_extra_is_named_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(SetupError) as caught:
        make(tmp_path, [edge_rapl(), cloud_gpu()])
    assert "edgekit[report]" in caught.value.do[0][1]
    assert not (tmp_path / "out").exists()


def test_a_format_that_cannot_be_made_keeps_no_other_from_being_written(tmp_path):
    with pytest.raises(UsageError) as caught:
        make(tmp_path, [edge_rapl(), cloud_gpu()], formats=("json", "sci", "csv"))
    assert caught.value.code == "export.carbon"
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"report.json", "report.csv"}
    assert {Path(path).name for path in caught.value.data["files"].values()} == written
    assert "report.csv" in caught.value.why


@pytest.mark.slow
def test_the_json_file_is_one_document(tmp_path):
    data = json.loads(make(tmp_path, [edge_rapl(), cloud_gpu()]).files["json"].read_text(encoding="utf-8"))
    assert data["schema"] == "edgekit.report/1"
    assert data["decision"]["views"][0]["edge_j"]["boundary"] == "cpu_package"


def test_the_commands_repeat_what_was_asked_with_folders_as_they_were_typed(tmp_path):
    folder = tmp_path / "my runs" / "edge"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(dump_record(edge_rapl("edge")), encoding="utf-8")
    request = ReportRequest(runs=(str(folder),), runs_dir=tmp_path / "other", out=tmp_path / "out", cloud="none")
    made = report(request, progress=Silent(), references=lambda family: [])
    repeat, again = (command for _, command in made.report.commands)
    assert repeat == f"edgekit report '{folder}' --cloud none --runs {tmp_path / 'other'} --out {tmp_path / 'out'}"
    assert again == f"edgekit bench --reanalyse '{folder}'"


def test_a_misspelt_scenario_is_said_before_any_run_is_read(tmp_path):
    scenario = tmp_path / "s.toml"
    scenario.write_text("rat = 1", encoding="utf-8")
    request = ReportRequest(runs=("nobody",), runs_dir=tmp_path, out=tmp_path / "out", scenario=scenario)
    steps = Silent()
    steps.step = lambda title, total=None: pytest.fail(f"{title} came before the scenario")
    with pytest.raises(UsageError, match="rat"):
        report(request, progress=steps)


def test_a_family_with_shipped_references_names_the_command_that_records_it(tmp_path):
    made = make(tmp_path, [edge_rapl()], references=[cloud_gpu()], cloud="none")
    assert [command for _, command in made.report.decision.verdict.commands] == ["edgekit models record digits_cnn"]


def test_a_folder_in_the_place_of_one_file_is_said_before_any_is_written(tmp_path):
    out = tmp_path / "out"
    (out / "report.md").mkdir(parents=True)
    with pytest.raises(SetupError) as caught:
        make(tmp_path, [edge_rapl(), cloud_gpu()], out=out / "report")
    assert caught.value.code == "output.unwritable"
    assert [path.name for path in out.iterdir()] == ["report.md"]
