"""`--plan` says what would be done, does none of it, and is right about how long it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.core.errors import UsageError
from edgekit.flows.bench import preview
from edgekit.flows.bench.plan import BenchRequest


def _plan(run_edgekit, *args):
    done = run_edgekit("--json", "bench", *args, "--plan", "--runs", "runs")
    assert done.returncode == 0, done.stdout + done.stderr
    document = done.json()
    assert document["schema"] == "edgekit.bench.plan/1"
    return document["data"]


def test_a_plan_opens_no_device_and_makes_no_folder(run_edgekit, model_file, tmp_path):
    (tmp_path / "edgekit.toml").write_text('[devices.gone]\nkind = "local"\naddress = "local:"\noptions = { python = "/nowhere/python" }\n')
    before = sorted(tmp_path.rglob("*"))
    found = _plan(run_edgekit, model_file, "--device", "gone")
    assert [step["phase"] for step in found["steps"]][:3] == ["load", "warmup", "idle"]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--quick",),
        ("--windows", "7", "--window", "3", "--idle", "4", "--cooldown", "0.5", "--idle-between", "1"),
        ("--rate", "0.5/s", "--windows", "3", "--window", "4"),
        ("--warmup", "0", "--windows", "4"),
    ],
)
def test_the_run_takes_as_long_as_its_plan_says(run_edgekit, model_file, options):
    expected_s = _plan(run_edgekit, model_file, "--device", "sim", *options)["expected_s"]
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", "--runs", "runs", "--cold-starts", "0", *options)
    assert done.returncode == 0, done.stderr
    windows = done.json()["data"]["runs"][0]["windows"]
    took_s = (windows[-1]["end_ns"] - windows[0]["start_ns"]) / 1e9
    assert took_s == pytest.approx(expected_s, abs=0.7), "0.3 s before and after lie outside the windows"


def test_the_steps_are_those_of_the_run(run_edgekit, model_file):
    other = model_file.with_name("other.tflite")
    other.write_bytes(model_file.read_bytes() + bytes(1000))
    options = ("--device", "sim", "--windows", "4", "--window", "3")
    steps = _plan(run_edgekit, model_file, other, *options)["steps"]
    measured = [(step["artifact"], step["times"], step["seconds"]) for step in steps if step["phase"] == "measure"]
    assert measured == [("model.tflite", 4, 3.0), ("other.tflite", 4, 3.0)]
    runs = run_edgekit("--json", "bench", model_file, other, *options, "--runs", "runs").json()["data"]["runs"]
    for phase in ("measure", "idle"):
        planned = sum(step["times"] for step in steps if step["phase"] == phase and step["artifact"] in (None, "model.tflite"))
        assert planned == sum(window["phase"] == phase for window in runs[0]["windows"])


def test_a_plan_until_an_interval_says_what_bounds_it(run_edgekit, model_file):
    found = _plan(run_edgekit, model_file, "--device", "sim", "--until", "2%", "--max-time", "10m")
    assert found["most_s"] == 600
    assert found["least_s"] < found["expected_s"] < 600
    text = run_edgekit("bench", model_file, "--device", "sim", "--until", "2%", "--plan").stdout
    assert "until every interval is within 2 %" in text
    assert "60 min at most" in text


def test_a_plan_says_that_windows_grow_with_a_slow_meter_unless_their_length_was_given(run_edgekit, model_file):
    found = _plan(run_edgekit, model_file, "--device", "sim")
    assert "less often than every 0.1 s (100 updates, 300 s at most)" in found["unknown"][-1]
    assert "0.067 s (30 updates, 60 s" in _plan(run_edgekit, model_file, "--device", "sim", "--quick")["unknown"][-1]
    assert "longer windows" not in " ".join(_plan(run_edgekit, model_file, "--device", "sim", "--window", "4")["unknown"])


def test_a_plan_that_cannot_be_meant_is_refused_as_its_run_would_be(run_edgekit, model_file):
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", "--plan", "--max-time", "5s")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "bench.max_time")
    asked = {"max_time_s": 5.0, "delegate": "libedgetpu.so.1", "delegate_options": {"device": "usb"}, "prepare": True}
    with pytest.raises(UsageError) as caught:
        preview(BenchRequest(artifacts=(model_file,), **asked), kind="local")
    command = caught.value.do[0][1]
    lost = [part for part in ("--delegate libedgetpu.so.1", "--delegate-option device=usb", "--prepare") if part not in command]
    assert not lost, "the command that is advised does the same"


def test_cooling_and_batches_are_part_of_a_plan(run_edgekit, model_file):
    found = _plan(run_edgekit, model_file, "--device", "sim", "--batch", "1,4", "--cool-to", "+2C", "--cool-at-most", "30s")
    assert found["batches"] == [1, 4]
    cooling = next(step for step in found["steps"] if step["phase"] == "cooldown" and step["seconds"] is None)
    assert cooling["note"] == "until 2 C above the temperature at the start, up to 30 s"
    assert found["most_s"] >= found["expected_s"] + 10 * 30


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"rate_hz": 5.0}, "board.option"),
        ({"batch": 4}, "board.option"),
        ({"prepare": True}, "device.no_prepare"),
        ({"artifacts": "two"}, "board.one_model"),
        ({"meters": ("um26c",)}, "meter.unknown"),
    ],
)
def test_a_plan_refuses_what_a_board_would_refuse_once_it_is_reached(model_file: Path, asked: dict, code: str) -> None:
    other = model_file.with_name("other.tflite")
    other.write_bytes(model_file.read_bytes())
    artifacts = (model_file, other) if asked.pop("artifacts", None) else (model_file, model_file)
    with pytest.raises(UsageError) as refused:
        preview(BenchRequest(artifacts=artifacts, device="board:/dev/ttyACM0", **asked), kind="board")
    assert refused.value.code == code


def test_a_plan_for_a_board_is_made_of_what_it_can_do(model_file: Path) -> None:
    assert preview(BenchRequest(artifacts=(model_file,), device="board:/dev/ttyACM0"), kind="board").steps
