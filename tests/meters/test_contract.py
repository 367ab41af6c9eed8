"""What every meter must do, whatever it reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.boundary import contains
from edgekit.core.channel import Measurand, MeterSpec
from edgekit.core.errors import HardwareError, SetupError
from edgekit.core.quantity import Origin
from edgekit.meters.sim import SimMeter
from edgekit.registry import meter_class
from edgekit.runner import counters
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.plant import Plant
from tests.runner import trees

TARGET = ("rapl", "nvml", "jetson", "pmic", "hwmon", "cputime")
REFUSED = {"usable": False, "why": "no such counter", "do": [["load the driver:", "modprobe x"]], "channels": []}


def rapl_machine(folder: Path) -> dict[str, str]:
    zones = {"intel-rapl:2": ("psys", 7), "intel-rapl-mmio:0": ("package-0", 9)}
    for socket in (0, 1):
        zones |= {f"intel-rapl:{socket}": (f"package-{socket}", 9 + 10**8 * socket)}
        zones |= {f"intel-rapl:{socket}:{n}": (name, 5) for n, name in enumerate(("core", "uncore", "dram"))}
    return {"powercap": str(trees.powercap(folder / "powercap", zones))}


def jetson(folder: Path) -> dict[str, str]:
    trees.ina3221(folder, 0, {"VDD_IN": (5000, 1200), "VDD_CPU_GPU_CV": (5000, 400), "VDD_SOC": (5000, 300)})
    trees.write(folder, {"firmware/devicetree/base/model": "NVIDIA Jetson Orin Nano", "firmware/devicetree/base/serial-number": "1422"})
    return {"sys": str(folder)}


def pi5(folder: Path) -> dict[str, str]:
    rows = "VDD_CORE_A current(7)=2.5A\\nVDD_CORE_V volt(15)=0.8V\\nEXT5V_V volt(24)=5.1V\\n"
    (folder / "vcgencmd").write_text(f"#!/bin/sh\nprintf '{rows}'\n")
    (folder / "vcgencmd").chmod(0o755)
    trees.write(folder / "sys", {"firmware/devicetree/base/serial-number": "10000000abcdef"})
    return {"vcgencmd": str(folder), "sys": str(folder / "sys")}


def sensors(folder: Path) -> dict[str, str]:
    trees.hwmon(folder, 0, "ina226", {"power1_input": 2_000_000, "update_interval": 100})
    trees.hwmon(folder, 1, "amdgpu", {"power1_average": 9, "power1_average_interval": 1000}, address="0000:03:00.0")
    trees.hwmon(folder, 2, "xe", {"energy1_input": 9}, address="0000:04:00.0")
    return {"sys": str(folder)}


MACHINES: dict[str, Callable[[Path], dict[str, str]]] = {"rapl": rapl_machine, "jetson": jetson, "pmic": pi5, "hwmon": sensors}


@pytest.mark.parametrize("name", TARGET)
def test_a_counter_that_is_refused_says_why_and_what_to_do(name):
    with pytest.raises(HardwareError) as caught:
        meter_class(name)().spec(REFUSED)
    assert caught.value.exit_code == 4
    assert caught.value.why == "no such counter"
    assert ("load the driver:", "modprobe x") in caught.value.do


@pytest.mark.parametrize("name", TARGET)
def test_the_runner_knows_every_counter_that_a_meter_asks_for(name):
    assert meter_class(name).counter in counters.NAMES


@pytest.fixture(params=sorted(MACHINES))
def machine(request, tmp_path) -> tuple[dict[str, str], dict[str, Any], MeterSpec]:
    """Return roots, probe and spec of one kind of machine."""
    roots = MACHINES[request.param](tmp_path)
    probe = counters.probe(request.param, roots)
    assert probe["usable"], probe["why"]
    return roots, probe, meter_class(request.param)().spec(probe)


def test_channels_are_those_that_are_read_and_lie_where_their_parents_contain_them(machine):
    roots, _, spec = machine
    places = {channel.id: channel.boundary for channel in spec.channels}
    opened = counters.start(spec.kind, roots, [])
    assert [identity for identity, _ in opened.readers] == list(places), "one reader for each channel, in the same order"
    assert all(isinstance(read(), int | float) for _, read in opened.readers)
    opened.close()
    opened.close()
    for channel in spec.channels:
        assert channel.id.startswith(f"{spec.kind}.")
        assert channel.label
        assert channel.parent is None or contains(places[channel.parent], channel.boundary)


def test_units_and_limits_are_stated(machine):
    _, _, spec = machine
    for channel in spec.channels:
        assert (channel.unit == "J") == (channel.measurand is Measurand.ENERGY_COUNTER)
        assert 0 < channel.scale <= 1
    assert 0 < spec.max_power_w <= 2000
    assert spec.accuracy.source
    assert not spec.accuracy.verified, "nobody has compared these with a reference"


def test_only_what_averages_or_counts_is_called_integrating(machine):
    _, _, spec = machine
    points = [channel for channel in spec.channels if channel.unit == "W" and channel.averaging_s is None]
    assert spec.integrating == (not points)


def test_a_replaced_root_is_never_called_measured(machine):
    _, _, spec = machine
    assert {channel.origin for channel in spec.channels} == {Origin.EMULATED}


def test_boards_and_chips_have_an_identity_of_their_own(tmp_path):
    found = {}
    for name in ("jetson", "pmic", "hwmon"):
        (tmp_path / name).mkdir()
        found[name] = meter_class(name)().spec({**counters.probe(name, MACHINES[name](tmp_path / name)), "kernel": "6.6.1"})
    assert found["jetson"].identity == "NVIDIA Jetson Orin Nano, 1422"
    assert found["pmic"].identity == "10000000abcdef"
    assert found["hwmon"].identity == "ina226 1-0040 + amdgpu 0000:03:00.0 + xe 0000:04:00.0"
    assert {spec.driver for spec in found.values()} == {"Linux 6.6.1"}


def test_a_gpu_is_known_by_its_uuid_and_driver():
    row = {"id": "nvml.gpu0.energy", "raw_unit": "mJ", "measurand": "energy_counter", "domain": "gpu", "gpu": "H100"}
    two = [{**row, "identity": "GPU-1", "driver": "580.1"}, {**row, "id": "nvml.gpu1.energy", "identity": "GPU-2", "driver": "580.1"}]
    spec = meter_class("nvml")().spec({"usable": True, "channels": two})
    assert (spec.identity, spec.driver, spec.channels[0].update_period_s) == ("GPU-1 + GPU-2", "580.1", None)


def test_a_place_that_does_not_exist_is_a_mistake_in_the_configuration(tmp_path):
    probe = counters.probe("hwmon", {**sensors(tmp_path), "hwmon_boundary": "usb"})
    with pytest.raises(SetupError, match="hwmon_boundary") as caught:
        meter_class("hwmon")().spec(probe)
    assert "usb_input" in caught.value.why


def test_rapl_zones_become_channels_at_their_own_boundary_and_twins_are_left_out(tmp_path):
    spec = meter_class("rapl")().spec(counters.probe("rapl", rapl_machine(tmp_path)))
    places = sorted(channel.boundary for channel in spec.channels)
    assert places == [place for place in ("cpu_core", "cpu_package", "cpu_uncore", "dram") for _ in (0, 1)] + ["platform"]
    parents = {channel.boundary: channel.parent for channel in spec.channels if channel.id.startswith("rapl.package-0")}
    assert parents["cpu_core"] == parents["cpu_uncore"] == "rapl.package-0", "cores and caches are inside their package"
    assert parents["dram"] != "rapl.package-0", "memory is not"
    assert all(channel.measurand is Measurand.ENERGY_COUNTER and channel.wrap == 262143328850 + 61 for channel in spec.channels)


def test_perf_counts_in_units_of_2_to_the_minus_32_joules():
    row = {"id": "rapl.package-0", "domain": "package", "raw_unit": "2^-32 J", "scale": 2.0**-32, "measurand": "energy_counter"}
    (channel,) = meter_class("rapl")().spec({"usable": True, "channels": [row]}).channels
    assert (channel.scale, channel.wrap) == (2.0**-32, None)


def test_a_host_meter_may_not_start_twice_and_stops_as_often_as_one_likes():
    clock = ScriptedClock()
    meter, readings = SimMeter(plant=Plant(2.0, clock.now_ns()), clock=clock), []
    meter.stop()
    meter.start(readings.extend)
    with pytest.raises(HardwareError, match="already started"):
        meter.start(readings.extend)
    clock.sleep(1.0)
    meter.stop()
    meter.stop()
    clock.sleep(1.0)
    assert readings[-1].value == pytest.approx(2.0), "2 W for one second, and nothing after the stop"
    assert [reading.t_ns for reading in readings] == sorted(reading.t_ns for reading in readings)
