"""Read the rails of NVIDIA Jetson modules by their labels: INA3221 under the old i2c driver (ina3221x), under hwmon, and INA238 (Thor).

VIN, POM_5V_IN or VDD_IN, in this order, is what the module takes in and contains every other rail; the carrier board, its disk and its
fan are outside. Boards without such a rail (AGX Xavier, AGX Orin) have rails that are added, which leaves out what the regulators lose.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence

from . import offered, refused
from .files import entries, optional_number, optional_period_s, optional_text, text_of
from .hwmon import Sensors, pair

_TOTALS = ("VIN", "POM_5V_IN", "VDD_IN")
_FULL_SCALE_UV = 163_800.0  # of the INA3221's shunt voltage (Texas Instruments SBOS576)
_NO_RAIL = re.compile(r"(NC|sum of shunt voltages|)$", re.IGNORECASE)
_DOUBTFUL = ("VIN_SYS_5V0", "VDDQ_VDD2_1V8AO")


def probe(roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return the module's input as the parent of its rails, or the rails side by side where the input has no sensor."""
    sysfs = roots.get("sys", "/sys")
    notes: List[str] = []
    rows = [row for row in [*_old(sysfs), *_new(sysfs), *_thor(sysfs)] if _readable(row, notes)]
    if not any(row["label"].startswith(("VDD", "VIN", "POM_5V", "GPU", "CPU")) for row in rows):
        return refused("; ".join(["no sensor of this machine carries the label of a Jetson rail", *notes]))
    total = next((label for label in _TOTALS if any(row["label"] == label for row in rows)), None)
    model = optional_text(f"{sysfs}/firmware/devicetree/base/model")
    for row in rows:
        row["model"] = model
        row["identity"] = ", ".join(filter(None, (model, optional_text(f"{sysfs}/firmware/devicetree/base/serial-number"))))
        row["domain"] = "module" if row["label"] == total else "soc_rail"
        row["parent"] = f"jetson.{total}" if total and row["label"] != total else None
    return offered(rows, _says(total, [row["label"] for row in rows]), notes + _remarks(total, {row["label"] for row in rows}))


def start(roots: Mapping[str, str], pids: Sequence[int], found: Optional[Mapping[str, Any]] = None) -> Sensors:
    """Return the rails that the probe `found`, opened."""
    return Sensors((found or probe(roots))["channels"])


def _says(total: Optional[str], labels: Sequence[str]) -> str:
    if total:
        inside = ", ".join(label for label in labels if label != total)
        return f"{total}: input of the Jetson module, without carrier board, disk and fan; inside it: {inside or 'no other rail'}"
    return f"sum of the rails {', '.join(labels)}: the module's input has no sensor, so regulator losses and other rails are missing"


def _remarks(total: Optional[str], labels: "set[str]") -> List[str]:
    notes = []
    if total is None:
        notes.append("this board has no sensor at the module's input: rails are added, and what the regulators lose is missing")
        if labels.issuperset(_DOUBTFUL):
            notes.append(
                "whether VIN_SYS_5V0 feeds VDDQ_VDD2_1V8AO is not documented: if it does, the sum counts that rail twice,"
                " so the truth lies between the sum with it and the sum without it"
            )
    return notes


def _old(sysfs: str) -> List[Dict[str, Any]]:
    """Return the rails of JetPack 4: rail_name_N beside in_powerN_input in mW."""
    root = f"{sysfs}/bus/i2c/drivers/ina3221x"
    rows = []
    for folder in (
        f"{root}/{address}/{device}"
        for address in entries(root)
        for device in entries(f"{root}/{address}")
        if device.startswith("iio:device")
    ):
        for n in (0, 1, 2):
            label, path = optional_text(f"{folder}/rail_name_{n}"), f"{folder}/in_power{n}_input"
            if not _NO_RAIL.match(label):
                rows.append({**_row(label, folder), "paths": [path], "raw_unit": "mW", "quantum": None})
    return rows


def _new(sysfs: str) -> List[Dict[str, Any]]:
    """Return the rails of JetPack 5 and later: inN_label, inN_input in mV and currN_input in mA; 4 to 7 are shunts and sums."""
    root = f"{sysfs}/bus/i2c/drivers/ina3221"
    rows = []
    for chip in (f"{root}/{address}/hwmon" for address in entries(root)):
        for folder in (f"{chip}/{name}" for name in entries(chip) if name.startswith("hwmon")):
            for n in (1, 2, 3):
                label = optional_text(f"{folder}/in{n}_label")
                if not _NO_RAIL.match(label) and os.path.exists(f"{folder}/curr{n}_input"):
                    two = pair(f"{folder}/in{n}_input", f"{folder}/curr{n}_input", label, label, folder, n)
                    more = {"update_period_s": optional_period_s(f"{folder}/update_interval"), "full_scale_w": _full_scale_w(folder, n)}
                    rows.append({**two, **_row(label, folder), **more})
    return rows


def _full_scale_w(folder: str, n: int) -> Optional[float]:
    """Return the watts at which the shunt of input `n` is at the end of its range, at the present voltage; None where it is not stated."""
    shunt_uohm, millivolts = optional_number(f"{folder}/shunt{n}_resistor"), optional_number(f"{folder}/in{n}_input")
    return _FULL_SCALE_UV / shunt_uohm * millivolts / 1e3 if shunt_uohm and millivolts else None


def _thor(sysfs: str) -> List[Dict[str, Any]]:
    """Return the module's input of a Thor: an INA238 that states µW."""
    root = f"{sysfs}/class/hwmon"
    rows = []
    for folder in (f"{root}/{name}" for name in entries(root)):
        labels = [optional_text(f"{folder}/{name}") for name in ("power1_label", "in1_label", "label")]
        if optional_text(f"{folder}/name") == "ina238" and "VIN" in labels:
            row = {**_row("VIN", folder), "paths": [f"{folder}/power1_input"], "raw_unit": "uW", "quantum": None}
            rows.append({**row, "update_period_s": optional_period_s(f"{folder}/update_interval")})
    return rows


def _row(label: str, folder: str) -> Dict[str, Any]:
    return {"id": f"jetson.{label}", "label": label, "measurand": "power", "detail": f"{label} at {folder}"}


def _readable(row: Mapping[str, Any], notes: List[str]) -> bool:
    try:
        for path in row["paths"]:
            int(text_of(path))
    except (OSError, ValueError) as error:
        notes.append(f"rail {row['label']} cannot be read and is left out: {error}")
        return False
    return True
