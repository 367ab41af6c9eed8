"""`edgekit import` through the front door, and what the other commands make of its runs."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.importers.made import MEDIAN_J, trace_bytes, write_ptdaemon, write_session, write_tiny


@pytest.fixture
def board(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "v1.2" / "closed" / "Maker" / "results" / "Board" / "kws")


def headline(document) -> float:
    return document["data"]["runs"][0]["analysis"]["energy_j_per_inference"]["value"]


def test_one_json_document_with_the_headline_and_what_was_published(run_edgekit, board):
    done = run_edgekit("import", "mlperf-tiny", board, "--json", "--tag", "made")
    assert done.returncode == 0, done.stderr
    document = done.json()
    assert (document["schema"], document["status"]) == ("edgekit.import/1", "ok")
    assert headline(document) == pytest.approx(MEDIAN_J, rel=1e-4)
    run = document["data"]["runs"][0]
    assert run["analysis"]["energy_j_per_inference"]["origins"] == ["measured"]
    assert run["artifact"]["size_bytes"] is None
    assert run["published"][0]["value"] == pytest.approx(MEDIAN_J, rel=1e-5)
    agreement = next(item for item in document["data"]["agreements"] if item["figure"] == "energy_j_per_inference")
    assert abs(agreement["relative_difference"]) < 2e-4
    assert {note["code"] for note in document["notes"]} >= {"import.source", "import.model"}


def test_the_table_shows_both_figures_their_difference_boundary_and_origin(run_edgekit, board):
    done = run_edgekit("import", "mlperf-tiny", board)
    assert done.returncode == 0, done.stderr
    for word in ("1.944 mJ", "mcu_supply", "measured", "published", "difference", "%"):
        assert word in done.stdout, word
    assert "edgekit bench --reanalyse" in done.stdout
    assert "not verified by MLCommons" in done.stderr
    assert "import 1 recording ..." in done.stderr


def test_reanalysing_an_imported_run_gives_the_same_bytes(run_edgekit, board, tmp_path):
    run_id = run_edgekit("import", "mlperf-tiny", board, "--json").json()["data"]["runs"][0]["id"]
    record = tmp_path / "runs" / run_id / "run.json"
    before = record.read_bytes()
    shutil.move(board, tmp_path / "gone")
    assert run_edgekit("bench", "--reanalyse", run_id).returncode == 0
    assert record.read_bytes() == before


def test_imported_runs_compare_and_say_that_their_weights_are_unknown(run_edgekit, board, tmp_path):
    write_tiny(board, levels=(40.0, 41.0, 42.0))
    write_session(tmp_path / "v1.3" / "closed" / "Maker" / "results" / "Other" / "kws", levels=(20.0, 21.0, 22.0))
    ids = [run["id"] for run in run_edgekit("import", "mlperf-tiny", tmp_path, "--json").json()["data"]["runs"]]
    assert len(ids) == 2
    done = run_edgekit("compare", *ids)
    assert done.returncode == 0, done.stderr
    assert "1.95x" in done.stdout
    assert "less energy; gain of both instruments unknown: the interval does not cover it" in " ".join(done.stdout.split())
    assert "weights of a published measurement are unknown" in " ".join(done.stdout.split())
    assert "different weights" not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_report_on_imported_runs_names_why_it_cannot_decide(run_edgekit, board):
    run_id = run_edgekit("import", "mlperf-tiny", board, "--json").json()["data"]["runs"][0]["id"]
    done = run_edgekit("report", run_id, "--cloud", "none")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "its model file was not published" in text
    page = " ".join(re.sub("<[^>]+>", " ", (board.parents[5] / "report.html").read_text()).split())
    assert "not verified by MLCommons" in page
    assert "measured" in page
    assert "published measurement, Board" in page
    assert "measured, at mcu_supply, gain unknown" in page
    assert "the interval does not hold the gain: the files do not say which" in page
    for odd in ("data centre around it", "1 thread", "PATH/TO/MODEL"):
        assert odd not in page + done.stdout, odd
    assert "Model family mlperf-tiny-kws." in page
    assert "the mean: no latencies were recorded" in page
    published = page[page.index("What was published of these runs") :]
    assert f"{MEDIAN_J * 1e3:.4g}" in published
    assert "energy per inference" in published
    assert " %" in published


def test_several_recordings_say_once_what_they_share_and_what_no_interval_holds(run_edgekit, tmp_path):
    for task in ("kws", "ic", "ad"):
        write_tiny(tmp_path / "somewhere" / f"Board_{task}" / task)
    done = run_edgekit("import", "mlperf-tiny", tmp_path / "somewhere")
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stderr.splitlines() if line.startswith("note:")]
    for words in ("not verified by MLCommons", "the path does not say in which division", "own accuracy (gain): the files do not say"):
        assert sum(words in line for line in notes) == 1, (words, notes)
    assert "energy 1.94" in done.stdout, "figures of several kinds say which is which"
    assert "rate " in done.stdout
    whole = run_edgekit("import", "mlperf-tiny", tmp_path / "somewhere", "--json").json()["notes"]
    assert sum(note["code"] == "import.source" for note in whole) == 3, "a program gets all of them"


def test_an_imported_run_cannot_be_replayed_with_a_model_of_ones_own(run_edgekit, board, model_file):
    run_id = run_edgekit("import", "mlperf-tiny", board, "--json").json()["data"]["runs"][0]["id"]
    done = run_edgekit("bench", model_file, "--meter", f"replay:{run_id}", "--json")
    assert done.returncode == 2
    assert done.json()["data"]["code"] == "bench.replay_artifact"


def test_clocks_are_shown_and_can_be_said(run_edgekit, tmp_path):
    folder = write_ptdaemon(tmp_path / "server_resnet50")
    done = run_edgekit("import", "ptdaemon", folder, "--json")
    assert done.returncode == 0, done.stderr
    clocks = next(note["text"] for note in done.json()["notes"] if note["code"] == "import.clocks")
    assert "+0 h" in clocks
    done = run_edgekit("import", "ptdaemon", folder, "--clock-offset", "1.5", "--json")
    assert done.json()["data"]["runs"][0]["clock_maps"][0]["offset_ns"] == 1_500_000_000
    assert run_edgekit("import", "ptdaemon", folder, "--clock-offset", "nan").returncode == 2


def test_what_can_be_read_is_imported_and_the_rest_fails_the_command(run_edgekit, board, tmp_path):
    broken = write_tiny(tmp_path / "v1.2" / "closed" / "Maker" / "results" / "Board" / "ic")
    (broken / "trace1-energy.bin").write_bytes(b"\xf1")
    done = run_edgekit("import", "mlperf-tiny", tmp_path / "v1.2", "--json")
    document = done.json()
    assert (done.returncode, document["status"], len(document["data"]["runs"])) == (2, "partial", 1)
    assert "import.truncated" in {note["code"] for note in document["notes"]}


def test_an_unknown_kind_names_the_known_ones(run_edgekit, tmp_path):
    done = run_edgekit("import", "mlperf-tini", tmp_path)
    assert done.returncode == 2
    assert "did you mean mlperf-tiny?" in done.stderr


def test_a_full_disk_leaves_no_half_run(run_edgekit, board, tiny_disk):
    noise = random.Random(0)
    (board / "trace1-energy.bin").write_bytes(trace_bytes([noise.uniform(30.0, 50.0) for _ in range(66_000)]))
    done = run_edgekit("import", "mlperf-tiny", board, "--runs", tiny_disk / "runs", "--json")
    assert (done.returncode, done.json()["data"]["code"]) == (6, "output.disk_full")
    assert list((tiny_disk / "runs").glob("*/run.json")) == []


def test_the_page_on_importing_names_every_kind():
    from edgekit.registry import importer_names

    page = (REPOSITORY / "docs" / "import.md").read_text()
    assert [name for name in importer_names() if f"edgekit import {name}" not in page] == []
