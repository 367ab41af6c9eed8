"""`edgekit meters read`: what was read is printed, also when it was stopped or ended badly; the chart is right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edgekit.cli.plot import chart, columns, round_top
from edgekit.core.errors import HardwareError
from edgekit.flows.emulate import EmulationRequest, emulated
from edgekit.flows.read import read
from edgekit.meters.fnirsi import FnirsiMeter
from edgekit.meters.um25c import Um25cMeter
from tests.conftest import Completed, clean_environment

Run = Callable[..., Completed]


@pytest.mark.slow
def test_what_was_read_is_one_document(run_edgekit: Run) -> None:
    with emulated(EmulationRequest(kind="um25c", load="idle 5 W")) as emulation:
        document = run_edgekit("meters", "read", emulation.meter, "--seconds", "2", "--json").json()
    data = document["data"]
    assert (data["energy_j"]["boundary"], data["origins"]) == ("usb_input", ["emulated"])
    assert data["power_w"]["value"] == pytest.approx(5.0)
    assert data["energy_j"]["value"] == pytest.approx(5.0 * data["seconds"])
    assert data["charge_mah"] == pytest.approx(data["seconds"] / 3.6, rel=0.01)


@pytest.mark.slow
def test_ctrl_c_prints_what_was_read() -> None:
    with emulated(EmulationRequest(kind="um25c", load="idle 5 W")) as emulation:
        command = [sys.executable, "-m", "edgekit", "--style", "plain", "meters", "read", emulation.meter]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment()) as process:
            assert process.stderr is not None
            assert process.stdout is not None
            while " W " not in process.stderr.readline():
                pass
            os.kill(process.pid, signal.SIGINT)
            said = process.stdout.read()
            assert process.wait(20) == 0, "that is how a look without an end is ended"
    assert "mean power" in said
    assert "at usb_input (emulated)" in said


@pytest.mark.slow
def test_a_meter_that_falls_silent_ends_the_look_with_what_came() -> None:
    with emulated(EmulationRequest(kind="um25c", load="idle 5 W", faults=("silent@2s",))) as emulation:
        found = read(Um25cMeter(emulation.address), seconds=60, show=lambda totals, points: None)
    assert found.failure is not None
    assert found.failure.code == "meter.silent"
    assert found.totals.power_w.value == pytest.approx(5.0)


@pytest.mark.slow
def test_a_failure_under_json_carries_what_came(run_edgekit: Run) -> None:
    with emulated(EmulationRequest(kind="um25c", load="idle 5 W", faults=("silent@12s",))) as emulation:
        done = run_edgekit("meters", "read", emulation.meter, "--seconds", "60", "--json")
    assert (done.returncode, done.json()["data"]["code"]) == (4, "meter.silent")
    assert done.json()["data"]["details"]["read"]["power_w"]["value"] == pytest.approx(5.0)


@pytest.mark.parametrize(("words", "code", "status"), [("rapl", "meter.not_on_host", 2), ("um25c:/dev/none", "port.absent", 4)])
def test_what_cannot_be_read_says_why(run_edgekit: Run, words: str, code: str, status: int) -> None:
    done = run_edgekit("meters", "read", words, "--seconds", "1", "--json")
    assert (done.returncode, done.json()["data"]["code"]) == (status, code)


@pytest.mark.parametrize(("kind", "driver"), [("um25c", Um25cMeter), ("fnb58", FnirsiMeter)])
def test_a_port_that_another_program_holds_is_busy(kind: str, driver: type[Um25cMeter] | type[FnirsiMeter]) -> None:
    with emulated(EmulationRequest(kind=kind)) as emulation:
        first = driver(emulation.address)
        first.open()
        with pytest.raises(HardwareError) as refused:
            read(driver(emulation.address), seconds=1, show=lambda totals, points: None)
        first.stop()
    assert refused.value.code == "port.busy"


@pytest.mark.parametrize("kind", ["um25c", "fnb58"])
def test_a_port_of_another_user_is_refused(kind: str, as_ordinary_user: Callable[..., Completed], tmp_path: Path) -> None:
    place = tmp_path / "ttyACM0"
    place.write_bytes(b"")
    place.chmod(0)
    done = as_ordinary_user(
        [sys.executable, "-m", "edgekit", "--json", "meters", "read", f"{kind}:{place}", "--seconds", "1"], cwd=tmp_path
    )
    assert (done.returncode, json.loads(done.stdout)["data"]["code"]) == (4, "port.permission")
    assert "edgekit meters udev | sudo sh" in [step["command"] for step in json.loads(done.stdout)["data"]["do"]]


def test_columns_are_means_and_what_nobody_saw_is_blank() -> None:
    assert columns([(0.0, 1.0), (9.0, 2.0), (9.5, 4.0), (10.0, 6.0)], width=4, span_s=4.0) == [None, None, 2.0, 5.0]
    assert columns([], width=2, span_s=1.0) == [None, None]


@pytest.mark.parametrize(
    ("values", "wanted"), [([None, 0.0, 4.0, 8.0], ["   █", " ▁██"]), ([1.0, 5.0], [" ▂", "▂█"]), ([100.0], ["█", "█"])]
)
def test_a_chart_is_as_high_as_its_values(values: Sequence[float | None], wanted: list[str]) -> None:
    assert chart(values, height=2, top=8.0) == wanted


@pytest.mark.parametrize(("most", "top"), [(0.0, 1.0), (0.9, 1.0), (1.1, 2.0), (4.99, 5.0), (5.0, 5.0), (6.0, 10.0), (0.0123, 0.02)])
def test_the_top_of_the_chart_is_a_round_number(most: float, top: float) -> None:
    assert round_top(most) == pytest.approx(top)
