"""Which meter is taken when none is named: the one that measures before the one that estimates, and what it does not see is said."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.core.errors import HardwareError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.metering import choose
from tests.fakes import FakeDevice

ROW = {"raw_unit": "mW", "measurand": "power", "quantum": 1}
PROBES: dict[str, dict[str, Any]] = {
    "rapl": {"channels": [{"id": "rapl.package-0", "domain": "package", "raw_unit": "uJ", "measurand": "energy_counter"}]},
    "nvml": {"channels": [{**ROW, "id": "nvml.gpu0.power", "domain": "gpu"}]},
    "jetson": {"channels": [{**ROW, "id": "jetson.VDD_IN", "domain": "module"}], "detail": "VDD_IN: input of the Jetson module"},
    "pmic": {"channels": [{**ROW, "id": "pmic.VDD_CORE", "domain": "soc_rail"}], "detail": "rails, not input power"},
    "hwmon": {"channels": [{**ROW, "id": "hwmon.ina226", "domain": "soc_rail"}]},
    "cputime": {"channels": [{"id": "cputime.process", "domain": "process"}]},
}


def chosen(*usable: str, arch: str, kind: str = "local", names: tuple[str, ...] = (), options: dict[str, str] | None = None) -> Any:
    probes = {name: {"usable": True, "do": [], **PROBES[name]} for name in usable}
    spec = DeviceSpec(name="box", kind=kind, options=options or {})
    device = FakeDevice(spec, probes=probes, facts=DeviceFacts(arch=arch))
    with device.connect() as session:
        return choose(names, device=device, session=session)


@pytest.mark.parametrize(
    ("usable", "arch", "kind", "taken"),
    [
        (("rapl", "cputime"), "x86_64", "local", "rapl"),
        (("cputime", "hwmon"), "x86_64", "local", "cputime"),  # where a bare sensor sits nobody knows: it is taken only when named
        (("jetson", "cputime"), "aarch64", "local", "jetson"),
        (("pmic", "cputime"), "aarch64", "local", "pmic"),
        (("cputime",), "armv7l", "local", "cputime"),
        (("jetson", "pmic", "cputime"), "aarch64", "pi", "pmic"),
        (("jetson", "pmic", "cputime"), "aarch64", "jetson", "jetson"),
        (("nvml", "rapl"), "x86_64", "cuda", "nvml rapl"),  # what the host's processors take while they feed the GPU
        (("nvml",), "x86_64", "cuda", "nvml"),
        (("jetson",), "aarch64", "cuda", "jetson"),
    ],
)
def test_the_best_meter_depends_on_the_kind_of_machine(usable: tuple[str, ...], arch: str, kind: str, taken: str) -> None:
    assert chosen(*usable, arch=arch, kind=kind).counters == tuple(taken.split())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pmic", "soc_rail (measured); rails, not input power; a USB meter sees the board's whole input"),
        ("jetson", "module (measured); VDD_IN: input of the Jetson module; a meter at the supply sees the carrier board too"),
    ],
)
def test_what_sees_only_a_part_is_never_taken_in_silence(name: str, said: str) -> None:
    note = chosen(name, arch="aarch64").note
    assert said in note.text


def test_a_cpu_estimate_says_which_better_meters_are_not_usable() -> None:
    text = chosen("cputime", arch="aarch64").note.text
    assert "jetson: no such counter; pmic: no such counter" in text
    assert "rapl" not in text, "an Arm processor has none"


def test_without_any_meter_every_reason_is_given() -> None:
    with pytest.raises(HardwareError) as caught:
        chosen(arch="x86_64")
    assert caught.value.why == "rapl: no such counter; cputime: no such counter"


def test_an_option_that_replaces_no_folder_makes_no_rehearsal() -> None:
    (channel,) = chosen("nvml", arch="x86_64", kind="cuda", options={"gpus": "all"}).specs[0].channels
    assert channel.origin == "measured"
    (channel,) = chosen("rapl", arch="x86_64", options={"powercap_root": "/elsewhere"}).specs[0].channels
    assert channel.origin == "emulated"
