"""Ctrl-C at every stage of a real benchmark, and a disk that fills while readings stream."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from edgekit.core.window import Phase
from edgekit.store.runs import read_record
from tests.faults.scene import Told, assert_repeatable, assert_true, benchmark, edgekit, measured, steady, wait_for
from tests.processes import descendants, wait_until

pytestmark = pytest.mark.slow

LONG = {"--windows": "60", "--warmup": "0.6", "--idle": "0.8"}
LATE = ("window", "pause", "end")


def _reach(bench, stage):
    """Wait until a benchmark is in the middle of a stage."""
    if stage in ("connect", "load"):
        bench.hears(stage)
    elif stage == "warm-up":
        bench.recorded(1, Phase.WARMUP)
    elif stage == "idle":
        bench.hears("measure on")  # without a warm-up, a pause of 0.3 s and then the first idle
        time.sleep(0.7)
    elif stage == "first window":
        bench.recorded(1, Phase.IDLE)
    elif stage == "pause":
        bench.after(2)
    else:  # in the third window, or in the idle that takes its place at the end
        wait_for(bench.after(2))


@pytest.mark.parametrize("stage", ["connect", "load", "warm-up", "idle", "first window", *LATE])
def test_ctrl_c_at_every_stage_ends_with_130_one_document_and_what_there_was(tiny, tmp_path, stage):
    plan = {**LONG, "--windows": "2" if stage == "end" else "60", "--warmup": "0" if stage == "idle" else "0.6"}
    with benchmark(steady("laptop"), tiny, tmp_path, "rapl", plan=plan) as bench:
        _reach(bench, stage)
        processes = descendants(bench.process.pid)
        bench.press_ctrl_c()
        told = bench.end(20)
    assert told.returncode == 130, told.stderr
    assert "Traceback" not in told.stderr
    error = told.document["data"]
    assert (error["code"], error["exit_code"]) in (("bench.interrupted", 130), ("run.interrupted", 130))
    assert error["do"], "what to do next"
    assert not (told.runs / ".open").exists()
    wait_until(lambda: not any(pid in processes and "edgekit" in line for pid, line in descendants(1).items()), "ending all processes")
    kept = sorted(told.runs.glob("*/run.json"))
    if stage not in LATE:
        assert all(not measured(read_record(path)) for path in kept)
        assert error["details"]["runs"] == [path.parent.name for path in kept] if "details" in error else not kept
        return
    record = told.record
    assert record.status == "interrupted"
    assert len(measured(record)) == 2
    assert error["details"]["runs"] == [record.id]
    for name, rail in (("rapl.package-0", "package"), ("rapl.package-0.dram", "dram")):
        assert_true(told, name, rail)
    assert_repeatable(told)


def test_a_disk_that_fills_keeps_what_was_written_and_the_next_benchmark_makes_a_record_of_it(tiny, tmp_path, tiny_disk):
    plan = {"--windows": "200", "--window": "0.3", "--cooldown": "0", "--idle": "0.2", "--warmup": "0.1", "--sample-hz": "200"}
    with benchmark(steady("laptop"), tiny, tmp_path, "rapl", plan=plan, runs=tiny_disk / "runs") as bench:
        full = bench.end(40)
    assert full.returncode == 6, full.stderr
    assert full.document["data"]["code"] == "output.disk_full"
    assert full.document["data"]["do"]
    shutil.copytree(tiny_disk / "runs", tmp_path / "runs")  # what the user would do: make room
    model = tmp_path / "other.tflite"
    model.write_bytes(b"\0\0\0\0TFL3" + bytes(2992))
    after = edgekit("--json", "bench", model, "--device", "sim", "--quick", "--runs", tmp_path / "runs", cwd=tmp_path)
    assert after.returncode == 0, after.stderr
    assert "run.recovered" in [note["code"] for note in json.loads(after.stdout)["notes"]]
    (path,) = (tmp_path / "runs").glob("*-tiny.onnx-*/run.json")
    record = read_record(path)
    assert record.status in ("failed", "interrupted")
    assert len(measured(record)) >= 1
    told = Told(full.returncode, full.stdout, full.stderr, tmp_path / "runs", full.plant)
    assert_true(told, "rapl.package-0", "package", record)
