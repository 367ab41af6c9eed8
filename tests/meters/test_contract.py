"""What every meter must do, whatever it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.core.channel import Measurand
from edgekit.core.errors import HardwareError
from edgekit.core.quantity import Origin
from edgekit.meters.sim import SimMeter
from edgekit.registry import meter_class
from edgekit.runner import counters
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.plant import Plant

TARGET = ("rapl", "nvml", "cputime")
REFUSED = {"usable": False, "why": "no such counter", "do": [["load the driver:", "modprobe x"]], "channels": []}


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


def zone(root: Path, folder: str, name: str) -> None:
    (root / folder).mkdir(parents=True)
    (root / folder / "name").write_text(f"{name}\n")
    (root / folder / "energy_uj").write_text("123456\n")
    (root / folder / "max_energy_range_uj").write_text("262143328850\n")


@pytest.fixture
def two_sockets(tmp_path):
    for socket in (0, 1):
        zone(tmp_path, f"intel-rapl:{socket}", f"package-{socket}")
        zone(tmp_path, f"intel-rapl:{socket}:0", "core")
        zone(tmp_path, f"intel-rapl:{socket}:1", "dram")
    zone(tmp_path, "intel-rapl:2", "psys")
    zone(tmp_path, "intel-rapl-mmio:0", "package-0")
    return tmp_path


def test_rapl_zones_become_channels_at_their_own_boundary_and_twins_are_left_out(two_sockets):
    spec = meter_class("rapl")().spec(counters.probe("rapl", {"powercap": str(two_sockets)}))
    places = sorted((channel.boundary, channel.parent) for channel in spec.channels)
    assert [place for place, _ in places] == ["cpu_core", "cpu_core", "cpu_package", "cpu_package", "dram", "dram", "platform"]
    parents = {channel.boundary: channel.parent for channel in spec.channels if channel.id.startswith("rapl.package-0")}
    assert parents["cpu_core"] == "rapl.package-0", "cores are inside their package"
    assert parents["dram"] != "rapl.package-0", "memory is not"
    assert all(channel.measurand is Measurand.ENERGY_COUNTER and channel.wrap == 262143328850 + 61 for channel in spec.channels)


def test_a_replaced_root_is_never_called_measured(two_sockets):
    probe = {**counters.probe("rapl", {"powercap": str(two_sockets)}), "emulated": True}
    assert {channel.origin for channel in meter_class("rapl")().spec(probe).channels} == {Origin.EMULATED}


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
