"""A run that something got into is marked: by a note with its code, in the quality of every figure, and in what is made of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.hardware import DeviceFacts
from edgekit.core.window import Phase, Window
from edgekit.energy.conduct.validity import FLAWS, disturbances, disturbed_run
from tests.conftest import clean_environment
from tests.powercap import drawing
from tests.processes import wait_until
from tests.runner import trees
from tests.tiny import write_onnx

CALM = {
    "proc/loadavg": "0.02 0.01 0.00 1/90 4242",
    "proc/stat": "cpu  10 20 30 40 50 60 70 0 0 0",
    "proc/meminfo": "MemTotal: 4000000 kB\nSwapTotal: 100000 kB\nSwapFree: 100000 kB",
    "proc/vmstat": "pswpin 5\npswpout 5",
    "proc/sys/kernel/random/boot_id": "first-boot",
    "sys/firmware/devicetree/base/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance",
    "sys/class/thermal/thermal_zone0/temp": 48_300,
    "bin/answer": "throttled=0x0",
    "clock/offset_ns": 1_700_000_000_000_000_000,
}
DISTURBED = {
    "proc/stat": "cpu  10 20 30 40 50 60 70 500 0 0",
    "proc/vmstat": "pswpin 5005\npswpout 5",
    "bin/answer": "throttled=0x50000",
    "clock/offset_ns": 1_700_000_000_200_000_000,
}


@pytest.fixture
def pi(tmp_path: Path) -> Iterator[Path]:
    """Configure a device whose kernel trees, firmware and wall clock are files of this test, and that draws 5 W."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    if not sys.platform.startswith("linux"):
        pytest.skip("the emulated powercap tree is Linux's")
    trees.write(tmp_path / "pi", CALM)
    firmware = tmp_path / "pi/bin/vcgencmd"
    firmware.write_text(f'#!/bin/sh\ncat "{tmp_path}/pi/bin/answer"\n')
    firmware.chmod(0o755)
    roots = {f"{name}_root": str(tmp_path / "pi" / name) for name in ("proc", "sys", "clock")}
    roots |= {"vcgencmd_root": str(tmp_path / "pi/bin"), "powercap_root": str(tmp_path / "powercap")}
    options = ", ".join(f"{name} = {json.dumps(value)}" for name, value in roots.items())
    (tmp_path / "edgekit.toml").write_text(f'[devices.pi]\naddress = "local:"\noptions = {{ {options} }}\n')
    write_onnx(tmp_path / "tiny.onnx")
    with drawing(tmp_path / "powercap", 5.0):
        yield tmp_path / "pi"


