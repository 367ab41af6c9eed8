"""`edgekit doctor --device`: what is not right on a device is named, with a command that can be pasted here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import HardwareError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Note
from edgekit.flows.doctor.checkup import Checkup, Status
from edgekit.flows.doctor.device import checkups, examine
from tests.conftest import Completed
from tests.fakes import FakeDevice, QuietProgress
from tests.runner import trees

PI = DeviceSpec(name="pi", kind="pi", address="ssh://pi@raspberrypi.local")
CALM = DeviceFacts(
    model="Raspberry Pi 5",
    python="3.11.2",
    cores=4,
    governor="performance",
    temperature_c=48.0,
    throttled=False,
    throttle_reasons=(),
    throttle_since_boot=(),
    under_voltage=False,
    load_1m=0.1,
    steal_s=5.0,
    read_ns=0,
    swap_used_bytes=0,
    clock_synchronised=True,
    clock_source="arch_sys_counter",
    engines={"ai-edge-litert": "2.3.0"},
)


def checks(**change: Any) -> dict[str, Checkup]:
    from dataclasses import replace

    facts = replace(CALM, **{"read_ns": 10**9, **change})
    return {check.name: check for check in checkups(PI, facts, first=CALM)}


def test_a_calm_machine_has_nothing_to_fix() -> None:
    assert {name: check for name, check in checks().items() if check.status is not Status.OK} == {}


@pytest.mark.parametrize(
    ("change", "name", "status", "words", "command"),
    [
        ({"engines": {}}, "engine", Status.FAIL, "none is installed", "edgekit devices setup pi"),
        ({"governor": "ondemand"}, "governor", Status.WARN, "may change", "edgekit bench ARTIFACT --device pi --prepare"),
        ({"governor": "ondemand,performance"}, "governor", Status.WARN, "may change", "ssh -t -l pi raspberrypi.local"),
        (
            {"throttled": True, "throttle_reasons": ("soft_temperature_limit",)},
            "throttling",
            Status.WARN,
            "now: soft temperature limit",
            "",
        ),
        ({"throttle_since_boot": ("throttled",)}, "throttling", Status.WARN, "since the machine started", ""),
        ({"under_voltage": True}, "supply voltage", Status.WARN, "too low now", ""),
        ({"throttle_since_boot": ("under_voltage",)}, "supply voltage", Status.WARN, "since the machine started", ""),
        ({"temperature_c": 81.0}, "temperature", Status.WARN, "81 degC", "thermal_zone"),
        ({"load_1m": 0.9}, "load", Status.WARN, "other work", "ps -eo pcpu"),
        ({"steal_s": 5.1}, "steal", Status.WARN, "10 % of one core", ""),
        ({"swap_used_bytes": 4096}, "swap", Status.WARN, "4.10 kB in use", "swapoff"),
        ({"clock_synchronised": False}, "clock", Status.WARN, "no time server", "timedatectl"),
    ],
)
def test_what_is_not_right_there_is_named_with_what_to_do(
    change: dict[str, Any], name: str, status: Status, words: str, command: str
) -> None:
    found = checks(**change)
    assert found[name].status is status
    assert words in found[name].found
    assert found[name].do
    assert any(command in pasted for _, pasted in found[name].do)
    assert [other for other, check in found.items() if check.status is not Status.OK] == [name]


def test_a_command_for_the_machine_is_wrapped_in_ssh_and_quoted_once() -> None:
    import shlex

    (_, (_, by_hand)) = checks(governor="ondemand")["governor"].do
    words = shlex.split(by_hand)
    assert words[:2] == ["ssh", "-t"]
    assert words[-1].startswith("echo performance | sudo tee /sys/")


def test_what_a_machine_does_not_tell_is_not_held_against_it() -> None:
    found = checkups(PI, DeviceFacts(engines={"onnxruntime": "1"}, reasons={"throttled": "no flag"}))
    assert {check.status for check in found} == {Status.OK}
    assert all("not readable" in check.found for check in found[1:])


def reached(spec: DeviceSpec, device: FakeDevice) -> dict[str, Checkup]:
    return {check.name: check for check in examine(spec, counters=("pmic", "cputime"), progress=QuietProgress(), connect=lambda _: device)}


def test_a_device_that_cannot_be_reached_says_why_and_what_its_error_advises() -> None:
    old = HardwareError("the Python of pi is too old", code="device.python_too_old", why="3.7", do=[("install:", "ssh pi sudo apt ...")])
    (check,) = reached(PI, FakeDevice(PI, error=old)).values()
    assert (check.status, check.do, "too old" in check.found) == (Status.FAIL, old.do, True)


def test_a_machine_without_a_meter_is_told_how_to_name_one() -> None:
    spec = DeviceSpec(name="pi", kind="pi", address="ssh://pi@pi", meter="um25c")
    usable = {"usable": True, "channels": [{}]}
    assert reached(spec, FakeDevice(spec, facts=CALM))["meter"].found.startswith("um25c")
    assert reached(PI, FakeDevice(PI, facts=CALM, probes={"pmic": usable}))["meter"].status is Status.OK
    estimated = reached(PI, FakeDevice(PI, facts=CALM, probes={"cputime": usable}))["meter"]
    assert (estimated.status, "estimate" in estimated.found) == (Status.WARN, True)
    none = reached(PI, FakeDevice(PI, facts=CALM))["meter"]
    assert none.status is Status.FAIL
    assert none.do[1][1] == "edgekit devices add pi ssh://pi@raspberrypi.local --force --meter um25c"
    spec = DeviceSpec(name="rack", kind="cuda", address="ssh://me@rack", options={"ssh_config": "/a b", "gpu": "1"})
    again = reached(spec, FakeDevice(spec, facts=CALM))["meter"].do[1][1]
    assert again == "edgekit devices add rack ssh://me@rack --kind cuda -o 'ssh_config=/a b' -o gpu=1 --force --meter um25c"


def test_what_an_earlier_run_left_is_told() -> None:
    device = FakeDevice(PI, facts=CALM)
    device.notes = (Note(code="prepare.mended", text="governor ondemand"),)  # type: ignore[attr-defined]
    assert reached(PI, device)["earlier run"].status is Status.WARN


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the folders are those of Linux")
def test_the_command_looks_at_a_device_of_edgekit_toml(run_edgekit: Callable[..., Completed], tmp_path: Path) -> None:
    governor = "pi/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    trees.write(tmp_path, {governor: "ondemand", "pi/proc/loadavg": "0 0 0 1/2 3", "pi/bin/answer": "throttled=0x50005"})
    (tmp_path / "pi/bin/vcgencmd").write_text(f'#!/bin/sh\ncat "{tmp_path}/pi/bin/answer"\n')
    (tmp_path / "pi/bin/vcgencmd").chmod(0o755)
    roots = {"sys_root": "pi/sys", "proc_root": "pi/proc", "vcgencmd_root": "pi/bin", "powercap_root": "pi/none"}
    options = ", ".join(f"{name} = {json.dumps(str(tmp_path / path))}" for name, path in roots.items())
    (tmp_path / "edgekit.toml").write_text(f'[devices.pi]\naddress = "local:"\noptions = {{ {options} }}\n')
    done = run_edgekit("--json", "doctor", "--device", "pi")
    found = {check["name"]: check for check in done.json()["data"]["checks"]}
    assert {name for name, check in found.items() if check["status"] == "warn"} >= {"governor", "throttling", "supply voltage"}
    assert run_edgekit("doctor", "--device", "nobody").returncode == 2
