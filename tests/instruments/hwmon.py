"""Lay out sensors as Linux's hwmon and IIO do, INA3221 of a Jetson included.

    [{"kind": "ina3221", "address": "1-0040", "rails": [{"label": "VDD_IN", "rail": "module", "volts": 5.0}, ...]},
     {"kind": "ina226", "address": "1-0041", "rails": [{"rail": "board", "volts": 5.1}]},
     {"kind": "ina3221x", "address": "0-0041", "rails": [...]}]             (an old Jetson kernel: IIO, with rail_name_N)

Every sensor averages over its update period ("period_s", 0.1 s) and rounds to its step: mA, mV, µW, and the chip's own LSB where it is
coarser (INA3221: 8 mV and 8 mA with a shunt of 5 mOhm).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgekit.sim.emulators.sensor import PowerSensor
from edgekit.sim.emulators.ticks import Ticks
from edgekit.sim.rail import Rails
from tests.instruments.files import File, Link, Tree, fixed

Watts = Callable[[int], float]


def tree(chips: Sequence[Mapping[str, Any]], rails: Rails, seed: int) -> Tree:
    """Return the files of all chips; paths are relative to /sys."""
    nodes: dict[str, File | Link] = {}
    for index, chip in enumerate(chips):
        sensors = [(row, _sensor(chip, row["rail"], rails, seed + index)) for row in chip["rails"]]
        nodes.update(_KINDS[chip["kind"]](index, chip, sensors))
    return nodes


def _sensor(chip: Mapping[str, Any], rail: str, rails: Rails, seed: int) -> Watts:
    period_ns = round(chip.get("period_s", 0.1) * 1e9)
    ticks = Ticks(period_ns=period_ns, jitter_ns=int(period_ns * chip.get("jitter", 0.02)), seed=seed)
    sensor = PowerSensor(lambda t_ns: rails.total_j(rail, rails.epoch_ns + t_ns), ticks)
    return lambda t_ns: sensor.power_w(t_ns - rails.epoch_ns)


def _number(value: Callable[[int], float], step: int = 1) -> File:
    return File(lambda t_ns: b"%d\n" % (step * round(value(t_ns) / step)))


def _device(index: int, chip: Mapping[str, Any], driver: str) -> tuple[dict[str, File | Link], str]:
    address = chip.get("address", f"1-{0x40 + index:04x}")
    bus = f"devices/platform/i2c-{address.split('-')[0]}/{address}"
    folder = f"{bus}/hwmon/hwmon{index}"
    return {
        f"bus/i2c/drivers/{driver}/{address}": Link(f"../../../../{bus}"),
        f"class/hwmon/hwmon{index}": Link(f"../../{folder}"),
        f"{folder}/device": Link(f"../../../{address}"),
        f"{folder}/subsystem": Link("../../../../../../class/hwmon"),
        f"{folder}/update_interval": fixed(round(1e3 * chip.get("period_s", 0.1))),
        f"{folder}/edgekit_emulated": fixed("served by tests/instruments of edgekit: no hardware is behind it"),
    }, folder


def _ina3221(index: int, chip: Mapping[str, Any], sensors: Sequence[tuple[Mapping[str, Any], Watts]]) -> Tree:
    nodes, folder = _device(index, chip, "ina3221")
    nodes[f"{folder}/name"] = fixed("ina3221")
    for place, (row, watts) in enumerate(sensors, 1):
        volts = row.get("volts", 5.0)
        nodes[f"{folder}/in{place}_label"] = fixed(row["label"])
        nodes[f"{folder}/in{place}_input"] = _number(lambda t_ns, v=volts: 1e3 * v, 8)
        nodes[f"{folder}/curr{place}_input"] = _number(lambda t_ns, w=watts, v=volts: 1e3 * w(t_ns) / v, 8)
        nodes[f"{folder}/shunt{place}_resistor"] = fixed(5000)
    nodes[f"{folder}/in7_label"] = fixed("sum of shunt voltages")
    nodes[f"{folder}/in7_input"] = _number(lambda t_ns: 5e-3 * sum(1e3 * w(t_ns) / row.get("volts", 5.0) for row, w in sensors))
    return nodes


def _ina226(index: int, chip: Mapping[str, Any], sensors: Sequence[tuple[Mapping[str, Any], Watts]]) -> Tree:
    nodes, folder = _device(index, chip, "ina2xx")
    row, watts = sensors[0]
    volts = row.get("volts", 5.0)
    nodes[f"{folder}/name"] = fixed("ina226")
    nodes[f"{folder}/in0_input"] = _number(lambda t_ns: 10.0 * watts(t_ns) / volts)
    nodes[f"{folder}/in1_input"] = _number(lambda t_ns: 1e3 * volts)
    nodes[f"{folder}/curr1_input"] = _number(lambda t_ns: 1e3 * watts(t_ns) / volts)
    nodes[f"{folder}/power1_input"] = _number(lambda t_ns: 1e6 * watts(t_ns), 25_000)
    nodes[f"{folder}/shunt_resistor"] = fixed(10_000)
    return nodes


def _ina3221x(index: int, chip: Mapping[str, Any], sensors: Sequence[tuple[Mapping[str, Any], Watts]]) -> Tree:
    address = chip.get("address", "0-0041")
    folder = f"devices/platform/i2c-{address.split('-')[0]}/{address}/iio:device{index}"
    nodes: dict[str, File | Link] = {
        f"bus/i2c/drivers/ina3221x/{address}": Link(f"../../../../devices/platform/i2c-{address.split('-')[0]}/{address}"),
        f"bus/iio/devices/iio:device{index}": Link(f"../../../{folder}"),
        f"{folder}/name": fixed("ina3221x"),
        f"{folder}/edgekit_emulated": fixed("served by tests/instruments of edgekit: no hardware is behind it"),
    }
    for place, (row, watts) in enumerate(sensors):
        volts = row.get("volts", 5.0)
        nodes[f"{folder}/rail_name_{place}"] = fixed(row["label"])
        nodes[f"{folder}/in_voltage{place}_input"] = _number(lambda t_ns, v=volts: 1e3 * v, 8)
        nodes[f"{folder}/in_current{place}_input"] = _number(lambda t_ns, w=watts, v=volts: 1e3 * w(t_ns) / v, 8)
        nodes[f"{folder}/in_power{place}_input"] = _number(lambda t_ns, w=watts: 1e3 * w(t_ns), 8)
    return nodes


_KINDS = {"ina3221": _ina3221, "ina226": _ina226, "ina3221x": _ina3221x}