def bench(folder: Path, change: Mapping[str, str | int]) -> dict[str, Any]:
    """Benchmark on the configured device, changing its files once the first window is measured; return the run."""
    plan = ("--windows", "3", "--window", "0.3", "--idle", "0.3", "--warmup", "0.1", "--cooldown", "0.05", "--cold-starts", "0")
    plan += ("--meter", "rapl")
    command = [sys.executable, "-m", "edgekit", "--json", "bench", "tiny.onnx", "--device", "pi", "--runs", "runs", *plan]
    child = subprocess.Popen(command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def measuring() -> bool:
        journals = list(folder.glob("runs/.open/*/journal.jsonl"))
        return child.poll() is not None or any('"measure"' in journal.read_text() for journal in journals)

    wait_until(measuring, "a measured window")
    trees.write(folder / "pi", change)
    told, complaints = child.communicate(timeout=120)
    assert child.returncode == 0, told + complaints
    run: dict[str, Any] = json.loads(told)["data"]["runs"][0]
    return run


@pytest.mark.slow
def test_a_run_in_which_everything_went_wrong_says_all_of_it_and_a_calm_one_nothing(pi: Path, tmp_path: Path, run_edgekit: Any) -> None:
    calm = bench(tmp_path, {})
    assert not {note["code"] for note in calm["analysis"]["notes"]} & set(FLAWS)
    assert calm["facts_before"]["swap_in_pages"] == calm["facts_after"]["swap_in_pages"] == 5
    disturbed = bench(tmp_path, DISTURBED)
    told = {note["code"]: note for note in disturbed["analysis"]["notes"]}
    assert {"run.throttled", "run.under_voltage", "run.stolen", "run.swapped", "run.clock_stepped"} <= set(told)
    assert all(told[code]["advice"] for code in told if code in FLAWS)
    assert "5000 pages" in told["run.swapped"]["text"]
    assert not any(window["disturbed"] for window in calm["windows"])
    hit = [window for window in disturbed["windows"] if window["disturbed"]]
    assert {(window["phase"], window["index"]) for window in hit} <= {("measure", 1), ("measure", 2)}, "it began after the first"
    assert all(f"(measure window {window['index']}" in told[code]["text"] for window in hit[:1] for code in window["disturbed"])
    assert "forward by 200 ms" in told["run.clock_stepped"]["text"]
    assert disturbed["facts_after"]["throttle_since_boot"] == ["under_voltage", "throttled"]
    figures = ("energy_j_per_inference", "time_s_per_inference", "latency_p50_s")
    # Windows of a busy machine may tell too little for a figure at all, which is worse than a caveat and no failure here.
    assert {disturbed["analysis"][name]["quality"] for name in figures} <= {"caveats", "unmeasurable"}
    shown = run_edgekit("compare", calm["id"], disturbed["id"], "--runs", "runs")
    told_there = " ".join(shown.stdout.split())
    assert all(word in told_there for word in ("throttled", "under-volted", "CPU time stolen", "swapped", "clock stepped"))


BEFORE = DeviceFacts(
    throttled=False,
    throttle_reasons=(),
    throttle_since_boot=("under_voltage",),
    throttle_events=7,
    under_voltage=False,
    steal_s=10.0,
    swap_in_pages=50,
    swap_out_pages=60,
    clock_offset_ns=10**18,
    read_ns=0,
    boot="one",
)
CALM_END: dict[str, Any] = {"read_ns": 100 * 10**9}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"throttled": True, "throttle_reasons": ("soft_temperature_limit",)}, "run.throttled"),
        ({"throttle_since_boot": ("under_voltage", "frequency_capped")}, "run.throttled"),
        ({"throttle_events": 8}, "run.throttled"),
        ({"throttle_events": 3}, None),
        ({"under_voltage": True}, "run.under_voltage"),
        ({"steal_s": 10.09}, None),
        ({"steal_s": 10.11}, "run.stolen"),
        ({"steal_s": None}, None),
        ({"swap_in_pages": 149}, None),
        ({"swap_in_pages": 149, "swap_out_pages": 61}, "run.swapped"),
        ({"clock_offset_ns": 10**18 + 999_999}, None),
        ({"clock_offset_ns": 10**18 - 1_000_001}, "run.clock_stepped"),
        ({"boot": "two", "steal_s": 0.0, "swap_in_pages": 0}, "run.rebooted"),
    ],
)
def test_each_limit_holds_and_counters_that_went_back_say_nothing(change: dict[str, Any], code: str | None) -> None:
    from dataclasses import replace

    found = disturbances(BEFORE, replace(BEFORE, **{**CALM_END, **change}))
    assert [note.code for note in found] == ([] if code is None else [code])
    assert all(note.code in FLAWS for note in found)


def test_what_got_into_a_window_is_named_also_where_it_was_over_before_the_end_of_the_run() -> None:
    from dataclasses import replace

    def window(index: int, *codes: str) -> Window:
        return Window(phase=Phase.MEASURE, index=index, clock="c", start_ns=1, end_ns=2, disturbed=codes)

    windows = [window(0), window(1, "run.throttled", "run.stolen"), window(4, "run.throttled")]
    throttled, stolen = disturbed_run(BEFORE, replace(BEFORE, **CALM_END, throttle_events=9), windows)
    assert throttled.text.endswith("(measure windows 1, 4)")
    assert (stolen.code, stolen.text) == ("run.stolen", "CPU time stolen for a part of the run: measure window 1")
    assert disturbed_run(BEFORE, replace(BEFORE, **CALM_END), windows[:1]) == []


def test_a_run_that_ended_early_shows_what_its_beginning_showed() -> None:
    assert disturbances(BEFORE, None) == []
    assert [note.code for note in disturbances(DeviceFacts(throttled=True), None)] == ["run.throttled"]


@pytest.mark.slow
def test_a_disturbed_run_is_named_in_comparisons_and_reports(run_edgekit: Any, model_file: Path, tmp_path: Path) -> None:
    run = run_edgekit("--json", "bench", model_file, "--device", "sim", "--runs", "runs").json()["data"]["runs"][0]
    path = tmp_path / "runs" / run["id"] / "run.json"
    stored = json.loads(path.read_text())
    stored["facts_after"]["under_voltage"] = True
    path.write_text(json.dumps(stored))
    again = run_edgekit("--json", "bench", "--reanalyse", run["id"], "--runs", "runs").json()["data"]["runs"][0]
    assert again["analysis"]["energy_j_per_inference"]["quality"] == "caveats"
    report = run_edgekit("--json", "report", run["id"], "--runs", "runs")
    assert "run.disturbed" in [note["code"] for note in report.json()["data"]["decision"]["notes"]]
