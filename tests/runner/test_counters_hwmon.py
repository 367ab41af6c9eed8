"""hwmon and IIO: which files make a power, what the chips are not, and where nobody knows what a rail feeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekit.runner.counters import hwmon
from tests.runner import trees


def probe(sysfs: Path, **options: str) -> dict[str, Any]:
    return hwmon.probe({"sys": str(sysfs), **options})


def readings(sysfs: Path, **options: str) -> dict[str, float]:
    """Return what every channel reads now, in joules or watts, by its label."""
    roots = {"sys": str(sysfs), **options}
    found = hwmon.probe(roots)
    assert found["usable"], found["why"]
    factor = {"uW": 1e-6, "uJ": 1e-6, "count": None}
    sensors = hwmon.start(roots, [], found)
    values = [read() * (factor[row["raw_unit"]] or row["scale"]) for row, (_, read) in zip(found["channels"], sensors.readers, strict=True)]
    sensors.close()
    return dict(zip([row["label"] for row in found["channels"]], values, strict=True))


def test_a_chip_that_states_power_is_not_multiplied_as_well(tmp_path: Path) -> None:
    files = {"in0_input": 12, "in1_input": 5000, "curr1_input": 400, "power1_input": 2_000_000, "update_interval": 100}
    trees.hwmon(tmp_path, 0, "ina226", files)
    assert readings(tmp_path) == {"ina226 power1": pytest.approx(2.0)}
    (row,) = probe(tmp_path)["channels"]
    assert (row["id"], row["identity"], row["update_period_s"]) == ("hwmon.ina226-1-0040.power1", "ina226 1-0040", 0.1)


def test_voltage_times_current_where_no_power_is_stated_and_shunts_are_no_rails(tmp_path: Path) -> None:
    files = {f"in{n}_input": 5000 for n in range(1, 8)} | {f"curr{n}_input": 100 * n for n in range(1, 5)}
    trees.hwmon(tmp_path, 0, "ina3221", {**files, "in1_label": "board", "in7_label": "sum of shunt voltages"})
    assert readings(tmp_path) == {
        "ina3221 board": pytest.approx(0.5),
        "ina3221 curr2": pytest.approx(1.0),
        "ina3221 curr3": pytest.approx(1.5),
    }


def test_a_current_finds_its_voltage_by_label(tmp_path: Path) -> None:
    files = {"in0_input": 9000, "in0_label": "VBUS", "in1_input": 3300, "in1_label": "VCC1", "curr5_input": 2000, "curr5_label": "IBUS"}
    trees.hwmon(tmp_path, 0, "powerz", files)
    assert readings(tmp_path) == {"powerz VBUS": pytest.approx(18.0)}
    assert probe(tmp_path)["channels"][0]["domain"] == "usb_input"


def test_an_energy_counter_comes_before_power_and_its_wrap_is_unknown(tmp_path: Path) -> None:
    trees.hwmon(tmp_path, 0, "xe", {"energy1_input": 7_500_000, "energy1_label": "card", "power1_input": 1})
    (row,) = probe(tmp_path)["channels"]
    assert (row["measurand"], row["wrap"], row["domain"]) == ("energy_counter", None, "gpu_board")
    assert readings(tmp_path) == {"xe card": pytest.approx(7.5)}
    assert hwmon.start({"sys": str(tmp_path)}, []).ticking == {"hwmon.xe-1-0040.energy1"}


def test_an_average_says_over_how_long_and_only_stands_in(tmp_path: Path) -> None:
    trees.hwmon(tmp_path, 0, "amdgpu", {"power1_average": 30_000_000, "power1_average_interval": 1000})
    assert probe(tmp_path)["channels"][0]["averaging_s"] == 1.0
    (tmp_path / "class/hwmon/hwmon0/power1_input").write_text("31000000\n")
    assert readings(tmp_path) == {"amdgpu power1": pytest.approx(31.0)}


def test_power_that_was_only_negotiated_is_left_out(tmp_path: Path) -> None:
    trees.hwmon(tmp_path, 0, "ucsi_source_psy_USBC000:001", {"in0_input": 5000, "curr1_input": 3000})
    found = probe(tmp_path)
    assert not found["usable"]
    assert "negotiated over USB-PD" in found["why"]


@pytest.mark.parametrize(("status", "usable"), [("Discharging", True), ("Charging", False)])
def test_a_battery_counts_only_while_it_feeds_the_machine(tmp_path: Path, status: str, usable: bool) -> None:
    trees.hwmon(tmp_path, 0, "BAT0", {"power1_input": 9_000_000}, address="BAT0")
    trees.write(tmp_path, {"devices/platform/i2c-1/BAT0/status": status})
    found = probe(tmp_path)
    assert found["usable"] is usable
    if usable:
        assert found["channels"][0]["domain"] == "battery"


def test_the_rails_of_a_jetson_are_left_to_their_own_meter(tmp_path: Path) -> None:
    trees.ina3221(tmp_path, 0, {"VDD_IN": (5000, 1000)})
    assert "meter jetson reads them" in probe(tmp_path)["why"]


def test_a_bare_sensor_is_a_rail_until_someone_says_what_it_feeds(tmp_path: Path) -> None:
    trees.hwmon(tmp_path, 0, "ina219", {"power1_input": 1})
    found = probe(tmp_path)
    assert found["channels"][0]["domain"] == "soc_rail"
    assert "nobody said what ina219 power1 feeds" in found["notes"][0]
    stated = probe(tmp_path, hwmon_boundary="usb_input")
    assert (stated["channels"][0]["domain"], stated["notes"]) == ("usb_input", [])


def test_two_chips_of_one_kind_keep_their_own_channels(tmp_path: Path) -> None:
    for number, address in enumerate(("1-0040", "1-0041")):
        trees.hwmon(tmp_path, number, "ina226", {"power1_input": 1}, address=address)
    assert [row["id"] for row in probe(tmp_path)["channels"]] == ["hwmon.ina226-1-0040.power1", "hwmon.ina226-1-0041.power1"]


def test_a_sensor_that_cannot_be_read_is_left_out_with_a_note(tmp_path: Path) -> None:
    trees.hwmon(tmp_path, 0, "ina226", {"power1_input": ""})
    trees.hwmon(tmp_path, 1, "ina226", {"power1_input": 5}, address="1-0041")
    found = probe(tmp_path)
    assert len(found["channels"]) == 1
    assert "ina226 power1 cannot be read and is left out" in found["notes"][0]


def test_iio_power_is_count_times_scale_in_milliwatts(tmp_path: Path) -> None:
    files = {"name": "ina226", "in_power2_raw": 400, "in_power2_scale": 0.5, "in_voltage1_raw": 4000, "in_current3_raw": 9}
    trees.write(tmp_path / "bus/iio/devices/iio:device0", files)
    assert readings(tmp_path) == {"ina226 power2": pytest.approx(0.2)}


def test_iio_voltage_times_current_of_one_number(tmp_path: Path) -> None:
    files = {
        "name": "adc",
        "in_voltage0_raw": 1000,
        "in_voltage_scale": 5,
        "in_current0_raw": 200,
        "in_current0_scale": 2,
        "in_voltage1_raw": 1,
    }
    trees.write(tmp_path / "bus/iio/devices/iio:device0", files)
    assert readings(tmp_path) == {"adc voltage0": pytest.approx(5.0 * 0.4)}


@pytest.mark.parametrize(
    ("files", "why"),
    [({"in_power0_raw": 1}, "has no scale"), ({"in_power0_raw": 1, "in_power0_scale": 1, "in_power0_offset": 3}, "offset")],
)
def test_iio_channels_that_are_not_understood_are_left_out(tmp_path: Path, files: dict[str, Any], why: str) -> None:
    trees.write(tmp_path / "bus/iio/devices/iio:device0", {"name": "adc", **files})
    assert why in probe(tmp_path)["why"]


def test_a_machine_without_sensors_says_where_was_looked(tmp_path: Path) -> None:
    found = probe(tmp_path)
    assert not found["usable"]
    assert f"{tmp_path}/class/hwmon" in found["why"]


@pytest.mark.parametrize("interval", ["0", "-5", "nan", "inf", "1e9", "often"])
def test_an_update_interval_that_no_sensor_has_is_not_known(tmp_path: Path, interval: str) -> None:
    trees.hwmon(tmp_path, 0, "ina226", {"power1_input": 5, "update_interval": interval})
    assert probe(tmp_path)["channels"][0]["update_period_s"] is None


@pytest.mark.parametrize("reading", ["nan", "inf", "1e3"])
def test_a_sensor_that_states_no_integer_is_left_out(tmp_path: Path, reading: str) -> None:
    trees.hwmon(tmp_path, 0, "ina226", {"power1_input": reading})
    assert "ina226 power1 cannot be read and is left out" in probe(tmp_path)["why"]
