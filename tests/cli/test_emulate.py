"""`edgekit meters emulate`, and a benchmark through the serial line that it prints."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import UsageError
from edgekit.flows.emulate import EmulationRequest, emulated
from edgekit.sim.emulators.faulty import Fault, FaultKind, Faulty, parse_fault
from tests.conftest import Completed, clean_environment
from tests.tiny import write_onnx

Run = Callable[..., Completed]


@contextmanager
def serving(*args: str) -> Iterator[Any]:
    """Run `edgekit meters emulate` and yield the data of its document."""
    command = [sys.executable, "-m", "edgekit", "--json", "meters", "emulate", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment()) as process:
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if line.startswith("}"):
                break
        yield json.loads(text)["data"]
        process.terminate()
        assert process.wait(20) == 0, "an emulation ends with Ctrl-C and has done what was asked"


@pytest.mark.slow
def test_a_benchmark_measures_what_is_emulated(run_edgekit: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    tiny = write_onnx(tmp_path / "tiny.onnx")
    link = tmp_path / "meter"
    (tmp_path / "edgekit.toml").write_text(f'[meters.desk]\nkind = "um25c"\naddress = "{link}"\n')
    plan = ("--windows", "3", "--window", "3", "--idle", "2", "--warmup", "0.1", "--cooldown", "0.05", "--max-sync-error", "10%")
    with serving("um25c", "--load", "idle 5 W", "--link", str(link)) as served:
        assert served["command"] == f"edgekit bench ARTIFACT --device local --meter um25c:{link}"
        done = run_edgekit("--json", "bench", tiny, "--meter", "desk", *plan)
    assert done.returncode == 0, done.stderr
    run = done.json()["data"]["runs"][0]
    energy, seconds = run["analysis"]["energy_j_per_inference"], run["analysis"]["time_s_per_inference"]["value"]
    assert (energy["boundary"], energy["origins"]) == ("usb_input", ["emulated"])
    assert energy["low"] <= 5 * seconds <= energy["high"]
    assert not link.is_symlink()


def test_a_kind_nobody_emulates_names_those_that_are(run_edgekit: Run) -> None:
    done = run_edgekit("meters", "emulate", "um52c", "--json")
    assert (done.returncode, done.json()["data"]["code"], done.json()["data"]["do"][0]["advice"]) == (
        2,
        "emulator.unknown",
        "did you mean um25c?",
    )


def test_a_real_meter_does_not_go_with_an_emulated_device(run_edgekit: Run, model_file: Path) -> None:
    done = run_edgekit("bench", model_file, "--device", "sim", "--meter", "um25c:/dev/null", "--json")
    assert (done.returncode, done.json()["data"]["code"]) == (4, "meter.real_alone")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"load": "nothing"}, "load.words"),
        ({"load": "idle 1 W", "table": Path("x.csv")}, "emulate.load"),
        ({"voltage_v": 0.0}, "emulate.volts"),
        ({"drift_ppm": 1e9}, "emulate.clock"),
        ({"faults": ("boom@3s",)}, "emulate.fault"),
        ({"faults": ("silent",)}, "emulate.fault"),
        ({"link": Path("/dev/null")}, "emulate.link"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as refused, emulated(EmulationRequest(kind="um25c", **given)):
        pass
    assert refused.value.code == code


def test_a_table_is_served_and_its_joules_are_known(tmp_path: Path) -> None:
    (tmp_path / "load.csv").write_text("t_s,power_w\n0,2\n10,2\n")
    with emulated(EmulationRequest(kind="um25c", table=tmp_path / "load.csv")) as emulation:
        assert emulation.drawn_j(emulation.started_ns + 5 * 10**9) == 10.0
        assert emulation.meter == f"um25c:{emulation.address}"


def test_a_link_in_a_folder_with_a_space_can_be_pasted(tmp_path: Path) -> None:
    link = tmp_path / "a desk"
    with emulated(EmulationRequest(kind="um25c", link=link)) as emulation:
        assert [shlex.split(text)[-1] for text in (emulation.look, emulation.command)] == [f"um25c:{link}"] * 2


class Echo:
    def hear(self, data: bytes, t_ns: int) -> bytes:
        return data

    def say(self, t_ns: int) -> bytes:
        return b""

    def next_ns(self) -> int | None:
        return None


def test_faults_act_for_as_long_as_they_were_asked_to() -> None:
    faulty = Faulty(Echo(), [parse_fault("silent@2s+1s", from_ns=10**9), Fault(kind=FaultKind.SHORT, start_ns=10 * 10**9)])
    heard = [faulty.hear(b"0123456789", second * 10**9) for second in (2, 3, 4, 10)]
    assert heard == [b"0123456789", b"", b"0123456789", b"01234"]
    garbled = Faulty(Echo(), [parse_fault("garbage@0", from_ns=0)]).hear(b"0123456789", 1)
    assert len(garbled) == 10
    assert garbled != b"0123456789"


@pytest.mark.slow
def test_a_self_test_finds_the_true_rate_and_the_zero_of_an_instrument(run_edgekit: Run, tmp_path: Path) -> None:
    def test_at(load: str, *args: str) -> Completed:
        with serving("um25c", "--load", load) as served:
            return run_edgekit("meters", "selftest", served["meter"], *args, "--json", env={"EDGEKIT_DATA": str(tmp_path / "data")})

    noisy = "idle 2 W; burst 6 W 700 ms every 1.9 s"
    power = test_at(noisy, "--load", "none", "--seconds", "24").json()["data"]["calibration"]["channels"][0]
    assert power["update_period_s"]["value"] is not None, power["update_period_s"]["reason"]
    assert power["update_period_s"]["value"] == pytest.approx(0.5, rel=0.15), "it was asked five times as often as it has anything new"
    refused = test_at(noisy, "--zero", "--seconds", "8")
    assert (refused.returncode, refused.json()["data"]["code"]) == (4, "selftest.not_zero")
    both = test_at("idle 10 mW", "--zero", "--seconds", "8").json()["data"]["calibration"]["channels"][0]
    assert both["zero_w"]["value"] == pytest.approx(0.01)
    assert both["update_period_s"] == power["update_period_s"], "what was known before is kept"
