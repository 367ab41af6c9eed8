"""What happens to an instrument on this host in the middle of a benchmark: the windows it touched are left out, the rest is right."""

from __future__ import annotations

import json
import shutil
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
PLAN = (
    "--windows",
    "4",
    "--window",
    "3",
    "--idle",
    "2",
    "--warmup",
    "0.1",
    "--cooldown",
    "0.05",
    "--idle-between",
    "0",
    "--max-sync-error",
    "10%",
)


def bench(folder: Path, meter: str, *more: str) -> subprocess.Popen[str]:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    model = write_onnx(folder / "tiny.onnx")
    command = [sys.executable, "-m", "edgekit", "--json", "bench", str(model), "--meter", meter, *PLAN, *more]
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
        process = bench(tmp_path, f"um25c:{link}")
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
    assert 1 <= len(lost) + sum(joule is None for joule in joules) <= 2, (lost, joules, codes)
    kept = [index for index in lengths if index not in lost]
    assert [value for value, index in zip(joules, kept, strict=True) if value is not None and abs(value / lengths[index] - 5) > 0.5] == []


def test_ctrl_c_keeps_what_an_instrument_read(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    with ExitStack() as stack:
        serve(stack, link)
        process = bench(tmp_path, f"um25c:{link}")
        wait_until(lambda: measured(tmp_path) >= 1, "a first window", seconds=60)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    (kept,) = json.loads(out)["data"]["details"]["runs"]
    record = json.loads((tmp_path / "runs" / kept / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert {trace["channel"] for trace in record["traces"]} >= {"um25c.power", "um25c.energy"}
    assert record["analysis"]["energy_j_per_inference"]["origins"] == ["emulated"]


def test_a_second_program_on_one_instrument_is_refused_and_costs_the_first_nothing(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    with ExitStack() as stack:
        serve(stack, link)
        first = bench(tmp_path, f"um25c:{link}", "--windows", "2")
        wait_until(lambda: measured(tmp_path) >= 1, "a first window", seconds=60)
        second = bench(tmp_path, f"um25c:{link}")
        refused, _ = second.communicate(timeout=60)
        out, said = first.communicate(timeout=60)
    assert (second.returncode, json.loads(refused)["data"]["code"]) == (4, "port.busy")
    assert first.returncode == 0, said
    run = json.loads(out)["data"]["runs"][0]
    assert run["analysis"]["energy_j_per_inference"]["value"] > 0
    assert not {"meter.unplugged", "meter.silent"} & {note["code"] for note in run["notes"]}


def test_a_disk_that_fills_while_an_instrument_streams_keeps_what_came_before(tmp_path: Path, tiny_disk: Path) -> None:
    plan = ("--windows", "400", "--window", "0.4", "--idle", "0.2", "--max-sync-error", "50%", "--runs", str(tiny_disk / "runs"))
    with emulated(EmulationRequest(kind="fnb58", load="idle 5 W")) as emulation:
        process = bench(tmp_path, emulation.meter, *plan)
        out, _ = process.communicate(timeout=120)
    document = json.loads(out)
    assert (process.returncode, document["data"]["code"]) == (6, "output.disk_full"), document
    saved = shutil.copytree(tiny_disk / "runs", tmp_path / "runs")  # what the user would do: make room
    model = write_onnx(tmp_path / "other.onnx")
    command = [sys.executable, "-m", "edgekit", "--json", "bench", str(model), "--device", "sim", "--quick", "--runs", str(saved)]
    after = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=clean_environment(), check=False)
    assert after.returncode == 0, after.stderr
    assert "run.recovered" in [note["code"] for note in json.loads(after.stdout)["notes"]]
    records = [json.loads(path.read_text()) for path in saved.glob("*/run.json")]
    (old,) = [record for record in records if record["status"] != "complete"]
    assert old["analysis"]["energy_j_per_inference"]["origins"] == ["emulated"]
    assert old["analysis"]["channels"][0]["mean_w"]["value"] == pytest.approx(5.0, rel=0.01)
