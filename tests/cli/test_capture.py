"""`edgekit meters capture`: the bytes and what they mean, without the serial number, repeated to a driver they give the same readings."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.cli.commands import COMMANDS
from edgekit.config import MeterChoice
from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.trace import Reading
from edgekit.flows.capture import capture
from edgekit.flows.emulate import EmulationRequest, emulated
from edgekit.links.captured import CapturedPort, Passed, TappedPort, read_capture, without
from edgekit.meters.udev import rules
from edgekit.meters.um25c import Um25cMeter
from edgekit.registry import METERS, meter_class
from edgekit.sim.clock import ScriptedClock
from tests.conftest import Completed
from tests.fakes import QuietProgress

Run = Callable[..., Completed]


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("capture") / "um25c.jsonl"
    with emulated(EmulationRequest(kind="um25c")) as emulation:
        choice = MeterChoice(name="desk", kind="um25c", address=emulation.address, options={"serial": "00:11:22"})
        found = capture(choice, seconds=3, out=out, progress=QuietProgress())
    assert (found.failure, found.stopped) == (None, False)
    assert found.readings >= 6
    return out


def test_a_capture_names_no_instrument(captured: Path) -> None:
    text = captured.read_text()
    assert "00:11:22" not in text
    assert "/dev/" not in text
    header = json.loads(text.splitlines()[0])
    assert (header["schema"], header["kind"], header["options"]) == ("edgekit.capture/1", "um25c", {"emulated": "yes"})


def test_repeated_bytes_give_the_same_readings(captured: Path) -> None:
    rows = [json.loads(line) for line in captured.read_text().splitlines()]
    wanted = [(row["channel"], row["value"]) for row in rows if "channel" in row]
    clock = ScriptedClock()
    _, passed = read_capture(captured)
    readings: list[Reading] = []
    meter = Um25cMeter("capture", clock=clock, open_port=lambda address, baud: CapturedPort(passed, clock))
    meter.start(readings.extend)
    while len(readings) < len(wanted):  # it falls silent, and says so, where the capture ends
        clock.sleep(0.1)
    meter.stop()
    assert [(reading.channel, reading.value) for reading in readings] == wanted


def test_a_driver_that_asks_something_else_is_told() -> None:
    port = CapturedPort((Passed(t_ns=0, data=b"\xf0", sent=True),), ScriptedClock())
    with pytest.raises(HardwareError) as refused:
        port.write(b"\xf1")
    assert refused.value.code == "port.failed"


def test_answers_come_as_late_as_they_came_then() -> None:
    clock = ScriptedClock()
    port = CapturedPort((Passed(t_ns=5, data=b"?", sent=True), Passed(t_ns=10**9, data=b"yes", sent=False)), clock)
    assert port.read(9, 2.0) == b""
    began_ns = clock.now_ns()
    port.write(b"?")
    assert port.read(9, 0.5) == b""
    assert (port.read(2, 2.0), port.read(2, 2.0)) == (b"ye", b"s")
    assert clock.now_ns() - began_ns == pytest.approx(10**9, abs=10)


class Pieces:
    name = "pieces"

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def read(self, most: int, timeout_s: float) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_serial_number_across_two_pieces_is_replaced() -> None:
    rows: list[dict[str, object]] = []
    port = TappedPort(Pieces(b"SN=AB", b"12;V=5"), ScriptedClock(), rows.append, began_ns=0, redact=without("AB12"))
    assert (port.read(99, 0), port.read(99, 0)) == (b"SN=AB", b"12;V=5")
    port.close()
    assert b"".join(bytes.fromhex(str(row["from"])) for row in rows) == b"SN=0000;V=5"


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"schema": "edgekit.capture/1"}\n{"from": "zz", "t_ns": 1}'])
def test_what_is_no_capture_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(UsageError) as refused:
        read_capture(tmp_path / "x")
    assert refused.value.code == "capture.format"


def test_a_meter_without_bytes_is_refused(run_edgekit: Run) -> None:
    done = run_edgekit("meters", "capture", "rapl", "--out", "x.jsonl", "--json")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "capture.no_port")


def test_nothing_is_left_of_an_instrument_that_was_not_there(run_edgekit: Run, tmp_path: Path) -> None:
    done = run_edgekit("meters", "capture", "um25c:/dev/none", "--out", "x.jsonl", "--json")
    assert (done.returncode, done.json()["data"]["code"], (tmp_path / "x.jsonl").exists()) == (4, "port.absent", False)


def test_no_file_loses_its_place_to_a_capture(run_edgekit: Run, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"precious")
    done = run_edgekit("meters", "capture", "um25c:/dev/absent", "--out", "model.tflite", cwd=tmp_path)
    assert (done.returncode, "[capture.exists]" in done.stderr) == (2, True), done.stderr
    assert (tmp_path / "model.tflite").read_bytes() == b"precious"


@pytest.mark.slow
def test_a_full_disk_is_said(run_edgekit: Run, tiny_disk: Path) -> None:
    with emulated(EmulationRequest(kind="um25c")) as emulation:
        (tiny_disk / "filler").write_bytes(b"0" * 60_000)
        done = run_edgekit("meters", "capture", emulation.meter, "--seconds", "60", "--out", tiny_disk / "x.jsonl", "--json")
    assert (done.returncode, done.json()["data"]["code"]) == (6, "output.disk_full")


def test_the_script_installs_the_rules(run_edgekit: Run, tmp_path: Path) -> None:
    assert "meters" in COMMANDS
    script = run_edgekit("meters", "udev").stdout
    script = script.replace("/etc/udev/rules.d", str(tmp_path))
    fakes = tmp_path / "bin"
    fakes.mkdir()
    for name in ("getent", "groupadd", "usermod", "udevadm"):
        (fakes / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\n')
        (fakes / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh"], input=script, text=True, env={"PATH": f"{fakes}:/usr/bin:/bin", "SUDO_USER": "ada"}, capture_output=True, check=True
    )
    assert (tmp_path / "60-edgekit.rules").read_text() == rules()
    assert "usermod -aG plugdev ada" in (tmp_path / "calls").read_text()
    assert "installed" in done.stdout


def test_every_driver_that_is_looked_for_by_its_ids_has_a_rule() -> None:
    missing = [
        f"{kind} {vendor:04x}:{product or 0:04x}"
        for kind in METERS
        for vendor, product in (*getattr(meter_class(kind), "usb_ids", ()), *getattr(meter_class(kind), "hid_ids", ()))
        if not any(
            f'idVendor}}=="{vendor:04x}"' in line and ("idProduct" not in line or product is None or f'"{product:04x}"' in line)
            for line in rules().splitlines()
        )
    ]
    assert missing == []
