"""Cold starts apart from the windows: loading, the first inference, the steady state; each with its energy, or why it has none."""

from __future__ import annotations

import json

import pytest

from edgekit.core.errors import ModelError
from edgekit.reports.starts import beside
from tests.flows.test_bench_faults import Troubled
from tests.flows.test_bench_faults import _bench as bench_on_sim


def _bench(run_edgekit, *args):
    done = run_edgekit("--json", "bench", *args, "--device", "sim", "--quick", "--runs", "runs")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.json()["data"]["runs"][0]


def test_loading_is_timed_and_metered_apart_from_the_steady_state(run_edgekit, model_file):
    run = _bench(run_edgekit, model_file, "--cold-starts", "4")
    cold = run["analysis"]["cold_start"]
    assert cold["starts"] == 4
    assert cold["load_s"]["value"] == pytest.approx(0.05)
    assert cold["load_j"]["value"] == pytest.approx(5.0 * 0.05, rel=1e-6)
    assert (cold["load_j"]["boundary"], cold["load_j"]["origins"], cold["load_j"]["n"]) == ("usb_input", ["emulated"], 4)
    assert cold["steady_s"] == run["analysis"]["time_s_per_inference"]
    assert [window["phase"] for window in run["windows"]][-8:] == ["load", "first"] * 4


def test_what_a_meter_cannot_resolve_is_unknown_with_the_reason(run_edgekit, model_file):
    cold = _bench(run_edgekit, model_file)["analysis"]["cold_start"]
    assert cold["first_inference_s"]["value"] == pytest.approx(1.3e-4)
    assert cold["first_inference_j"]["value"] is None
    assert "takes 130 µs, and meter sim tells something new every 10.0 ms" in cold["first_inference_j"]["reason"]


def test_without_cold_starts_the_one_load_of_the_run_is_timed(run_edgekit, model_file):
    run = _bench(run_edgekit, model_file, "--cold-starts", "0")
    assert {window["phase"] for window in run["windows"]} == {"warmup", "idle", "measure"}
    cold = run["analysis"]["cold_start"]
    assert (cold["starts"], cold["load_s"]["value"]) == (1, pytest.approx(0.05))
    assert cold["load_j"]["reason"] == "no meter was read while the model was loaded"


def test_cold_starts_are_shown(run_edgekit, model_file):
    done = run_edgekit("bench", model_file, "--device", "sim", "--quick", "--runs", "runs")
    assert "cold start     load 50.0 ms, 250 mJ (emulated, at usb_input)" in done.stdout
    assert "steady 130 µs an inference" in done.stdout


def test_cold_starts_that_nobody_wanted_are_not_shown(model_file):
    with_them, without = (bench_on_sim(model_file, quick=True, cold_starts=count)[0] for count in (1, 0))
    assert beside(with_them)[0].startswith("cold start")
    assert beside(without) == []


@pytest.mark.slow
def test_the_headline_is_that_of_the_windows_alone(run_edgekit, model_file):
    with_them, without = (_bench(run_edgekit, model_file, "--cold-starts", count) for count in ("3", "0"))
    same = ("energy_j_per_inference", "time_s_per_inference", "inferences")
    assert [with_them["analysis"][name] for name in same] == [without["analysis"][name] for name in same]
    assert with_them["analysis"]["inferences"] == without["analysis"]["inferences"]


@pytest.mark.slow
def test_reanalysing_gives_the_same_bytes(run_edgekit, model_file, tmp_path):
    recorded = _bench(run_edgekit, model_file)
    path = tmp_path / "runs" / recorded["id"] / "run.json"
    before = path.read_bytes()
    path.write_text(json.dumps({**json.loads(before), "analysis": None}))
    assert run_edgekit("bench", "--reanalyse", recorded["id"], "--runs", "runs").returncode == 0
    assert path.read_bytes() == before


def test_a_model_that_cannot_be_loaded_twice_costs_its_cold_start_alone(model_file):
    loads = []

    def load(real, *args, **options):
        loads.append(args)
        if len(loads) > 1:
            raise ModelError("the model does not fit twice", code="model.memory", why="no room")
        return real(*args, **options)

    (run,) = bench_on_sim(model_file, Troubled(load=load), quick=True)
    assert (run.status, run.load.load_s) == ("complete", 0.05)
    (note,) = [note.text for note in run.notes if note.code == "model.memory"]
    assert note == "no cold start of model.tflite: the model does not fit twice: no room"
    assert run.analysis.energy_j_per_inference.value > 0
    assert run.analysis.cold_start.starts == 1


def test_a_run_with_no_time_left_leaves_cold_starts_out(model_file):
    (run,) = bench_on_sim(model_file, quick=True, max_time_s=11.0, windows=1, cold_starts=20)
    assert [window.phase for window in run.windows if window.phase == "load"] == []
    assert "coldstart.max_time" in [note.code for note in run.notes]
