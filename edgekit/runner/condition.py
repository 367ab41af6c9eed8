"""Read what changes while a run lasts and could disturb it: heat, throttling, supply voltage, other work, swap, clocks.

Counters go on since the machine started; whoever compares two looks takes the difference, where `boot` is the same in both.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, Mapping, Tuple

from . import vcgencmd
from .counters import FOLDERS
from .counters.files import optional_text, text_of

# The word of get_throttled: a bit says "now", the one 16 above it "since the start". Source: Raspberry Pi documentation, get_throttled.
THROTTLE_BITS = {0: "under_voltage", 1: "frequency_capped", 2: "throttled", 3: "soft_temperature_limit"}
_SINCE_BOOT = 16
_SYSFS_WORD = "devices/platform/soc/soc:firmware/get_throttled"  # kernels of Raspberry Pi OS; hexadecimal without 0x
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


def read(roots: Mapping[str, str]) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """Return (what is known, why the rest is None). `roots` replaces "proc", "sys", the folder of "vcgencmd", and "clock" the clocks."""
    proc, sysfs = roots.get("proc", "/proc"), roots.get("sys", "/sys")
    known: Dict[str, Any] = {"read_ns": time.monotonic_ns()}
    readers: Dict[str, Callable[[], Any]] = {
        "boot": lambda: boot(proc),
        "governor": lambda: _governor(sysfs),
        "frequency_hz": lambda: 1e3 * int(required(f"{sysfs}/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")),
        "temperature_c": lambda: _temperature(sysfs),
        "throttle_events": lambda: _throttle_events(sysfs),
        "load_1m": lambda: float(required(f"{proc}/loadavg").split()[0]) if _linux(roots) else os.getloadavg()[0],
        "steal_s": lambda: int(required(f"{proc}/stat").splitlines()[0].split()[8]) / float(os.sysconf("SC_CLK_TCK")),
        "swap_used_bytes": lambda: _swap_used(proc),
        "swap_in_pages": lambda: int(dict(pairs(f"{proc}/vmstat", " "))["pswpin"]),
        "swap_out_pages": lambda: int(dict(pairs(f"{proc}/vmstat", " "))["pswpout"]),
        "clock_source": lambda: required(f"{sysfs}/devices/system/clocksource/clocksource0/current_clocksource"),
        "clock_synchronised": lambda: _synchronised(roots),
        "clock_offset_ns": lambda: int(required(f"{roots['clock']}/offset_ns")) if "clock" in roots else clock_offset_ns(),
    }
    reasons = take(readers, known)
    _take_throttling(roots, known, reasons)
    return known, reasons


def take(readers: Mapping[str, Callable[[], Any]], known: Dict[str, Any]) -> Dict[str, str]:
    """Call each reader; put what it returns into `known`, or None, and return the reasons."""
    reasons: Dict[str, str] = {}
    for name, reader in readers.items():
        try:
            known[name] = reader()
        except (OSError, ValueError, IndexError, LookupError, subprocess.SubprocessError) as error:
            known[name] = None
            reasons[name] = str(error) or type(error).__name__
    return reasons


def decoded(word: int) -> Tuple[List[str], List[str]]:
    """Return (what holds now, what has held since the machine started) of a word of get_throttled."""
    return (
        [name for bit, name in THROTTLE_BITS.items() if word >> bit & 1],
        [name for bit, name in THROTTLE_BITS.items() if word >> (bit + _SINCE_BOOT) & 1],
    )


def clock_offset_ns() -> int:
    """Return CLOCK_REALTIME less CLOCK_MONOTONIC from the tightest of several looks: both are slewed alike, so only a step changes it."""
    looks = []
    for _ in range(5):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        looks.append((after - before, wall - (before + after) // 2))
    return min(looks)[1]


def required(path: str) -> str:
    """Return the text of a file; raise OSError, or LookupError where it is empty."""
    text = text_of(path)
    if not text:
        raise LookupError(f"{path} is empty")
    return text


def pairs(path: str, separator: str = ":") -> List[Tuple[str, str]]:
    """Return the (name, value) of each line of a file."""
    rows = (line.partition(separator) for line in required(path).splitlines())
    return [(key.strip(), value.strip()) for key, _, value in rows]


def _take_throttling(roots: Mapping[str, str], known: Dict[str, Any], reasons: Dict[str, str]) -> None:
    known.update(throttled=None, throttle_reasons=None, throttle_since_boot=None, under_voltage=None)
    found: Dict[str, Any] = {}
    reasons.update(take({"throttled": lambda: _word(roots), "under_voltage": lambda: _alarm(roots.get("sys", "/sys"))}, found))
    known["under_voltage"] = found["under_voltage"]
    if found["throttled"] is None:
        return
    now, since = decoded(found["throttled"])
    known.update(throttle_reasons=now, throttle_since_boot=since, throttled=bool(set(now) - {"under_voltage"}))
    known["under_voltage"] = "under_voltage" in now or bool(found["under_voltage"])
    reasons.pop("under_voltage", None)


def _word(roots: Mapping[str, str]) -> int:
    """Return the word of get_throttled from the kernel or the firmware; raise LookupError where there is neither."""
    text = optional_text(os.path.join(roots.get("sys", "/sys"), _SYSFS_WORD))
    if text:
        return int(text, 16)
    replaced = bool(FOLDERS & set(roots)) and "vcgencmd" not in roots  # then this machine's own firmware is not what is meant
    command = None if replaced else vcgencmd.find(roots)
    if command is None:
        raise LookupError("this machine has no throttle flag that the runner knows")
    answer = vcgencmd.ask(command, "get_throttled")
    match = re.search(r"throttled=0x([0-9a-fA-F]{1,8})\b", answer)
    if match is None:
        raise ValueError(f"vcgencmd get_throttled answered {answer.strip()[:80]!r}")
    return int(match.group(1), 16)


def _alarm(sysfs: str) -> bool:
    """Return whether the kernel has seen the supply of a Raspberry Pi too low within its last two seconds (driver raspberrypi-hwmon)."""
    for folder in sorted(glob.glob(f"{glob.escape(sysfs)}/class/hwmon/hwmon*")):
        if optional_text(f"{folder}/name") == "rpi_volt":
            return int(required(f"{folder}/in0_lcrit_alarm")) != 0
    raise LookupError("no sensor here tells of low voltage")


def _throttle_events(sysfs: str) -> int:
    """Return how often the kernel has seen processors throttled (Intel), or the board's limits met (Jetson), since the machine started."""
    root = glob.escape(sysfs)
    places = ("devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count", "class/hwmon/hwmon*/oc*_event_cnt")
    counts = [int(text) for place in places for path in glob.glob(f"{root}/{place}") for text in [optional_text(path)] if text.isdigit()]
    if not counts:
        raise LookupError("nothing here counts throttling")
    return sum(counts)


