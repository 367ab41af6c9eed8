"""`bench --profile` through the front door: operators in the table, in JSON, in the record and in reports, and again from raw data."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Estimate, Origin
from edgekit.core.run import RunRecord
from edgekit.core.trace import Trace
from edgekit.core.window import Phase
from edgekit.energy.analyse import analyse
from edgekit.energy.operators.share import OUTSIDE
from edgekit.sim.plant import Plant
from edgekit.store.runs import read_record, read_traces
from tests.runner import tiny

PLAN = ("--windows", "3", "--window", "0.5", "--idle", "0.3", "--warmup", "0.1", "--cooldown", "0.02", "--meter", "cputime")


@pytest.fixture
def chain(tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    return tiny.chain_onnx(tmp_path / "chain.onnx", (64, 1024, 1024))


@pytest.mark.slow
def test_operators_are_printed_kept_and_found_again_from_raw_data(run_edgekit, chain, tmp_path):
    done = run_edgekit("--json", "bench", chain, "--profile", "--runs", "runs", "--batch", "8", *PLAN)
    assert done.returncode == 0, done.stderr
    (run,) = done.json()["data"]["runs"]
    operators = run["analysis"]["operators"]
    assert [item["name"] for item in operators] == ["product0", "relu0", "product1", "relu1", OUTSIDE]
    assert max(operators, key=lambda item: item["share"])["name"] == "product1"
    assert math.fsum(item["share"] for item in operators) == pytest.approx(1)
    total = run["analysis"]["energy_j_per_inference"]
    assert math.fsum(item["energy_j_per_inference"]["value"] for item in operators) == pytest.approx(total["value"], rel=1e-12)
    for item in operators:
        quantity = item["energy_j_per_inference"]
        assert quantity["boundary"] == total["boundary"]
        assert quantity["origins"] == ["estimated"]
        assert quantity["low"] <= quantity["value"] <= quantity["high"]
    assert "ONNX Runtime's profiler" in run["analysis"]["attribution"]
    assert [window["phase"] for window in run["windows"]].count("profile") == 1
    assert run["profile"]["invocations"] * 8 == next(window["inferences"] for window in run["windows"] if window["phase"] == "profile")
    stored = (tmp_path / "runs" / run["id"] / "run.json").read_bytes()
    kept = json.loads(stored)["profile"]  # the record is JSON, whoever reads it
    assert {item["name"] for item in kept["operators"]} >= {"product0", "product1"}
    assert kept["resolution_s"] == 1e-6
    again = run_edgekit("bench", "--reanalyse", run["id"], "--runs", "runs")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "runs" / run["id"] / "run.json").read_bytes() == stored
    assert "product1" in again.stdout
    assert OUTSIDE in again.stdout
    assert "share of time" in " ".join(again.stdout.split())
    written = run_edgekit("report", run["id"], "--runs", "runs", "--out", "out")
    assert written.returncode == 0, written.stderr
    assert "product1" in written.stdout
    assert all("product1" in (tmp_path / f"out.{ending}").read_text() for ending in ("html", "json"))


def test_an_engine_without_operator_times_costs_a_note_and_nothing_else(run_edgekit, chain):
    done = run_edgekit("--json", "bench", chain, "--device", "sim", "--meter", "sim", "--profile", "--runs", "runs", *PLAN[:-2])
    assert done.returncode == 0, done.stderr
    (run,) = done.json()["data"]["runs"]
    assert run["status"] == "complete"
    assert run["profile"] is None
    assert run["analysis"]["operators"] == []
    assert [note["code"] for note in run["notes"]].count("profile.unsupported") == 1


@pytest.mark.slow
def test_power_that_follows_real_operators_is_found_in_each_of_them(run_edgekit, tmp_path):
    """Give each operator of a real profile a power of its own, and look for it in what a counter would have read."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    model = tiny.chain_onnx(tmp_path / "long.onnx", (2048, 2048, 2048))
    done = run_edgekit(
        "--json", "bench", model, "--profile", "--runs", "runs", "--batch", "160", "--sample-hz", "400", *PLAN, "--window", "1.5"
    )
    assert done.returncode == 0, done.stderr
    (run,) = done.json()["data"]["runs"]
    folder = tmp_path / "runs" / run["id"]
    record, traces = read_record(folder / "run.json"), dict(read_traces(folder, read_record(folder / "run.json")))
    assert record.profile is not None
    assert record.profile.timeline == "operators.0", "products of this size last longer than two readings at 400 Hz"
    watts = {"product0": 8.0, "relu0": 5.0, "product1": 24.0, "relu1": 5.0}
    planted, truth = plant(record, traces, watts)
    analysis = analyse(planted, traces)
    assert "least squares" in (analysis.attribution or "")
    for item in analysis.operators:
        assert isinstance(item.energy_j_per_inference, Estimate)
        assert item.energy_j_per_inference.origins == (Origin.EMULATED, Origin.ESTIMATED)
        assert item.energy_j_per_inference.low <= truth[item.name] <= item.energy_j_per_inference.high, item.name
    found = {item.name: item.energy_j_per_inference.value for item in analysis.operators}
    assert found["product1"] / found["product0"] == pytest.approx(truth["product1"] / truth["product0"], rel=0.1)


