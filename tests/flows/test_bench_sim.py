"""Exact runs through the front door: the emulated device draws 2 W idle and 5 W busy, and takes 0.1 ms + 10 ns per byte of the model."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import shutil
import sys

import pytest
from rich.console import Console

from edgekit.api import Silent
from edgekit.core.hardware import DeviceSpec
from edgekit.core.quantity import Estimate
from edgekit.core.units import format_compact
from edgekit.devices.sim import SimDevice
from edgekit.flows.bench import BenchRequest, bench
from edgekit.links.clock import SystemClock
from edgekit.reports.runs import runs_table
from edgekit.store.traces import read_trace
from tests.conftest import REPOSITORY

SECONDS = 1e-4 + 1e-8 * 3000


def _bench(run_edgekit, *args):
    done = run_edgekit("--json", "bench", *args, "--device", "sim", "--runs", "runs")
    assert done.returncode == 0, done.stderr
    return done.json()


def test_joules_are_exact_and_say_that_they_are_emulated(run_edgekit, model_file):
    document = _bench(run_edgekit, model_file)
    assert document["schema"] == "edgekit.bench/1"
    energy = document["data"]["runs"][0]["analysis"]["energy_j_per_inference"]
    assert energy["value"] == pytest.approx(5 * SECONDS, rel=1e-9)
    assert energy["low"] <= energy["value"] <= energy["high"]
    assert (energy["boundary"], energy["origins"]) == ("usb_input", ["emulated"])
    assert energy["high"] - energy["low"] < 1e-9 * energy["value"] + 1e-15


def test_idle_and_net_are_told_apart(run_edgekit, model_file):
    (channel,) = _bench(run_edgekit, model_file)["data"]["runs"][0]["analysis"]["channels"]
    assert channel["idle_w"]["value"] == pytest.approx(2.0)
    assert channel["net_j_per_inference"]["value"] == pytest.approx(3 * SECONDS)
    assert channel["mean_w"]["value"] == pytest.approx(5.0)


def test_the_method_runs_ten_windows_of_ten_seconds_between_two_idles(run_edgekit, model_file):
    run = _bench(run_edgekit, model_file)["data"]["runs"][0]
    phases = [window["phase"] for window in run["windows"]]
    three = ["measure"] * 3
    cold = ["load", "first"] * 3
    assert phases == [*["warmup"] * 6, "idle", *three, "idle", *three, "idle", *three, "idle", "measure", "idle", *cold]
    assert all(window["end_ns"] - window["start_ns"] >= 10e9 for window in run["windows"] if window["phase"] == "measure")
    assert run["plan"]["quick"] is False


def test_readings_begin_before_the_first_window_without_a_warm_up_too(run_edgekit, model_file, tmp_path):
    run = _bench(run_edgekit, model_file, "--quick", "--warmup", "0")["data"]["runs"][0]
    trace = read_trace(tmp_path / "runs" / run["id"] / run["traces"][0]["path"])
    assert run["windows"][0]["phase"] == "idle"
    assert (run["windows"][0]["start_ns"] - trace.t_ns[0]) / 1e9 == pytest.approx(0.3)


def test_a_quick_plan_says_so(run_edgekit, model_file):
    run = _bench(run_edgekit, model_file, "--quick")["data"]["runs"][0]
    assert run["plan"]["quick"] is True
    assert "plan.quick" in [note["code"] for note in run["analysis"]["notes"]]


def test_windows_of_several_artifacts_are_interleaved(run_edgekit, model_file):
    other = model_file.with_name("other.tflite")
    other.write_bytes(model_file.read_bytes() + bytes(1000))
    first, second = _bench(run_edgekit, model_file, other)["data"]["runs"]
    assert first["session"] == second["session"]
    starts = [sorted(window["start_ns"] for window in run["windows"] if window["phase"] == "measure") for run in (first, second)]
    assert all(a < b for a, b in zip(*starts, strict=True))
    assert all(b < a for a, b in zip(starts[0][1:], starts[1][:-1], strict=True))


@pytest.mark.slow
def test_replay_through_the_meter_gives_the_recorded_numbers_again(run_edgekit, model_file):
    recorded = _bench(run_edgekit, model_file)["data"]["runs"][0]
    replayed = _bench(run_edgekit, model_file, "--meter", f"replay:{recorded['id']}")["data"]["runs"][0]
    assert replayed["analysis"]["energy_j_per_inference"] == recorded["analysis"]["energy_j_per_inference"]
    assert replayed["meters"] == recorded["meters"]


@pytest.mark.slow
def test_replay_of_several_meters_keeps_the_one_behind_the_headline(run_edgekit, model_file, tmp_path):
    # Rebuild a run that was also read by a second, weaker meter, listed first.
    recorded = _bench(run_edgekit, model_file, "--quick")["data"]["runs"][0]
    path = tmp_path / "runs" / recorded["id"] / "run.json"
    stored = json.loads(path.read_text())
    (sim,) = stored["meters"]
    weak = {**sim, "kind": "weak", "channels": [{**sim["channels"][0], "id": "weak", "origin": "estimated"}]}
    stored["meters"] = [weak, sim]
    path.write_text(json.dumps(stored))
    replayed = _bench(run_edgekit, model_file, "--meter", f"replay:{recorded['id']}")["data"]["runs"][0]
    assert [meter["kind"] for meter in replayed["meters"]] == ["weak", "sim"]
    assert replayed["analysis"]["energy_j_per_inference"] == recorded["analysis"]["energy_j_per_inference"]


@pytest.mark.slow
def test_a_replay_says_of_the_machine_what_the_recording_said(run_edgekit, model_file, tmp_path):
    recorded = _bench(run_edgekit, model_file, "--quick")["data"]["runs"][0]
    path = tmp_path / "runs" / recorded["id"] / "run.json"
    stored = json.loads(path.read_text())
    stored["facts_before"]["model"] = "a board"
    stored["load"] = {"load_s": 3.0, "first_inference_s": 2.0, "load_start_ns": None, "first_start_ns": None}
    path.write_text(json.dumps(stored))
    replayed = _bench(run_edgekit, model_file, "--meter", f"replay:{recorded['id']}")["data"]["runs"][0]
    assert (replayed["facts_before"], replayed["load"]) == (stored["facts_before"], stored["load"])


@pytest.mark.slow
def test_replay_does_not_pass_joules_on_to_another_model(run_edgekit, model_file):
    recorded = _bench(run_edgekit, model_file, "--quick")["data"]["runs"][0]
    other = model_file.with_name("other.tflite")
    other.write_bytes(model_file.read_bytes() + bytes(1000))
    done = run_edgekit("--json", "bench", other, "--meter", f"replay:{recorded['id']}", "--runs", "runs")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "bench.replay_artifact")


def test_files_of_one_name_have_records_of_their_own(run_edgekit, model_file):
    other = model_file.parent / "other" / model_file.name
    other.parent.mkdir()
    other.write_bytes(model_file.read_bytes() + bytes(1000))
    runs = _bench(run_edgekit, model_file, other, "--quick")["data"]["runs"]
    assert len({run["id"] for run in runs}) == 2
    folder = model_file.parent / "runs"
    sizes = [json.loads((folder / run["id"] / "run.json").read_text())["artifact"]["size_bytes"] for run in runs]
    assert sizes == [3000, 4000]


def test_analysing_a_modeled_run_again_does_not_erase_it(run_edgekit, tmp_path):
    modeled = tmp_path / "modeled-gpu-b1"
    shutil.copytree(REPOSITORY / "models" / "digits_cnn" / "references" / modeled.name, modeled)
    before = (modeled / "run.json").read_bytes()
    done = run_edgekit("--json", "bench", "--reanalyse", modeled)
    assert (done.returncode, done.json()["data"]["code"]) == (2, "run.no_raw_data")
    assert (modeled / "run.json").read_bytes() == before


@pytest.mark.slow
def test_reanalysing_gives_the_same_bytes(run_edgekit, model_file, tmp_path):
    recorded = _bench(run_edgekit, model_file)["data"]["runs"][0]
    path = tmp_path / "runs" / recorded["id"] / "run.json"
    before = path.read_bytes()
    stored = json.loads(before)
    stored["analysis"] = None
    path.write_text(json.dumps(stored))
    assert run_edgekit("bench", "--reanalyse", recorded["id"], "--runs", "runs").returncode == 0
    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_throttled_run_says_so(run_edgekit, model_file, tmp_path):
    recorded = _bench(run_edgekit, model_file, "--quick")["data"]["runs"][0]
    assert "run.throttled" not in [note["code"] for note in recorded["analysis"]["notes"]]
    path = tmp_path / "runs" / recorded["id"] / "run.json"
    stored = json.loads(path.read_text())
    stored["facts_after"]["throttled"] = True
    path.write_text(json.dumps(stored))
    again = run_edgekit("--json", "bench", "--reanalyse", recorded["id"], "--runs", "runs").json()["data"]["runs"][0]
    assert "run.throttled" in [note["code"] for note in again["analysis"]["notes"]]


@pytest.mark.slow
def test_random_inputs_and_missing_proof_are_said(run_edgekit, model_file):
    done = run_edgekit("bench", model_file, "--device", "sim", "--runs", "runs")
    assert "artifact.unverified" in run_edgekit("--json", "bench", model_file, "--device", "sim", "--runs", "runs").stdout
    assert "random numbers" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        ([], 2, "bench.no_artifact"),
        (["missing.tflite"], 2, "file.missing"),
        (["."], 2, "artifact.folder"),
        (["notes.txt"], 2, "artifact.format"),
        (["broken.tflite"], 5, "artifact.not_tflite"),
        (["model.tflite", "--device", "pie"], 2, "device.unknown"),
        (["model.tflite", "--device", "sim", "--meter", "rappl"], 2, "meter.unknown"),
        (["model.tflite", "--device", "sim", "--meter", "rapl"], 4, "meter.rapl_unusable"),
        (["model.tflite", "--device", "sim", "--windows", "0"], 2, "bench.timing"),
        (["model.tflite", "--device", "sim", "--meter", "replay:nothing"], 2, "run.unknown"),
        (["--reanalyse", "nothing"], 2, "run.unknown"),
        (["model.tflite", "--device", "sim", "--window", "nan"], 2, "bench.timing"),
        (["model.tflite", "--device", "sim", "--idle", "inf"], 2, "bench.timing"),
        (["model.tflite", "--device", "sim", "--windows", "2147483648"], 2, "bench.timing"),
        (["model.tflite", "--device", "sim", "--threads", "2147483648"], 2, "bench.timing"),
        (["model.tflite", "--device", "local:/../../x"], 2, "device.address"),
        (["pipe.tflite"], 2, "file.unreadable"),
    ],
)
def test_bad_input_has_its_code_and_leaves_nothing(run_edgekit, model_file, tmp_path, arguments, exit_code, code):
    (tmp_path / "notes.txt").write_text("not a model")
    (tmp_path / "broken.tflite").write_bytes(model_file.read_bytes()[:6])
    os.mkfifo(tmp_path / "pipe.tflite")  # opening it would wait for a writer for ever
    done = run_edgekit("--json", "bench", *arguments)
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert done.json()["data"]["code"] == code
    assert not (tmp_path / "runs").exists()


SIDECAR = {
    "schema": "edgekit.artifact/1",
    "path": "model.tflite",
    "sha256": "0" * 64,
    "size_bytes": 1,
    "format": "tflite",
    "recipe": "int8",
    "scheme_requested": "int8",
    "scheme_achieved": "int8",
    "source": {"path": "m.keras", "sha256": "0", "format": "keras", "family": "f", "weights_sha256": "w"},
    "inputs": [],
    "outputs": [],
    "status": "verified",
}


def _describe(model_file, **changes):
    sidecar = {**SIDECAR, "sha256": hashlib.sha256(model_file.read_bytes()).hexdigest(), **changes}
    model_file.with_name("model.tflite.json").write_text(json.dumps(sidecar))


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", "json.syntax"), ("[]", "json.schema"), ("[" * 100_000, "json.syntax"), ('{"schema": "edgekit.artifact/1"}', "json.invalid")],
)
def test_a_description_that_cannot_be_read_is_a_usage_error_with_advice(run_edgekit, model_file, text, code):
    model_file.with_name("model.tflite.json").write_text(text)
    done = run_edgekit("--json", "bench", model_file, "--device", "sim")
    assert (done.returncode, done.json()["data"]["code"]) == (2, code)
    assert "json.tool" in done.json()["data"]["do"][0]["command"]


def test_samples_elsewhere_on_the_disk_are_not_read(run_edgekit, model_file):
    _describe(model_file, samples="../../etc/passwd")
    done = run_edgekit("--json", "bench", model_file, "--device", "sim")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "json.invalid")


@pytest.mark.parametrize(("present", "code"), [(False, "samples.absent"), (True, "samples.changed")])
def test_samples_that_are_gone_or_others_are_remarked(run_edgekit, model_file, present, code):
    _describe(model_file, samples="s.npz", samples_sha256="0" * 64)
    if present:
        model_file.with_name("s.npz").write_bytes(b"another")
    assert code in [note["code"] for note in _bench(run_edgekit, model_file, "--quick")["notes"]]


def test_a_record_that_is_no_ordinary_file_is_a_usage_error(run_edgekit, tmp_path):
    (tmp_path / "runs" / "odd").mkdir(parents=True)
    os.mkfifo(tmp_path / "runs" / "odd" / "run.json")
    done = run_edgekit("--json", "bench", "--reanalyse", "odd", timeout=30)
    assert (done.returncode, done.json()["data"]["code"]) == (2, "file.unreadable")


def test_names_cannot_drive_the_terminal(run_edgekit, model_file):
    _describe(model_file, status="\x1b[31mred\x9b2J")
    done = run_edgekit("bench", model_file, "--device", "sim", "--quick")
    assert done.returncode == 0, done.stderr
    assert "\\x1b[31mred\\x9b2J" in done.stdout + done.stderr
    assert not {"\x1b", "\x9b"} & set(done.stdout + done.stderr)


def test_changed_artifact_is_not_passed_off_as_verified(run_edgekit, model_file):
    model_file.with_name("model.tflite.json").write_text(json.dumps(SIDECAR))
    done = run_edgekit("--json", "bench", model_file, "--device", "sim")
    assert done.returncode == 5
    assert done.json()["data"]["code"] == "artifact.changed"


def test_unwritable_runs_folder_is_a_setup_error(as_ordinary_user, model_file, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    done = as_ordinary_user(
        [sys.executable, "-m", "edgekit", "--json", "bench", model_file, "--device", "sim", "--runs", locked / "runs"], cwd=tmp_path
    )
    assert done.returncode == 6, done.stderr
    assert done.json()["data"]["code"] == "output.permission"
    assert list(locked.iterdir()) == []


def test_full_disk_stops_the_run_and_says_so(run_edgekit, model_file, tiny_disk):
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", "--runs", tiny_disk / "runs", "--window", "2000")
    assert done.returncode == 6, done.stderr
    assert done.json()["data"]["code"] == "output.disk_full"


@pytest.mark.slow
def test_a_tag_or_a_session_means_all_of_its_runs(run_edgekit, model_file, tmp_path):
    other = model_file.with_name("another.tflite")  # before the first one by name
    other.write_bytes(model_file.read_bytes())
    made = _bench(run_edgekit, model_file, other, "--tag", "pair")["data"]
    assert made["comparison"]
    for name in ("pair", made["runs"][0]["session"]):
        again = run_edgekit("--json", "bench", "--reanalyse", name, "--runs", "runs").json()["data"]
        assert [run["id"] for run in again["runs"]] == [run["id"] for run in made["runs"]]
        assert again["comparison"] == made["comparison"]


def test_a_replay_without_a_run_says_how_to_name_one(run_edgekit, model_file):
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", "--meter", "replay")
    assert done.returncode == 2
    assert done.json()["data"]["do"][0]["command"] == "edgekit bench ARTIFACT --meter replay:RUN"


def test_a_remark_that_holds_for_one_artifact_names_it(run_edgekit, model_file):
    done = run_edgekit("bench", model_file, "--device", "sim", "--windows", "1", "--runs", "runs")
    assert done.stderr.count("how well the result repeats is unknown") == 1


def test_compare_and_report_take_a_tag_for_all_runs_of_its_session(run_edgekit, model_file):
    other = model_file.with_name("other.tflite")
    other.write_bytes(model_file.read_bytes())
    runs = _bench(run_edgekit, model_file, other, "--tag", "pair")["data"]["runs"]
    done = run_edgekit("--json", "compare", "pair")
    assert done.returncode == 0, done.stdout
    compared = done.json()["data"]
    assert {compared["baseline"], *(row["run"] for row in compared["rows"])} == {run["id"] for run in runs}


@pytest.mark.slow
def test_the_offered_analysis_is_of_all_runs_and_is_not_offered_after_it(run_edgekit, model_file):
    other = model_file.with_name("other.tflite")
    other.write_bytes(model_file.read_bytes() + bytes(1000))
    done = run_edgekit("bench", model_file, other, "--device", "sim", "--quick", "--runs", "runs")
    (command,) = [line for line in done.stdout.splitlines() if "--reanalyse" in line]
    again = run_edgekit(*shlex.split(command.partition("edgekit ")[2]))
    assert (again.returncode, again.stdout.count("complete")) == (0, 2), again.stderr
    assert "--reanalyse" not in again.stdout


@pytest.mark.slow
def test_intervals_are_called_what_they_are_and_a_batch_is_told_from_an_inference(run_edgekit, model_file):
    done = run_edgekit("bench", model_file, "--device", "sim", "--quick", "--runs", "runs", "--batch", "8")
    assert "/batch" in done.stdout
    run = run_edgekit("--json", "bench", model_file, "--device", "sim", "--quick", "--runs", "runs").json()["data"]["runs"][0]
    (spoken,) = [note["text"] for note in run["analysis"]["latency_p99_s"]["notes"] if note["code"] == "interval.span"]
    assert spoken == "the bin of its histogram"


def test_net_and_idle_state_their_intervals(tmp_path, model_file):
    device = SimDevice(DeviceSpec(name="sim", kind="sim", options={"spread": "0.02"}))
    request = BenchRequest(artifacts=(model_file,), device="sim", runs_dir=tmp_path / "runs", quick=True)
    (run,) = bench(request, device=device, progress=Silent(), date=SystemClock()).runs
    net = run.analysis.channels[0].net_j_per_inference
    assert isinstance(net, Estimate)
    console = Console(width=100, file=io.StringIO())
    console.print(runs_table([run]))
    assert format_compact(net.value, net.low, net.high, "J") in console.file.getvalue()
    assert " ± " in console.file.getvalue()
