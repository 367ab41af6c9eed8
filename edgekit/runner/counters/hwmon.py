"""Read any power sensor that Linux shows under hwmon or IIO: power in µW, energy counters in µJ, or voltage times current.

hwmon (Documentation/hwmon/sysfs-interface): powerN_input and powerN_average µW, energyN_input µJ, inN_input mV, currN_input mA, *_label,
update_interval ms. Where a chip states power or energy, its voltages and currents are not multiplied as well. The chip's name tells the
place only for a few; a bare INA on a rail does not know what it feeds, so the option `hwmon_boundary` says it, or it stays a rail.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from . import Opened, offered, refused
from .files import Handles, entries, optional_number, optional_period_s, optional_text, text_of
from .iio import devices as iio_devices

# What a chip of this name sits on; the rest depends on where someone soldered it.
_PLACES = {
    "powerz": "usb_input",
    "amdgpu": "gpu_board",
    "i915": "gpu_board",
    "xe": "gpu_board",
    "nouveau": "gpu_board",
    "power_meter": "platform",
    "corsairpsu": "platform",
}
_NEGOTIATED = re.compile(r"ucsi[_-]source[_-]psy")
_SHUNT_SUMS = {"ina3221": (4, 5, 6, 7), "ina2xx": (0,), "ina219": (0,), "ina226": (0,)}  # shunt voltages and sums, no rail voltage
_OWN = re.compile(r"(power|energy)(\d+)_(input|average)$")


def probe(roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return one channel per sensor of every hwmon chip and IIO device, or say that there is none."""
    sysfs, stated = roots.get("sys", "/sys"), roots.get("hwmon_boundary", "")
    root = f"{sysfs}/class/hwmon"
    rows: List[Dict[str, Any]] = []
    notes: List[str] = []
    for entry in entries(root):
        rows += _chip(f"{root}/{entry}", notes)
    rows += iio_devices(f"{sysfs}/bus/iio/devices", notes)
    rows = [row for row in rows if _readable(row, notes)]
    if not rows:
        return refused(
            "; ".join([f"no chip under {root} or {sysfs}/bus/iio/devices states power, energy, or voltage with current", *notes])
        )
    unplaced = [row for row in rows if not row["domain"]]
    for row in unplaced:
        row["domain"] = stated or "soc_rail"
    if unplaced and not stated:
        notes.append(
            f"nobody said what {', '.join(row['label'] for row in unplaced)} feeds: counted as a rail of the board"
            ' (device option hwmon_boundary = "usb_input", "module", "mcu_supply", ... says it)'
        )
    return offered(_unique(rows), f"hwmon and IIO under {sysfs}: {', '.join(row['label'] for row in rows)}", notes)


def start(roots: Mapping[str, str], pids: Sequence[int], found: Optional[Mapping[str, Any]] = None) -> Sensors:
    """Return the sensors that the probe `found`, opened."""
    return Sensors((found or probe(roots))["channels"])


class Sensors(Opened):
    """Keep the files of every channel open. A sensor on a bus costs 0.3 to 1 ms a reading: at high rates it mostly measures itself."""

    max_hz = 100.0

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self._files = Handles()
        try:
            for row in rows:
                self.readers.append((str(row["id"]), product([self._files.reader(path) for path in row["paths"]])))
                if row["measurand"] == "energy_counter":
                    self.ticking.add(str(row["id"]))
        except OSError:
            self._files.close()
            raise

    def close(self) -> None:
        self._files.close()


def product(reads: Sequence[Callable[[], int]]) -> Callable[[], int]:
    """Return the function that reads one value, or multiplies voltage by current read right after it."""
    if len(reads) == 1:
        return reads[0]
    volts, amperes = reads
    return lambda: volts() * amperes()


