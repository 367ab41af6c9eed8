"""Print what `vcgencmd pmic_read_adc` prints on a Raspberry Pi 5: a shell stub shows files that are computed when they are read.

    {"rails": {"VDD_CORE": {"rail": "core", "volts": 0.72}, "DDR_VDD2": {"rail": "dram", "volts": 1.1}}, "throttled": 0}

Names that are not given draw nothing. EXT5V_V and BATT_V have a voltage alone: what enters the board is not measured.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.sim.rail import Rails
from tests.instruments.files import File, Tree, fixed

NAMES = (
    "3V7_WL_SW", "3V3_SYS", "1V8_SYS", "DDR_VDD2", "DDR_VDDQ", "1V1_SYS", "0V8_SW", "VDD_CORE", "3V3_DAC", "3V3_ADC", "0V8_AON", "HDMI",
)  # fmt: skip
SPAN_NS = 1_000_000  # the converter samples points; one millisecond keeps a step from being read as a mean of both sides

STUB = """#!/bin/sh
folder='{folder}'
case "$1" in
    pmic_read_adc) [ -n "$2" ] && exec grep -w "$2" "$folder/pmic_read_adc"; exec cat "$folder/pmic_read_adc" ;;
    get_throttled) exec cat "$folder/get_throttled" ;;
    measure_temp) echo "temp=50.0'C" ;;
    version) echo "edgekit emulated: no hardware is behind it" ;;
    *) echo 'error=1 error_msg="Command not registered"' >&2; exit 255 ;;
esac
"""


def tree(options: Mapping[str, Any], rails: Rails) -> Tree:
    """Return the files that the stub shows."""
    rows = options["rails"]

    def read(t_ns: int) -> bytes:
        lines = []
        for index, name in enumerate(NAMES):
            row = rows.get(name, {})
            watts = rails.energy_j(row["rail"], t_ns - SPAN_NS, t_ns) * 1e9 / SPAN_NS if row else 0.0
            lines.append((f"{name}_A", f"current({index})={watts / row.get('volts', 1.0):.8f}A"))
        for index, name in enumerate(NAMES, len(NAMES)):
            lines.append((f"{name}_V", f"volt({index})={rows.get(name, {}).get('volts', 1.0):.8f}V"))
        lines += [("EXT5V_V", "volt(24)=5.10532200V"), ("BATT_V", "volt(25)=0.00000000V")]
        return "".join(f"{name:>14} {value}\n" for name, value in lines).encode()

    return {"vcgencmd/pmic_read_adc": File(read), "vcgencmd/get_throttled": fixed(f"throttled=0x{int(options.get('throttled', 0)):x}")}


def install(folder: Path, served: Path) -> None:
    """Write the stub `vcgencmd` into `folder`; it shows the files below `served`."""
    stub = folder / "vcgencmd"
    stub.write_text(STUB.format(folder=served / "vcgencmd"))
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