def boot(proc: str) -> str:
    """Return the kernel's name for this start of the machine. Its file refuses the large reads of other files."""
    with open(f"{proc}/sys/kernel/random/boot_id", encoding="ascii") as file:
        name = file.readline(64).strip()
    if not name:
        raise LookupError(f"{file.name} is empty")
    return name


def _governor(sysfs: str) -> str:
    """Return the governor of all processors: one name, or several with commas."""
    paths = glob.glob(f"{glob.escape(sysfs)}/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    found = sorted({text for text in map(optional_text, paths) if text})
    return ",".join(found) or required(f"{sysfs}/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def _temperature(sysfs: str) -> float:
    folder = f"{sysfs}/class/thermal"
    seen: List[float] = []
    for zone in sorted(os.listdir(folder)):
        if zone.startswith("thermal_zone"):
            try:
                seen.append(int(required(f"{folder}/{zone}/temp")) / 1e3)
            except (OSError, ValueError, LookupError):
                continue
    if not seen:
        raise LookupError(f"{folder} has no zone that can be read")
    return max(seen)


def _swap_used(proc: str) -> int:
    rows = dict(pairs(f"{proc}/meminfo"))
    total, free = (1024 * int(rows[name].split()[0]) for name in ("SwapTotal", "SwapFree"))
    return total - free


def _synchronised(roots: Mapping[str, str]) -> bool:
    """Return whether the kernel holds the clock to follow a time server; raise OSError or LookupError where it does not say."""
    if FOLDERS & set(roots):
        raise LookupError("the state of the clock belongs to the machine whose folders were replaced")
    import ctypes

    adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
    if adjtimex is None:
        raise LookupError("this system does not say whether its clock follows a time server")
    answer = adjtimex(ctypes.create_string_buffer(512))  # modes 0: it only reads
    if answer < 0:
        raise OSError(ctypes.get_errno(), "adjtimex failed")
    return int(answer) != _UNSYNCHRONISED


def _linux(roots: Mapping[str, str]) -> bool:
    return "proc" in roots or sys.platform.startswith("linux")