def plant(record: RunRecord, traces: dict[str, Trace], watts: dict[str, float]) -> tuple[RunRecord, dict[str, float]]:
    """Return the record with an emulated counter that saw every operator draw its own watts (2 W in between), and the true joules of each.

    In the measured windows the operators are at work for the same shares of the time, too fast for the counter to tell.
    """
    profile, idle_w = record.profile, 2.0
    assert profile is not None
    window = next(item for item in record.windows if item.phase is Phase.PROFILE)
    names, inferences = [operator.name for operator in profile.operators], window.inferences or 1
    marks = traces["operators.0"]
    power = Plant(idle_w)
    measured = [item for item in record.windows if item.phase is Phase.MEASURE]
    each_s = sum(item.duration_s for item in measured) / sum(item.inferences or 0 for item in measured)
    spent = {operator.name: operator.time_s / inferences for operator in profile.operators}
    whole_s = max(min(each_s, window.duration_s / inferences), sum(spent.values()))
    truth = {name: watts[name] * seconds / whole_s * each_s for name, seconds in spent.items()}
    truth[OUTSIDE] = idle_w * (1 - sum(spent.values()) / whole_s) * each_s
    mean_w = sum(truth.values()) / each_s
    steps = [(item.start_ns, mean_w) for item in measured] + [(item.end_ns, idle_w) for item in measured]
    steps += [(int(t), watts[names[int(place)]] if place >= 0 else idle_w) for t, place in zip(marks.t_ns, marks.value, strict=True)]
    for at_ns, value in sorted(steps):
        power.set_power(value, at_ns)
    first, last = min(item.start_ns for item in record.windows), max(item.end_ns for item in record.windows)
    t_ns = np.arange(first - 50_000_000, last + 50_000_000, 2_500_000)
    counted = np.array([power.energy_j(0, int(t)) for t in t_ns]) - power.energy_j(0, int(t_ns[0]))
    channel = Channel(
        id="plant", meter="plant", boundary=Boundary.CPU_PACKAGE, measurand=Measurand.ENERGY_COUNTER, unit="J",
        origin=Origin.EMULATED, scale=1e-6, quantum=1.0, update_period_s=0.0025,
    )  # fmt: skip
    traces["plant"] = Trace(
        channel="plant",
        clock=window.clock,
        t_ns=t_ns.astype(np.int64),
        bracket_ns=np.full(len(t_ns), 1000, np.int64),
        value=np.floor(counted * 1e6),
        flags=np.zeros(len(t_ns), np.uint8),
    )
    meter = MeterSpec(kind="plant", channels=(channel,), accuracy=Accuracy(source="exact", gain_rel=0.001), max_power_w=100.0)
    return replace(record, meters=(meter,)), truth
