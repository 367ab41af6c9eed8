"""The whole way in one command, on real data, with exact joules from the emulated device."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import clean_environment
from tests.processes import descendants, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    for package in ("tensorflow", "ai_edge_quantizer", "onnxruntime", "sklearn", "altair"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    folder = tmp_path_factory.mktemp("a folder with spaces")
    command = [sys.executable, "-m", "edgekit", "--json", "demo", "--out", "demo", "--device", "sim"]
    done = subprocess.run(command, cwd=folder, env=clean_environment(), capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("option", ["--device", "--meter"])
def test_a_misspelt_name_is_said_before_anything_is_trained(run_edgekit, tmp_path, option):
    done = run_edgekit("--json", "demo", option, "nope", timeout=30)
    assert done.returncode == 2, done.stdout
    assert done.json()["data"]["code"] == f"{option[2:]}.unknown"
    assert not (tmp_path / "demo").exists()


def test_it_ends_with_a_verdict_and_three_reports(finished):
    folder, document, _ = finished
    assert document["schema"] == "edgekit.demo/1"
    assert document["data"]["verdict"]
    for kind in ("html", "md", "json"):
        assert (folder / document["data"]["report"][kind]).stat().st_size > 1000


def test_all_five_artifacts_are_verified_and_measured(finished):
    folder, document, _ = finished
    sidecars = [json.loads(path.read_text()) for path in (folder / "demo" / "artifacts").glob("*.json")]
    assert sorted((item["format"], item["recipe"]) for item in sidecars) == [
        ("onnx", "fp32"),
        ("onnx", "int8"),
        ("tflite", "fp16"),
        ("tflite", "fp32"),
        ("tflite", "int8"),
    ]
    assert all(item["status"] == "verified" for item in sidecars)
    assert len(document["data"]["runs"]) == 5


def test_the_trained_network_belongs_to_the_family_of_the_stored_reference(finished):
    from edgekit.store.runs import find_references

    folder, _, _ = finished
    (sidecar, *_) = (folder / "demo" / "artifacts").glob("*.json")
    assert find_references(json.loads(sidecar.read_text())["source"]["family"])


def test_the_report_says_emulated_and_quick_and_what_training_cost(finished):
    folder, document, _ = finished
    markdown = (folder / document["data"]["report"]["md"]).read_text()
    assert "emulated" in markdown
    assert "quick" in markdown
    assert "modeled" in markdown
    training = json.loads((folder / "demo" / "model" / "digits_cnn.training.json").read_text())
    assert training["energy_j"]["value"] is None or training["energy_j"]["value"] > 0


def test_every_step_was_announced_as_a_command_that_can_be_typed(finished):
    _, document, stderr = finished
    for command in document["data"]["commands"]:
        assert command.startswith("edgekit ")
        assert command in stderr


def test_ctrl_c_in_the_middle_ends_with_130_and_leaves_no_process(tmp_path):
    command = [sys.executable, "-m", "edgekit", "demo", "--out", "demo", "--device", "sim"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_until(lambda: any("build.py" in args for args in descendants(process.pid).values()), "the build of the model")
    below = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert [args for pid, args in below.items() if Path(f"/proc/{pid}/stat").exists()] == []
