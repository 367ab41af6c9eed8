from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from edgekit.core.jsonio import dump_record
from edgekit.core.run import RunStatus
from tests.reports.records import artifact, cloud_gpu, edge_rapl


@pytest.fixture
def runs(tmp_path):
    other = artifact()
    other = edge_rapl("other", model=replace(other, source=replace(other.source, family="0" * 64)))
    for run in (edge_rapl("edge"), edge_rapl("edge-fp32", joules=6e-5, model=artifact(recipe="fp32")), cloud_gpu("cloud"), other):
        folder = tmp_path / "runs" / run.id
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(dump_record(run), encoding="utf-8")
    return tmp_path


def test_report_prints_the_verdict_and_writes_three_files(runs, run_edgekit):
    done = run_edgekit("report", "edge", "runs/cloud", "--out", "made", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert "verdict: edge (robust)" in done.stdout
    assert "Keep digits_cnn int8 on the device" in done.stdout
    assert "made.html" in done.stdout
    assert sorted(path.name for path in runs.glob("made.*")) == ["made.html", "made.json", "made.md"]


@pytest.mark.slow
def test_the_commands_of_a_report_can_be_pasted_where_it_was_made(runs, run_edgekit):
    done = run_edgekit("report", "edge", "cloud", "--out", "made", "--json", cwd=runs)
    assert done.returncode == 0
    commands = (runs / "made.md").read_text(encoding="utf-8").partition("```sh")[2]
    assert "\nedgekit report edge cloud --out made\n" in commands
    assert "\nedgekit bench --reanalyse runs/edge\n" in commands
    refused = run_edgekit("compare", "edge", "other", cwd=runs)
    assert "runs/edge/run.json runs/other/run.json" in " ".join(refused.stderr.split())


@pytest.mark.slow
def test_report_as_json_is_one_document_with_files_and_figures(runs, run_edgekit):
    done = run_edgekit("report", "edge", "cloud", "--json", cwd=runs)
    assert done.returncode == 0, done.stderr
    document = done.json()
    assert document["schema"] == "edgekit.report/1"
    assert document["data"]["kind"] == "edge (robust)"
    assert document["data"]["files"]["html"].endswith("report.html")
    first = document["data"]["decision"]["views"][0]
    assert first["edge_j"]["value"] == pytest.approx(3e-5)
    assert first["edge_j"]["origins"] == ["measured"]
    assert (runs / "report.html").is_file()


@pytest.mark.parametrize(
    ("line", "says"),
    [('payload = "3 kg"', "an amount of data"), ('paylod_up = "3 kB"', "payload_up"), ("rate = ", "TOML")],
)
def test_a_bad_scenario_is_one_clear_usage_error_and_leaves_nothing(runs, run_edgekit, line, says):
    (runs / "s.toml").write_text(line, encoding="utf-8")
    done = run_edgekit("report", "edge", "cloud", "--scenario", "s.toml", cwd=runs)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (runs / "report.html").exists()
    as_json = run_edgekit("--json", "report", "edge", "cloud", "--scenario", "s.toml", cwd=runs)
    assert as_json.returncode == 2
    assert json.loads(as_json.stdout)["status"] != "ok"


def test_runs_of_two_models_end_with_2_and_both_hashes(runs, run_edgekit):
    done = run_edgekit("report", "edge", "other", cwd=runs)
    assert done.returncode == 2
    assert "0" * 64 in done.stderr.replace("\n", "").replace(" ", "")
    assert "f4" * 32 in done.stderr.replace("\n", "").replace(" ", "")


@pytest.mark.slow
def test_missing_runs_and_files_end_with_2(runs, run_edgekit):
    assert run_edgekit("report", "nobody", cwd=runs).returncode == 2
    assert run_edgekit("report", "edge", "--scenario", "missing.toml", cwd=runs).returncode == 2
    assert run_edgekit("report", cwd=runs).returncode == 2


@pytest.mark.slow
def test_an_unwritable_folder_ends_with_6_and_leaves_nothing(runs, as_ordinary_user):
    locked = runs / "locked"
    locked.mkdir(mode=0o555)
    done = as_ordinary_user([sys.executable, "-m", "edgekit", "report", "edge", "cloud", "--out", "locked"], cwd=runs)
    assert done.returncode == 6, done.stderr
    assert "permission" in done.stderr
    assert list(locked.iterdir()) == []


@pytest.mark.slow
def test_a_full_disk_ends_with_6_and_leaves_nothing_half_written(runs, run_edgekit, tiny_disk):
    done = run_edgekit("report", "edge", "cloud", "--out", tiny_disk, cwd=runs)
    assert done.returncode == 6, done.stderr
    assert "disk is full" in done.stderr
    assert [path for path in tiny_disk.iterdir() if path.name.startswith(".") or path.suffix == ".html"] == []


def test_compare_prints_ratios_with_intervals(runs, run_edgekit):
    done = run_edgekit("compare", "edge", "edge-fp32", "cloud", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert "more energy" in done.stdout
    assert "baseline" in done.stdout
    assert "not comparable" in done.stdout
    assert "edgekit report edge edge-fp32 cloud" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("width", ["80", "60"])
def test_compare_and_report_can_be_read_on_a_narrow_terminal(runs, run_edgekit, width):
    for arguments in (("compare", "edge", "edge-fp32", "cloud"), ("report", "edge", "cloud")):
        done = run_edgekit(*arguments, cwd=runs, env={"COLUMNS": width})
        result = done.stdout.partition("\nnext\n")[0]
        assert max(map(len, result.splitlines())) <= int(width), result
    assert "per inference" in result or "one inference" in result


def test_compare_says_what_lessens_the_worth_of_a_run(runs, run_edgekit):
    folder = runs / "runs" / "poor"
    folder.mkdir()
    poor = replace(edge_rapl("poor", quick=True, model=artifact(status="failed")), status=RunStatus.INTERRUPTED)
    (folder / "run.json").write_text(dump_record(poor), encoding="utf-8")
    done = run_edgekit("compare", "runs/edge", "poor", cwd=runs)
    assert "artifact failed its gate, interrupted, quick" in done.stdout
    assert "edgekit report runs/edge poor" in done.stdout


def test_compare_as_json_holds_quantities(runs, run_edgekit):
    done = run_edgekit("compare", "edge", "edge-fp32", "cloud", "--json", cwd=runs)
    rows = done.json()["data"]["rows"]
    assert rows[0]["energy"]["value"] == pytest.approx(0.5)
    assert rows[0]["energy"]["low"] < 0.5 < rows[0]["energy"]["high"]
    assert rows[1]["energy"]["value"] is None
    assert rows[1]["energy"]["reason"] == "not comparable: gpu_board vs cpu_package"


def test_compare_refuses_other_models_and_single_runs(runs, run_edgekit):
    assert run_edgekit("compare", "edge", "other", cwd=runs).returncode == 2
    assert run_edgekit("compare", "edge", cwd=runs).returncode == 2


def test_compare_names_other_units_of_work_and_precisions(runs, run_edgekit):
    for name, changes in (
        ("longer", {"unit_of_work": "decode + set_tensor + invoke + get_tensor"}),
        ("half", {"facts_before": replace(edge_rapl().facts_before, precision="fp16")}),
        ("whole", {"facts_before": replace(edge_rapl().facts_before, precision="fp32")}),
    ):
        (runs / "runs" / name).mkdir()
        (runs / "runs" / name / "run.json").write_text(dump_record(replace(edge_rapl(name), **changes)), encoding="utf-8")
    done = run_edgekit("compare", "edge", "longer", cwd=runs)
    assert "not comparable: one inference is 'decode + set_tensor" in " ".join(done.stdout.split())
    told = run_edgekit("compare", "whole", "half", "--json", cwd=runs).json()["notes"]
    assert any(note["code"] == "precision.differ" and "fp16 against fp32" in note["text"] for note in told)


def test_compare_refuses_joules_that_do_not_say_where_they_were_counted(runs, run_edgekit):
    path = runs / "runs" / "edge" / "run.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["analysis"]["energy_j_per_inference"]["boundary"] = None
    path.write_text(json.dumps(data), encoding="utf-8")
    done = run_edgekit("compare", "edge", "edge-fp32", cwd=runs)
    assert done.returncode == 2
    assert "json.invalid" in done.stderr
