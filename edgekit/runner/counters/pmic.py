"""Read the power-management chip of a Raspberry Pi 5 through `vcgencmd pmic_read_adc`: twelve rails with volts and amperes.

What the board takes in is not among them: EXT5V and BATT have a voltage only, and USB devices, HATs and disks at 5 V are not seen at all.
One command serves all rails; it starts a process, so it costs milliseconds and the rate is bounded.
"""

from __future__ import annotations

import re
import subprocess
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from .. import vcgencmd
from . import Opened, offered, refused
from .files import optional_text

_LINE = re.compile(r"^\s*(\w+)_([AV])\s+\w+(?:\(\d+\))?=(\d{1,9}(?:\.\d+)?)[AV]\s*$", re.MULTILINE)
_QUESTION = "pmic_read_adc"


def probe(roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return one channel per rail that has both volts and amperes, or why there is none."""
    command = vcgencmd.find(roots)
    if command is None:
        return refused("vcgencmd is not installed: not a Raspberry Pi, or a system without its tools")
    try:
        text = vcgencmd.ask(command, _QUESTION)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return _failed(str(error))
    watts, voltages = rails(text)
    if not watts:
        return _failed(f"its answer names no rail with volts and amperes: {text.strip()[:80]!r}")
    sysfs = roots.get("sys", "/sys")
    shared = {
        "domain": "soc_rail",
        "raw_unit": "W",
        "measurand": "power",
        "quantum": None,
        "identity": optional_text(f"{sysfs}/firmware/devicetree/base/serial-number"),
        "command": command,
    }
    rows = [{**shared, "id": f"pmic.{name}", "label": name, "detail": name} for name in watts]
    notes = [f"{name} has a voltage but no current ({volts:.2f} V): its power is not measured" for name, volts in voltages.items()]
    notes.append("the rails are not the board's input: USB devices, HATs, disks and regulator losses are missing from their sum")
    return offered(rows, f"sum of {len(rows)} rails of the Raspberry Pi's PMIC: rails, not input power", notes)


def start(roots: Mapping[str, str], pids: Sequence[int], found: Optional[Mapping[str, Any]] = None) -> Pmic:
    """Return the rails that the probe `found`."""
    rows = (found or probe(roots))["channels"]
    return Pmic(str(rows[0]["command"]), [(str(row["id"]), str(row["label"])) for row in rows])


class Pmic(Opened):
    """Ask once for all rails: the first reader asks, the others tell what it heard."""

    max_hz = 20.0
    shared = True

    def __init__(self, command: str, rows: Sequence[Tuple[str, str]]) -> None:
        super().__init__()
        self._command = command
        self._watts: Dict[str, float] = {}
        self.readers = [(identity, self._reader(name, first=place == 0)) for place, (identity, name) in enumerate(rows)]

    def _reader(self, name: str, first: bool) -> Callable[[], float]:
        def read() -> float:
            if first:
                self._watts = {}
                self._watts, _ = rails(vcgencmd.ask(self._command, _QUESTION))
            if name not in self._watts:
                raise ValueError(f"the answer of vcgencmd lacks {name}")
            return self._watts[name]

        return read


def rails(text: str) -> Tuple[Dict[str, float], Dict[str, float]]:
    """Return (watts of the rails with volts and amperes, volts of the others) from the answer to pmic_read_adc."""
    seen: Dict[str, Dict[str, float]] = {}
    for name, kind, value in _LINE.findall(text):
        seen.setdefault(name, {})[kind] = float(value)
    watts = {name: both["V"] * both["A"] for name, both in seen.items() if len(both) == 2}
    return watts, {name: one["V"] for name, one in seen.items() if len(one) == 1 and "V" in one}


def _failed(why: str) -> Dict[str, Any]:
    do: List[Tuple[str, str]] = []
    if "/dev/vcio" in why or "ermission" in why:
        do = [("let this user ask the firmware:", "sudo usermod -aG video $USER   # then log in again")]
    return refused(
        f"vcgencmd pmic_read_adc failed: {why}",
        "only the Raspberry Pi 5 and CM5 measure their rails; earlier boards need an external meter",
        do,
    )
