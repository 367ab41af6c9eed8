"""Build the folders that Linux would show: a powercap tree with its real links, a perf PMU, hwmon and IIO chips, /proc and /sys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

INTEL_MAX_UJ = 262_143_328_850
AMD_MAX_UJ = 65_532_610_987


def write(root: Path, files: Mapping[str, str | int]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def powercap(root: Path, zones: Mapping[str, tuple[str, int]], maximum: int | None = INTEL_MAX_UJ) -> Path:
    """Write zones: folder name -> (zone name, energy in µJ). Each is a link below `root` to a nested folder of devices/virtual."""
    root.mkdir(parents=True, exist_ok=True)
    devices = root.parent / "devices" / "virtual" / "powercap"
    for control in {zone.partition(":")[0] for zone in zones} | {"intel-rapl"}:
        (devices / control).mkdir(parents=True, exist_ok=True)
        _link(devices / control / "subsystem", "../../../../powercap")
        _link(root / control, f"../devices/virtual/powercap/{control}")
    for zone, (name, energy) in zones.items():
        folder = f"{zone.partition(':')[0]}/{_nested(zone)}"
        files: dict[str, str | int] = {"name": name, "energy_uj": energy, "enabled": 0, "constraint_0_power_limit_uw": 65_000_000}
        if maximum is not None:
            files["max_energy_range_uj"] = maximum
        write(devices / folder, files)
        _link(devices / folder / "subsystem", "../" * (4 + zone.count(":")) + "powercap")
        _link(root / zone, f"../devices/virtual/powercap/{folder}")
    return root


def _nested(zone: str) -> str:
    top = ":".join(zone.split(":")[:2])
    return top if top == zone else f"{top}/{zone}"


def _link(path: Path, target: str) -> None:
    if not path.is_symlink():
        path.symlink_to(target)


def advance(root: Path, micros: Mapping[str, int]) -> None:
    """Add microjoules to the counters of some zones."""
    for zone, step in micros.items():
        path = root / zone / "energy_uj"
        path.write_text(f"{int(path.read_text()) + step}\n")


LAPTOP = {
    "intel-rapl:0": ("package-0", 1_000_000),
    "intel-rapl:0:0": ("core", 400_000),
    "intel-rapl:0:1": ("uncore", 100_000),
    "intel-rapl:0:2": ("dram", 200_000),
    "intel-rapl:1": ("psys", 3_000_000),
}

PERF_EVENTS = {"energy-pkg": 2, "energy-cores": 1, "energy-gpu": 4, "energy-ram": 3, "energy-psys": 5}


def perf(root: Path, *, cpumask: str = "0", events: Mapping[str, int] = PERF_EVENTS, unit: str = "Joules") -> Path:
    """Write the description of the PMU `power` as the kernel does."""
    files: dict[str, str | int] = {"type": 23, "cpumask": cpumask, "format/event": "config:0-7"}
    for name, config in events.items():
        files[f"events/{name}"] = f"event=0x{config:02x}"
        files[f"events/{name}.scale"] = "2.3283064365386962890625e-10"
        files[f"events/{name}.unit"] = unit
    return write(root, files)


def topology(sysfs: Path, places: Mapping[int, tuple[int, int]]) -> Path:
    """Write where each processor is: number -> (package, die)."""
    for cpu, (package, die) in places.items():
        folder = f"devices/system/cpu/cpu{cpu}/topology"
        write(sysfs, {f"{folder}/physical_package_id": package, f"{folder}/die_id": die})
    return sysfs


def hwmon(sysfs: Path, number: int, name: str, files: Mapping[str, str | int], *, address: str = "1-0040", driver: str = "") -> Path:
    """Write one chip on an i2c bus, with the links by which class and driver show it; return its folder."""
    device = f"devices/platform/i2c-1/{address}"
    folder = sysfs / device / "hwmon" / f"hwmon{number}"
    write(folder, {"name": name, **files})
    _link(folder / "device", f"../../../{address}")
    (sysfs / "class/hwmon").mkdir(parents=True, exist_ok=True)
    _link(sysfs / "class/hwmon" / f"hwmon{number}", f"../../{device}/hwmon/hwmon{number}")
    if driver:
        (sysfs / "bus/i2c/drivers" / driver).mkdir(parents=True, exist_ok=True)
        _link(sysfs / "bus/i2c/drivers" / driver / address, f"../../../../{device}")
    return folder


def ina3221(sysfs: Path, number: int, rails: Mapping[str, tuple[int, int]], *, address: str = "1-0040") -> Path:
    """Write an INA3221 of JetPack 5: label -> (mV, mA), with the shunt voltages and sums that are no rails."""
    files: dict[str, str | int] = {"update_interval": 20, "in7_label": "sum of shunt voltages", "in7_input": 99, "curr4_input": 9}
    for place, (label, (millivolts, milliamperes)) in enumerate(rails.items(), 1):
        files |= {f"in{place}_label": label, f"in{place}_input": millivolts, f"curr{place}_input": milliamperes}
        files |= {f"in{place + 3}_input": 1, f"shunt{place}_resistor": 5000}
    return hwmon(sysfs, number, "ina3221", files, address=address, driver="ina3221")


def ina3221x(sysfs: Path, number: int, rails: Mapping[str, int], *, address: str = "1-0040") -> Path:
    """Write an INA3221 of JetPack 4: label -> mW."""
    device = f"devices/platform/i2c-1/{address}"
    folder = sysfs / device / f"iio:device{number}"
    write(folder, {"name": "ina3221x"})
    for place, (label, milliwatts) in enumerate(rails.items()):
        write(folder, {f"rail_name_{place}": label, f"in_power{place}_input": milliwatts, f"in_voltage{place}_input": 5000})
    for kind, name, target in (("i2c/drivers/ina3221x", address, device), ("iio/devices", folder.name, f"{device}/{folder.name}")):
        (sysfs / "bus" / kind).mkdir(parents=True, exist_ok=True)
        _link(sysfs / "bus" / kind / name, "../" * (kind.count("/") + 2) + target)
    return folder