def _chip(folder: str, notes: List[str]) -> List[Dict[str, Any]]:
    name = optional_text(f"{folder}/name") or os.path.basename(folder)
    device = os.path.basename(os.path.realpath(f"{folder}/device")) if os.path.exists(f"{folder}/device") else os.path.basename(folder)
    if _NEGOTIATED.match(name):
        notes.append(f"{name} shows what was negotiated over USB-PD, not what flows: left out")
        return []
    if name == "ina3221" and any(optional_text(f"{folder}/in{n}_label").startswith(("VDD", "VIN", "POM_5V")) for n in (1, 2, 3)):
        notes.append(f"{name} at {device} holds the rails of a Jetson: meter jetson reads them")
        return []
    if os.path.exists(f"{folder}/device/status"):  # a battery: the sign of its current is not shown
        if optional_text(f"{folder}/device/status") != "Discharging":
            notes.append(f"{name} is a battery that is not discharging, so its power is not the machine's: left out")
            return []
        place = "battery"
    else:
        place = _PLACES.get(name, "")
    found = _own(folder) or _pairs(folder, name)
    if name == "corsairpsu":
        found = [row for row in found if row["label"] == "power total"] or found[:1]
    shared = {
        "update_period_s": optional_period_s(f"{folder}/update_interval"),
        "domain": place,
        "identity": f"{name} {device}",
        "chip": name,
        "detail": f"{name} at {device}",
    }
    return [{**shared, **row, "label": f"{name} {row['label']}", "id": f"hwmon.{name}-{device}.{row['part']}"} for row in found]


def _own(folder: str) -> List[Dict[str, Any]]:
    """Return the powers and energies that a chip states; the average of a power only where it has no instant reading."""
    files = [match for match in map(_OWN.match, entries(folder)) if match]
    energies = [match for match in files if match.group(1) == "energy" and match.group(3) == "input"]
    instant = {match.group(2) for match in files if match.group(1) == "power" and match.group(3) == "input"}
    rows = []
    for match in files:
        kind, number, form = match.groups()
        if (kind == "power" and (energies or (form == "average" and number in instant))) or (kind == "energy" and form == "average"):
            continue
        row: Dict[str, Any] = {
            "part": f"{kind}{number}",
            "label": optional_text(f"{folder}/{kind}{number}_label") or f"{kind}{number}",
            "paths": [f"{folder}/{match.group(0)}"],
            "raw_unit": "uJ" if kind == "energy" else "uW",
            "measurand": "energy_counter" if kind == "energy" else "power",
        }
        if form == "average":
            interval = optional_number(f"{folder}/power{number}_average_interval")
            row["averaging_s"] = interval / 1e3 if interval else None
        rows.append(row)
    return rows


def _pairs(folder: str, name: str) -> List[Dict[str, Any]]:
    """Return voltage times current for every number, or label, that has both."""
    files = set(entries(folder))
    skipped = _SHUNT_SUMS.get(name, ())
    volts = {n: optional_text(f"{folder}/in{n}_label") for n in range(16) if f"in{n}_input" in files and n not in skipped}
    amperes = {n: optional_text(f"{folder}/curr{n}_label") for n in range(16) if f"curr{n}_input" in files and n not in skipped}
    rows = []
    for n, label in amperes.items():
        partner = n if n in volts else _bus(volts, label)
        if partner is not None:
            rows.append(
                pair(f"{folder}/in{partner}_input", f"{folder}/curr{n}_input", f"curr{n}", volts[partner] or label or f"curr{n}", folder, n)
            )
    return rows


def _bus(volts: Mapping[int, str], label: str) -> Optional[int]:
    """Return the voltage that belongs to a current of another number: VBUS to IBUS."""
    return next((n for n, name in volts.items() if label[:1] == "I" and name == "V" + label[1:]), None)


def pair(volts: str, amperes: str, part: str, label: str, folder: str, n: int) -> Dict[str, Any]:
    """Return the row of a power made of two files in mV and mA; its step is that of the current at the present voltage."""
    shunt_uohm, millivolts = optional_number(f"{folder}/shunt{n}_resistor"), optional_number(volts)
    milliamperes = 40e3 / shunt_uohm if shunt_uohm else 1.0  # INA3221: 40 µV of shunt voltage
    return {
        "part": part,
        "label": label,
        "paths": [volts, amperes],
        "raw_unit": "uW",
        "measurand": "power",
        "quantum": max(1.0, milliamperes) * millivolts if millivolts else None,
    }


def _readable(row: Mapping[str, Any], notes: List[str]) -> bool:
    try:
        for path in row["paths"]:
            int(text_of(path))
    except (OSError, ValueError) as error:
        notes.append(f"{row['label']} cannot be read and is left out: {error}")
        return False
    return True


def _unique(rows: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    seen: Dict[Tuple[str, ...], int] = {}
    for row in rows:
        count = seen[(row["id"],)] = seen.get((row["id"],), 0) + 1
        if count > 1:
            row["id"] += f"@{count}"
    return rows
