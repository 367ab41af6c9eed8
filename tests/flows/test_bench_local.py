"""Real processes on this machine: the runner infers and samples, instruments are files whose true power is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import clean_environment
from tests.processes import descendants, wait_until
from tests.tiny import write_onnx

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the emulated powercap tree is Linux's")


@pytest.fixture
def tiny(tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    return write_onnx(tmp_path / "tiny.onnx")


@pytest.fixture
def powercap(tmp_path):
    """A powercap tree of one package that draws 40 W and its dram that draws 6 W, written in place so that open files advance."""
    root = tmp_path / "powercap"
    zones = {
        "intel-rapl:0": ("package-0", 40.0, 262_143_000_000),
        "intel-rapl:0:0": ("core", 30.0, 7),
        "intel-rapl:0:1": ("dram", 6.0, 5_000),
    }
    files = []
    for zone, (name, watts, start) in zones.items():
        folder = root / zone
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text("262143328850\n")
        (folder / "energy_uj").write_text(f"{start:<20}\n")
        files.append((os.open(folder / "energy_uj", os.O_WRONLY), watts, start))
    origin, stop = time.monotonic_ns(), threading.Event()

    def advance():
        while not stop.wait(0.001):
            elapsed_us = (time.monotonic_ns() - origin) / 1e3
            for handle, watts, start in files:
                os.pwrite(handle, f"{(start + round(watts * elapsed_us)) % 262_143_328_911:<20}\n".encode(), 0)

    writer = threading.Thread(target=advance, daemon=True)
    writer.start()
    yield root
    stop.set()
    writer.join()
    for handle, _, _ in files:
        os.close(handle)


@pytest.fixture
def box(tmp_path, powercap):
    """A configured device whose RAPL counters are the emulated tree."""
    (tmp_path / "edgekit.toml").write_text(
        f'[devices.box]\nkind = "local"\naddress = "local:"\noptions = {{ powercap_root = "{powercap}" }}\n'
    )
    return "box"


PLAN = ("--windows", "3", "--window", "0.5", "--idle", "0.5", "--warmup", "0.1", "--cooldown", "0.05")


@pytest.mark.slow
def test_rapl_is_chosen_counts_each_joule_once_and_survives_its_wrap(run_edgekit, tiny, box):
    done = run_edgekit("--json", "bench", tiny, "--device", box, "--runs", "runs", *PLAN)
    assert done.returncode == 0, done.stderr
    run = done.json()["data"]["runs"][0]
    energy = run["analysis"]["energy_j_per_inference"]
    seconds = run["analysis"]["time_s_per_inference"]["value"]
    assert energy["boundary"] == "cpu_package"
    assert energy["origins"] == ["emulated"], "a tree under a replaced root is never called measured"
    # The package counter wraps 0.2 s after the start; cores are inside the package and must not be added.
    assert energy["value"] == pytest.approx(40.0 * seconds, rel=0.03)
    by_boundary = {item["boundary"]: item for item in run["analysis"]["channels"]}
    assert by_boundary["dram"]["mean_w"]["value"] == pytest.approx(6.0, rel=0.03)
    assert by_boundary["cpu_package"]["idle_w"]["value"] == pytest.approx(40.0, rel=0.03)
    assert "meter rapl" in done.stderr


def test_forbidden_counters_name_file_rule_and_remedies(as_ordinary_user, tiny, box, powercap, tmp_path):
    for path in powercap.glob("*/energy_uj"):
        path.chmod(0o000)
    done = as_ordinary_user(
        [sys.executable, "-m", "edgekit", "--json", "bench", tiny, "--device", box, "--meter", "rapl", "--runs", "runs"], cwd=tmp_path
    )
    assert done.returncode == 4, done.stderr
    error = done.json()["data"]
    assert error["code"] == "meter.rapl_unusable"
    assert "energy_uj" in error["why"]
    assert sum("energy_uj" in item["command"] for item in error["do"]) >= 3


def test_without_any_sensor_the_estimate_is_called_one(run_edgekit, tiny):
    done = run_edgekit("--json", "bench", tiny, "--meter", "cputime", "--runs", "runs", *PLAN)
    assert done.returncode == 0, done.stderr
    analysis = done.json()["data"]["runs"][0]["analysis"]
    energy = analysis["energy_j_per_inference"]
    assert energy["origins"] == ["estimated"]
    assert energy["high"] / energy["low"] >= 8, "an estimate within a factor of three either way must not look precise"
    assert analysis["channels"][0]["idle_w"]["value"] is None
    # One thread: at most one core's worth of the assumed watts, and less only by the time that other processes took from it.
    watts = analysis["channels"][0]["mean_w"]["value"]
    assert 0 < watts / run_scale(done) <= 1.05


@pytest.mark.slow
def test_a_cold_start_has_its_own_joules_where_the_meter_resolves_them(run_edgekit, tiny, box):
    done = run_edgekit("--json", "bench", tiny, "--device", box, "--runs", "runs", *PLAN, "--cold-starts", "3")
    assert done.returncode == 0, done.stderr
    cold = done.json()["data"]["runs"][0]["analysis"]["cold_start"]
    assert cold["starts"] == 3
    assert 0 < cold["first_inference_s"]["value"] < cold["load_s"]["value"]
    load = cold["load_j"]
    assert load["boundary"] == "cpu_package"
    if load["value"] is None:  # a busy machine stretches a load beyond what a mean of few can tell
        assert load["reason"]
    else:
        assert load["value"] / cold["load_s"]["value"] == pytest.approx(40.0, rel=0.2), "the package draws 40 W whatever happens"
    first = cold["first_inference_j"]
    assert first["value"] is not None or "takes" in first["reason"]


@pytest.mark.slow
def test_a_rate_is_kept_by_the_runner_itself(run_edgekit, tiny, box):
    done = run_edgekit("--json", "bench", tiny, "--device", box, "--runs", "runs", *PLAN, "--rate", "50/s", "--cold-starts", "0")
    assert done.returncode == 0, done.stderr
    run = done.json()["data"]["runs"][0]
    for window in (item for item in run["windows"] if item["phase"] == "measure"):
        assert (window["inferences"], window["pacing"]["period_ns"]) == (25, 20_000_000)
        assert window["end_ns"] - window["start_ns"] >= 500_000_000
        assert window["pacing"]["busy_ns"] < 250_000_000
    energy = run["analysis"]["energy_j_per_inference"]
    assert energy["value"] == pytest.approx(40.0 / 50, rel=0.03)
    (package,) = [item for item in run["analysis"]["channels"] if item["boundary"] == "cpu_package"]
    assert package["mean_w"]["value"] == pytest.approx(40.0, rel=0.03)
    assert run["analysis"]["time_s_per_inference"]["value"] < 0.01


def run_scale(done):
    (channel,) = done.json()["data"]["runs"][0]["meters"][0]["channels"]
    return channel["scale"] * 1e9


@pytest.mark.slow
def test_each_record_names_the_engine_that_took_its_artifact(run_edgekit, tiny, tmp_path):
    (tmp_path / "copy.onnx").write_bytes(tiny.read_bytes())
    done = run_edgekit("--json", "bench", tiny, tmp_path / "copy.onnx", "--meter", "cputime", "--runs", "runs", *PLAN)
    facts = [run["facts_before"] for run in done.json()["data"]["runs"]]
    assert [fact["engine"] for fact in facts] == ["onnxruntime", "onnxruntime"]
    assert all(fact["engine_version"] and fact["threads"] == 1 for fact in facts)


def _start(tmp_path, *args):
    command = [sys.executable, "-m", "edgekit", "--json", *map(str, args)]
    return subprocess.Popen(
        command, cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def _wait_for_windows(tmp_path, count, process):
    def recorded():
        assert process.poll() is None, process.communicate()
        return any(journal.read_text().count('"measure"') >= count for journal in tmp_path.glob("runs/.open/*/journal.jsonl"))

    wait_until(recorded, f"recording {count} windows")


LONG = ("--windows", "200", "--window", "0.3", "--idle", "0.3", "--warmup", "0.1", "--cooldown", "0.02")


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_a_partial_record_that_can_be_read(run_edgekit, tiny, tmp_path):
    process = _start(tmp_path, "bench", tiny, "--meter", "cputime", "--runs", "runs", *LONG)
    _wait_for_windows(tmp_path, 3, process)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    (run_id,) = json.loads(stdout)["data"]["details"]["runs"]
    record = json.loads((tmp_path / "runs" / run_id / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert sum(window["phase"] == "measure" for window in record["windows"]) >= 3
    assert record["analysis"]["energy_j_per_inference"]["value"] > 0
    assert run_edgekit("bench", "--reanalyse", run_id, "--runs", "runs").returncode == 0
    assert not (tmp_path / "runs" / ".open").exists()


@pytest.mark.slow
def test_nothing_is_left_running_after_ctrl_c(tiny, tmp_path):
    process = _start(tmp_path, "bench", tiny, "--meter", "cputime", "--runs", "runs", *LONG)
    _wait_for_windows(tmp_path, 1, process)
    children = descendants(process.pid)
    assert children, "the runner should be a process of its own"
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert [pid for pid in children if Path(f"/proc/{pid}/stat").exists()] == []


@pytest.mark.slow
def test_a_killed_bench_is_recovered_by_the_next_one(run_edgekit, tiny, tmp_path):
    process = _start(tmp_path, "bench", tiny, "--meter", "cputime", "--runs", "runs", *LONG)
    _wait_for_windows(tmp_path, 3, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = run_edgekit("bench", tiny, "--meter", "cputime", "--runs", "runs", *PLAN)
    assert done.returncode == 0, done.stderr
    assert "recovered" in done.stderr
    statuses = sorted(json.loads(path.read_text())["status"] for path in tmp_path.glob("runs/*/run.json"))
    assert statuses == ["complete", "interrupted"]


@pytest.mark.slow
def test_a_runner_that_dies_leaves_a_partial_record(tiny, tmp_path):
    process = _start(tmp_path, "bench", tiny, "--meter", "cputime", "--runs", "runs", *LONG)
    _wait_for_windows(tmp_path, 3, process)
    for pid in descendants(process.pid):
        os.kill(pid, signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 4, stderr
    (run_id,) = json.loads(stdout)["data"]["details"]["runs"]
    record = json.loads((tmp_path / "runs" / run_id / "run.json").read_text())
    assert record["status"] == "failed"
    assert sum(window["phase"] == "measure" for window in record["windows"]) >= 3
