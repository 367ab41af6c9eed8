"""Read what this machine says about itself. A fact that cannot be read is None, with the reason under its name."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Any, Callable, Dict, List, Mapping, Tuple

from .counters.files import text_of


def read(roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return {"facts": {...}, "reasons": {...}, "gpu": details or None}; `roots` replaces "proc", "sys" and "etc"."""
    proc, sysfs, etc = roots.get("proc", "/proc"), roots.get("sys", "/sys"), roots.get("etc", "/etc")
    facts: Dict[str, Any] = {"arch": platform.machine(), "python": platform.python_version(), "kernel": platform.release()}
    reasons: Dict[str, str] = {}
    readers: Dict[str, Callable[[], Any]] = {
        "model": lambda: _model(sysfs),
        "cpu": lambda: _cpu(proc),
        "cores": os.cpu_count,
        "ram_bytes": lambda: _ram(proc),
        "os": lambda: _os(etc),
        "governor": lambda: _text(f"{sysfs}/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "frequency_hz": lambda: 1e3 * int(_text(f"{sysfs}/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")),
        "temperature_c": lambda: _temperature(sysfs),
        "load_1m": lambda: float(_text(f"{proc}/loadavg").split()[0]) if _linux(roots) else os.getloadavg()[0],
        "steal_s": lambda: _steal(proc),
    }
    for name, reader in readers.items():
        try:
            facts[name] = reader()
        except (OSError, ValueError, IndexError, LookupError, subprocess.SubprocessError) as error:
            facts[name] = None
            reasons[name] = str(error) or type(error).__name__
    gpu, reason = _gpu()
    facts["gpu"] = None if gpu is None else f"{gpu['name']} (driver {gpu['driver']})"
    facts["throttled"] = bool(gpu["throttle_reasons"]) if gpu and gpu["throttle_reasons"] is not None else None
    if gpu is None:
        reasons["gpu"] = reason
    if facts["throttled"] is None:
        reasons["throttled"] = "this machine has no throttle flag that the runner knows"
    return {"facts": facts, "reasons": reasons, "gpu": gpu}


def _linux(roots: Mapping[str, str]) -> bool:
    return "proc" in roots or sys.platform.startswith("linux")


def _text(path: str) -> str:
    text = text_of(path)
    if not text:
        raise LookupError(f"{path} is empty")
    return text


def _model(sysfs: str) -> str:
    for path in (f"{sysfs}/firmware/devicetree/base/model", f"{sysfs}/devices/virtual/dmi/id/product_name"):
        if os.path.exists(path):
            return _text(path)
    if sys.platform == "darwin":
        return _sysctl("hw.model")
    raise LookupError("neither a device tree nor DMI names the machine")


def _cpu(proc: str) -> str:
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    rows = dict(_pairs(f"{proc}/cpuinfo"))
    for key in ("model name", "Model", "Hardware"):
        if rows.get(key):
            return rows[key]
    if "CPU implementer" in rows:
        return f"implementer {rows['CPU implementer']} part {rows.get('CPU part', '?')}"
    raise LookupError(f"{proc}/cpuinfo names no processor")


def _ram(proc: str) -> int:
    if sys.platform == "darwin":
        return int(_sysctl("hw.memsize"))
    return 1024 * int(dict(_pairs(f"{proc}/meminfo"))["MemTotal"].split()[0])


def _os(etc: str) -> str:
    if sys.platform == "darwin":
        return "macOS " + platform.mac_ver()[0]
    for line in _text(f"{etc}/os-release").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip('"')
    raise LookupError(f"{etc}/os-release has no PRETTY_NAME")


def _temperature(sysfs: str) -> float:
    folder = f"{sysfs}/class/thermal"
    seen: List[float] = []
    for zone in sorted(os.listdir(folder)):
        if zone.startswith("thermal_zone"):
            try:
                seen.append(int(_text(f"{folder}/{zone}/temp")) / 1e3)
            except (OSError, ValueError, LookupError):
                continue
    if not seen:
        raise LookupError(f"{folder} has no zone that can be read")
    return max(seen)


def _steal(proc: str) -> float:
    fields = _text(f"{proc}/stat").splitlines()[0].split()
    return int(fields[8]) / float(os.sysconf("SC_CLK_TCK"))


def _pairs(path: str) -> List[Tuple[str, str]]:
    rows = (line.partition(":") for line in _text(path).splitlines())
    return [(key.strip(), value.strip()) for key, _, value in rows]


def _sysctl(name: str) -> str:
    return subprocess.run(["sysctl", "-n", name], check=True, capture_output=True, text=True, timeout=5).stdout.strip()


def _gpu() -> Tuple[Any, str]:
    from .counters.nvml_driver import Driver, Unavailable

    try:
        with Driver() as driver:
            return driver.facts(), ""
    except Unavailable as error:
        return None, str(error)
