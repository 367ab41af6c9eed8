"""What happens to an instrument on this host in the middle of a benchmark: the windows it touched are left out, the rest is right."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from edgekit.flows.emulate import EmulationRequest, emulated
from tests.conftest import clean_environment
from tests.processes import wait_until
from tests.tiny import write_onnx

pytestmark = pytest.mark.slow
PLAN = ("--windows", "4", "--window", "3", "--idle", "2", "--warmup", "0.1", "--cooldown", "0.05", "--idle-between", "0")


def bench(folder: Path, link: Path, *more: str) -> subprocess.Popen[str]:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    model = write_onnx(folder / "tiny.onnx")
    command = [sys.executable, "-m", "edgekit", "--json", "bench", str(model), "--meter", f"um25c:{link}", *PLAN, *more]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment())


def measured(folder: Path) -> int:
    """Return how many windows are in the journal."""
    return sum(path.read_text().count('"phase": "measure"') for path in folder.glob("runs/.open/*/journal.jsonl"))


def serve(stack: ExitStack, link: Path) -> None:
    stack.enter_context(emulated(EmulationRequest(kind="um25c", load="idle 5 W", link=link)))


def test_a_cable_pulled_in_a_window_costs_that_window_alone(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    with ExitStack() as first:
        serve(first, link)
        process = bench(tmp_path, link)
        wait_until(lambda: measured(tmp_path) >= 1, "a first window", seconds=60)
    with ExitStack() as second:
        serve(second, link)
        out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    run = json.loads(out)["data"]["runs"][0]
    codes = [note["code"] for note in run["notes"]]
    assert "meter.unplugged" in codes
    assert "meter.replugged" in codes
    joules = run["analysis"]["channels"][0]["window_j"]
    windows = [window for window in run["windows"] if window["phase"] == "measure"]
    lengths = {window["index"]: (window["end_ns"] - window["start_ns"]) / 1e9 for window in windows}
    lost = [window["index"] for window in windows if window["invalid"] is not None]
    assert 1 <= len(lost) + sum(joule is None for joule in joules) <= 2
    kept = [index for index in lengths if index not in lost]
    assert [value for value, index in zip(joules, kept, strict=True) if value is not None and abs(value / lengths[index] - 5) > 0.5] == []


def test_ctrl_c_keeps_what_an_instrument_read(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    with ExitStack() as stack:
        serve(stack, link)
        process = bench(tmp_path, link)
        wait_until(lambda: measured(tmp_path) >= 1, "a first window", seconds=60)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    (kept,) = json.loads(out)["data"]["details"]["runs"]
    record = json.loads((tmp_path / "runs" / kept / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert {trace["channel"] for trace in record["traces"]} >= {"um25c.power", "um25c.energy"}
    assert record["analysis"]["energy_j_per_inference"]["origins"] == ["emulated"]
