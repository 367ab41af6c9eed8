from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest

from edgekit.api import Silent
from edgekit.core.errors import UsageError
from edgekit.core.jsonio import dump_record
from edgekit.decision.decide import decide
from edgekit.decision.scenario.read import parse_scenario
from edgekit.flows.export import ExportRequest, export
from edgekit.flows.report import ReportRequest, report
from edgekit.reports.model import build
from tests.exporters.made import CONSTANTS
from tests.reports.records import artifact, cloud_gpu, edge_rapl


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "a folder"
    for run in (edge_rapl("edge"), edge_rapl("edge-again", joules=3.05e-5), edge_rapl("edge-worse", joules=9e-5), cloud_gpu("cloud")):
        (folder / "runs" / run.id).mkdir(parents=True)
        (folder / "runs" / run.id / "run.json").write_text(dump_record(run), encoding="utf-8")
    other = edge_rapl("other", model=replace(artifact(), source=replace(artifact().source, family="0" * 64)))
    (folder / "runs" / "other").mkdir()
    (folder / "runs" / "other" / "run.json").write_text(dump_record(other), encoding="utf-8")
    return folder


def test_formats_are_written_as_named_and_nothing_else(runs, run_edgekit):
    done = run_edgekit("report", "edge", "cloud", "--format", "csv,boamps", "--format", "json", "--json", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert set(done.json()["data"]["files"]) == {"csv", "boamps", "json"}
    assert {path.name for path in runs.glob("report*")} == {"report.csv", "report.boamps.json", "report.json"}
    assert "--format csv,boamps,json" in (runs / "report.json").read_text(encoding="utf-8")


def test_an_unknown_format_is_refused_with_the_nearest_before_anything_is_written(runs, run_edgekit):
    done = run_edgekit("report", "edge", "cloud", "--format", "parket", cwd=runs)
    assert done.returncode == 2
    assert "parquet" in done.stderr
    assert not list(runs.glob("report*"))


@pytest.mark.slow
def test_a_report_is_drawn_again_from_its_json_alone_with_the_same_bytes(runs, run_edgekit):
    run_edgekit("report", "edge", "cloud", "--format", "html,md,json,csv,parquet", "--out", "first", cwd=runs)
    (runs / "runs").rename(runs / "gone")
    done = run_edgekit("report", "first.json", "--format", "html,md,json,csv,parquet", "--out", "second", cwd=runs)
    assert done.returncode == 0, done.stderr
    for suffix in ("html", "md", "json", "csv", "parquet"):
        assert (runs / f"first.{suffix}").read_bytes() == (runs / f"second.{suffix}").read_bytes(), suffix


def test_a_finished_report_takes_no_scenario(runs, run_edgekit):
    run_edgekit("report", "edge", "cloud", "--format", "json", cwd=runs)
    (runs / "s.toml").write_text('rate = "1 inference/s"', encoding="utf-8")
    done = run_edgekit("report", "report.json", "--scenario", "s.toml", cwd=runs)
    assert done.returncode == 2
    assert "report.finished" in done.stderr


@pytest.mark.slow
def test_export_writes_a_run_or_a_report(runs, run_edgekit):
    assert run_edgekit("export", "boamps", "edge", cwd=runs).returncode == 0
    assert json.loads((runs / "edge.boamps.json").read_text())["task"]["taskStage"] == "inference"
    assert run_edgekit("export", "csv", "runs/edge", "--out", "e.csv", cwd=runs).returncode == 0
    assert {line.partition(",")[0] for line in (runs / "e.csv").read_text().splitlines()[1:]} == {"runs"}
    run_edgekit("report", "edge", "cloud", "--format", "json", cwd=runs)
    done = run_edgekit("export", "csv", "report.json", "--json", cwd=runs)
    assert done.json()["data"]["file"] == "report.csv"
    assert "constants," in (runs / "report.csv").read_text()


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda data: data["decision"]["scenario"].update(device_region="XX"), ("sci",)),
        (lambda data: data.update(runs=[]), ("csv", "boamps")),
        (lambda data: data["decision"]["scenario"].update(fleet=0), ()),
    ],
)
def test_a_report_that_somebody_edited_is_refused_as_such(runs, change, kinds):
    scenario = parse_scenario('device.region = "DE"\ndevice.added_embodied = "0 kgCO2e"', where="s.toml", constants=CONSTANTS)
    data = json.loads(dump_record(build(decide((edge_rapl(), cloud_gpu()), scenario, CONSTANTS, draws=2000), (edge_rapl(), cloud_gpu()))))
    change(data)
    path = runs / "edited.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    redraw = ReportRequest(runs=(str(path),), runs_dir=runs, out=runs / "again", formats=("md",))
    calls = [partial(export, ExportRequest(kind=kind, subject=str(path), runs_dir=runs, out=runs / "o")) for kind in kinds]
    for call in calls or [partial(report, redraw, progress=Silent())]:
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.code == "report.edited"
    assert not [*runs.glob("o*"), *runs.glob("again*")]


def test_export_refuses_what_cannot_be_meant(runs, run_edgekit):
    for arguments, code in (
        (("sci", "edge"), "export.run"),
        (("scv", "edge"), "exporter.unknown"),
        (("csv", "nobody"), "run.unknown"),
        (("csv", "runs/edge/../nothing.json"), "run.unknown"),
    ):
        done = run_edgekit("export", *arguments, cwd=runs)
        assert done.returncode == 2, done.stderr
        assert code in done.stderr


@pytest.fixture
def reports(runs, run_edgekit):
    for name, run in (("before", "edge"), ("alike", "edge-again"), ("worse", "edge-worse")):
        assert run_edgekit("report", run, "cloud", "--format", "json", "--out", name, cwd=runs).returncode == 0
    return runs


def test_diff_calls_a_small_difference_within_uncertainty_and_a_large_one_a_change(reports, run_edgekit):
    done = run_edgekit("diff", "before.json", "alike.json", cwd=reports)
    assert done.returncode == 0, done.stderr
    assert "The verdict is still: edge (robust)" in done.stdout
    assert "within uncertainty: edge-again energy" in done.stdout
    assert "edge-again, takes the place of: edge -> edge-again" in done.stdout
    worse = run_edgekit("diff", "before.json", "worse.json", "--json", cwd=reports).json()["data"]
    energy = next(item for item in worse["changes"] if item["section"] == "runs" and item["figure"] == "energy")
    assert energy["standing"] == "changed"
    assert energy["ratio"]["low"] < 3 < energy["ratio"]["high"]
    assert energy["before_quantity"]["boundary"] == "cpu_package"


def test_a_report_against_itself_has_no_difference(reports, run_edgekit):
    done = run_edgekit("diff", "before.json", "before.json", cwd=reports)
    assert (done.returncode, done.stdout) == (0, "nothing changed\n")


@pytest.mark.slow
def test_diff_refuses_reports_of_two_models_and_what_is_no_report(reports, run_edgekit):
    run_edgekit("report", "other", "--format", "json", "--out", "other", "--cloud", "none", cwd=reports)
    done = run_edgekit("diff", "before.json", "other.json", cwd=reports)
    assert done.returncode == 2
    assert "diff.family" in done.stderr
    assert run_edgekit("diff", "before.json", "runs/edge/run.json", cwd=reports).returncode == 2
    assert run_edgekit("diff", "before.json", "missing.json", cwd=reports).returncode == 2
