"""Inferences at a rate: the emulated device draws 2 W idle and 5 W busy, and an inference of the model takes 0.13 ms."""

from __future__ import annotations

import json

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.core.run import RunPlan
from edgekit.flows.bench.rate import in_step

SECONDS = 1e-4 + 1e-8 * 3000


def _bench(run_edgekit, *args):
    done = run_edgekit("--json", "bench", *args, "--device", "sim", "--runs", "runs")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.json()["data"]["runs"][0]


@pytest.mark.parametrize(("rate", "batch"), [("10/s", 1), ("600/min", 4), ("3/s", 1), ("5000/s", 1)])
def test_joules_and_watts_at_a_rate_hold_the_idle_in_between(run_edgekit, model_file, rate, batch):
    run = _bench(run_edgekit, model_file, "--quick", "--rate", rate, "--batch", batch, "--window", "0.5")
    hz = run["plan"]["rate_hz"]
    expected_j = 2.0 / hz + 3.0 * SECONDS  # idle all the time, and what inferring adds
    (channel,) = run["analysis"]["channels"]
    assert run["analysis"]["energy_j_per_inference"]["value"] == pytest.approx(expected_j, rel=1e-6)
    assert channel["mean_w"]["value"] == pytest.approx(expected_j * hz, rel=1e-6)
    assert channel["idle_w"]["value"] == pytest.approx(2.0)
    assert channel["net_j_per_inference"]["value"] == pytest.approx(3.0 * SECONDS, rel=1e-5)
    assert run["analysis"]["time_s_per_inference"]["value"] == pytest.approx(SECONDS), "the time of an inference is no period"
    measured = [window for window in run["windows"] if window["phase"] == "measure"]
    for window in measured:
        pacing = window["pacing"]
        assert pacing["period_ns"] == round(1e9 * batch / hz)
        assert window["end_ns"] - window["start_ns"] == pacing["invocations"] * pacing["period_ns"]
        assert window["inferences"] == batch * pacing["invocations"] >= 10
        assert (pacing["late"], pacing["latest_ns"]) == (0, 0)
        assert window["latency"]["group_size"] == 1


def test_the_result_says_at_which_rate_and_how_many_watts(run_edgekit, model_file):
    done = run_edgekit("bench", model_file, "--quick", "--rate", "10/s", "--device", "sim", "--runs", "runs")
    assert "at 10/s" in done.stdout
    assert "mean power 2.004 W" in done.stdout
    assert "idle included, busy 0.13 % of the time" in " ".join(done.stdout.split())


def test_a_rate_that_the_device_cannot_make_is_refused_with_what_it_makes(run_edgekit, model_file):
    done = run_edgekit("--json", "bench", model_file, "--quick", "--rate", "9000/s", "--device", "sim", "--runs", "runs")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "bench.rate")
    assert "7690/s is the most" in done.json()["data"]["why"]


@pytest.mark.slow
def test_windows_that_did_not_keep_their_rate_have_no_figure(run_edgekit, model_file):
    # Without a warm-up nobody knows beforehand.
    run = _bench(run_edgekit, model_file, "--quick", "--rate", "9000/s", "--warmup", "0", "--window", "0.4")
    assert all("did not keep up" in window["invalid"] for window in run["windows"] if window["phase"] == "measure")
    assert run["analysis"]["energy_j_per_inference"]["value"] is None
    assert "7.69e+03 inferences a second are the most" in json.dumps(run["windows"])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--rate", "0/s"), "bench.amount"),
        (("--rate", "ten"), "bench.amount"),
        (("--rate", "10/fortnight"), "bench.amount"),
        (("--rate", "1e6/s"), "bench.timing"),
        (("--rate", "50000/s", "--window", "60"), "bench.rate"),
        (("--spin", "0.001"), "usage.missing"),
        (("--cool-at-most", "30s"), "usage.missing"),
    ],
)
def test_rates_that_cannot_be_meant(run_edgekit, model_file, options, code):
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", *options)
    assert (done.returncode, done.json()["data"]["code"]) == (2, code)


@pytest.mark.slow
def test_a_run_at_a_rate_compares_with_its_like_alone(run_edgekit, model_file):
    back_to_back = _bench(run_edgekit, model_file, "--quick")
    paced = [_bench(run_edgekit, model_file, "--quick", "--rate", "10/s") for _ in range(2)]
    done = run_edgekit("--json", "compare", paced[0]["id"], paced[1]["id"], back_to_back["id"])
    like, unlike = done.json()["data"]["rows"]
    assert like["energy"]["value"] == pytest.approx(1.0)
    assert unlike["energy"]["value"] is None
    assert "at 10/s with the idle in between" in unlike["energy"]["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--rate", "10/s"), ("--rate", "20/s", "--batch", "4")])
def test_reanalysing_gives_the_same_bytes_and_a_replay_the_same_figures(run_edgekit, model_file, tmp_path, options):
    recorded = _bench(run_edgekit, model_file, "--quick", *options)
    path = tmp_path / "runs" / recorded["id"] / "run.json"
    before = path.read_bytes()
    path.write_text(json.dumps({**json.loads(before), "analysis": None}))
    assert run_edgekit("bench", "--reanalyse", recorded["id"], "--runs", "runs").returncode == 0
    assert path.read_bytes() == before
    done = run_edgekit("--json", "bench", model_file, "--meter", f"replay:{recorded['id']}", "--runs", "runs")
    replayed = done.json()["data"]["runs"][0]["analysis"]
    assert replayed["energy_j_per_inference"] == recorded["analysis"]["energy_j_per_inference"]
    assert replayed["cold_start"] == recorded["analysis"]["cold_start"]


def _gpu(update_s, fraction):
    channel = Channel(
        id="nvml.gpu0.power", meter="nvml", boundary=Boundary.GPU_BOARD, measurand=Measurand.POWER, unit="W", origin=Origin.MEASURED,
        update_period_s=update_s, sampled_fraction=fraction,
    )  # fmt: skip
    return MeterSpec(kind="nvml", channels=(channel,), accuracy=Accuracy(source="stated"), nominal_hz=1 / update_s)


def _at(rate_hz):
    return RunPlan(windows=10, window_s=10, min_inferences=10, idle_s=10, warmup_s=3, cooldown_s=1, rate_hz=rate_hz)


def test_a_rate_that_keeps_step_with_a_sensor_is_remarked_with_one_that_does_not():
    (note,) = in_step(_at(10.0), [_gpu(0.1, 0.25)], window_s=10)
    assert note.code == "rate.in_step"
    other_hz = float(note.advice.rpartition("such as ")[2].removesuffix("/s"))
    assert 8 <= other_hz < 10
    assert in_step(_at(other_hz), [_gpu(0.1, 0.25)], window_s=10) == []


@pytest.mark.parametrize(("rate_hz", "fraction"), [(10.0, 1.0), (10.0, None), (None, 0.25)])
def test_a_sensor_that_looks_all_the_time_keeps_step_with_nothing(rate_hz, fraction):
    assert in_step(_at(rate_hz), [_gpu(0.1, fraction)], window_s=10) == []
