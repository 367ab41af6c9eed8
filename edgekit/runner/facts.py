"""Read what this machine says about itself. A fact that cannot be read is None, with the reason under its name."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Any, Callable, Dict, Mapping, Tuple

from . import condition
from .condition import pairs, required

ENGINES = ("ai-edge-litert", "tflite-runtime", "onnxruntime", "onnxruntime-gpu", "torch")


def read(roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return {"facts": {...}, "reasons": {...}, "gpu": details or None}; `roots` replaces "proc", "sys", "etc" and "vcgencmd"."""
    proc, sysfs, etc = roots.get("proc", "/proc"), roots.get("sys", "/sys"), roots.get("etc", "/etc")
    facts: Dict[str, Any] = {"arch": platform.machine(), "python": platform.python_version(), "kernel": platform.release()}
    facts["engines"] = engines()
    readers: Dict[str, Callable[[], Any]] = {
        "model": lambda: _model(sysfs),
        "cpu": lambda: _cpu(proc),
        "cores": os.cpu_count,
        "ram_bytes": lambda: _ram(proc),
        "os": lambda: _os(etc),
    }
    reasons = condition.take(readers, facts)
    changing, unread = condition.read(roots)
    facts.update(changing)
    reasons.update(unread)
    gpu, reason = _gpu()
    facts["gpu"] = None if gpu is None else f"{gpu['name']} (driver {gpu['driver']})"
    if gpu is None:
        reasons["gpu"] = reason
    elif gpu["throttle_reasons"] is not None:
        facts["throttle_reasons"] = (facts["throttle_reasons"] or []) + gpu["throttle_reasons"]
        facts["throttled"] = bool(facts["throttled"] or gpu["throttle_reasons"])
        reasons.pop("throttled", None)
    return {"facts": facts, "reasons": reasons, "gpu": gpu}


def engines() -> Dict[str, str]:
    """Return the engines installed for this Python with their versions; nothing is imported."""
    from importlib import metadata

    found = {}
    for name in ENGINES:
        try:
            found[name] = str(metadata.version(name))
        except (metadata.PackageNotFoundError, KeyError):  # the second: what is left of a broken installation
            continue
    return found


def _model(sysfs: str) -> str:
    for path in (f"{sysfs}/firmware/devicetree/base/model", f"{sysfs}/devices/virtual/dmi/id/product_name"):
        if os.path.exists(path):
            return required(path)
    if sys.platform == "darwin":
        return _sysctl("hw.model")
    raise LookupError("neither a device tree nor DMI names the machine")


def _cpu(proc: str) -> str:
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    rows = dict(pairs(f"{proc}/cpuinfo"))
    for key in ("model name", "Model", "Hardware"):
        if rows.get(key):
            return rows[key]
    if "CPU implementer" in rows:
        return f"implementer {rows['CPU implementer']} part {rows.get('CPU part', '?')}"
    raise LookupError(f"{proc}/cpuinfo names no processor")


def _ram(proc: str) -> int:
    if sys.platform == "darwin":
        return int(_sysctl("hw.memsize"))
    return 1024 * int(dict(pairs(f"{proc}/meminfo"))["MemTotal"].split()[0])


def _os(etc: str) -> str:
    if sys.platform == "darwin":
        return "macOS " + platform.mac_ver()[0]
    for line in required(f"{etc}/os-release").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip('"')
    raise LookupError(f"{etc}/os-release has no PRETTY_NAME")


def _sysctl(name: str) -> str:
    return subprocess.run(["sysctl", "-n", name], check=True, capture_output=True, text=True, timeout=5).stdout.strip()


def _gpu() -> Tuple[Any, str]:
    from .counters.nvml_driver import Driver, Unavailable

    try:
        with Driver() as driver:
            return driver.facts(), ""
    except Unavailable as error:
        return None, str(error)
