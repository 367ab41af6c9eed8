"""Look at this machine the way a measurement would, and say what to fix. Nothing is changed and nothing heavy is imported."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgekit.config import BUILT_IN_DEVICES, Config, load
from edgekit.core.errors import EdgekitError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.protocols import Device, Progress
from edgekit.core.units import format_scaled
from edgekit.registry import open_device

Do = tuple[tuple[str, str], ...]

_OLDEST_PYTHON = (3, 11)
_BUSY_SHARE = 0.2  # of all cores; other work of this size shows in every window
_STEAL_SHARE = 0.01
_HOT_C = 80.0  # laptops and boards begin to throttle between 80 and 100 degC
_FREE_FAIL_BYTES, _FREE_WARN_BYTES = 100e6, 2e9
_MEMORY_WARN_BYTES = 2e9  # a conversion with tensorflow needs about as much


class Status(StrEnum):
    """Say how a check ended: a warning costs precision, a failure stops work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """Hold one check: what was looked at, what was found, and pairs of (advice, command)."""

    name: str
    status: Status
    found: str
    do: Do = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorRequest:
    """Say where to look: the working folder and the roots of the kernel's trees."""

    folder: Path
    proc: Path = Path("/proc")
    sysfs: Path = Path("/sys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Hold all checks in a fixed order."""

    checks: tuple[Checkup, ...]

    @property
    def failed(self) -> bool:
        """Return True when something stops work."""
        return any(check.status is Status.FAIL for check in self.checks)


def doctor(
    request: DoctorRequest,
    *,
    progress: Progress,
    connect: Callable[[DeviceSpec], Device] = open_device,
    has: Callable[[str], bool] = lambda module: find_spec(module) is not None,
) -> Diagnosis:
    """Run every check and return what was found; `has` says whether a module is installed without importing it."""
    progress.step("look at this machine")
    config, told = _configuration(request.folder)
    checks = [_python(), *_extras(has), told, *_runs_folder(config.runs)]
    checks += _on_device(connect)
    checks += [_governor(request.sysfs), _load(request.proc), _steal(request.proc), _memory(request.proc), _temperature(request.sysfs)]
    return Diagnosis(checks=tuple(checks))


def _python() -> Checkup:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Checkup(
            name="python", status=Status.FAIL, found=f"{found} is older than 3.11", do=(("see what is installed:", "ls /usr/bin/python3*"),)
        )
    return Checkup(name="python", status=Status.OK, found=f"{found} at {sys.prefix}")


_EXTRAS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("tflite", "run TFLite models", ("ai_edge_litert",)),
    ("onnx", "run ONNX models", ("onnxruntime", "onnx")),
    ("convert", "convert models", ("tensorflow", "keras", "tf2onnx", "ai_edge_quantizer", "sklearn")),
    ("report", "draw charts in reports", ("altair", "vl_convert", "jinja2")),
)


def _extras(has: Callable[[str], bool]) -> list[Checkup]:
    checks = []
    engines = has("ai_edge_litert") or has("tflite_runtime") or has("onnxruntime")
    for extra, purpose, modules in _EXTRAS:
        missing = [module for module in modules if not has(module)]
        name = f"extra {extra}"
        if not missing:
            checks.append(Checkup(name=name, status=Status.OK, found=f"installed: can {purpose}"))
            continue
        stops = extra in ("tflite", "onnx") and not engines
        found = f"{', '.join(missing)} not installed: cannot {purpose}" + (
            "; without any engine nothing can be benchmarked" if stops else ""
        )
        do = (("install it:", f'pip install "edgekit[{extra}]" -c constraints.txt'),)
        checks.append(Checkup(name=name, status=Status.FAIL if stops else Status.WARN, found=found, do=do))
    return checks


def _configuration(folder: Path) -> tuple[Config, Checkup]:
    try:
        config = load(folder)
    except EdgekitError as error:
        fallback = Config(path=None, runs=folder / "runs")
        return fallback, Checkup(name="configuration", status=Status.FAIL, found=str(error), do=error.do)
    if config.path is None:
        return config, Checkup(name="configuration", status=Status.OK, found="no edgekit.toml: the built-in devices are known")
    counted = f"{len(config.devices)} devices, {len(config.meters)} meters"
    return config, Checkup(name="configuration", status=Status.OK, found=f"{config.path}: {counted}")


def _runs_folder(runs: Path) -> list[Checkup]:
    existing = next(folder for folder in (runs, *runs.parents) if folder.is_dir())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        do = (("see who owns it:", f"ls -ld '{existing}'"),)
        return [Checkup(name="runs folder", status=Status.FAIL, found=f"{existing} cannot be written: {error.strerror}", do=do)]
    free = shutil.disk_usage(existing).free
    status = Status.FAIL if free < _FREE_FAIL_BYTES else Status.WARN if free < _FREE_WARN_BYTES else Status.OK
    do = () if status is Status.OK else (("see what fills it:", f"du -xh -d 1 '{existing}' | sort -h | tail"),)
    return [
        Checkup(name="runs folder", status=Status.OK, found=f"{runs} can be written"),
        Checkup(name="disk", status=status, found=f"{format_scaled(free, 'B')} free", do=do),
    ]


def _on_device(connect: Callable[[DeviceSpec], Device]) -> list[Checkup]:
    try:
        with connect(BUILT_IN_DEVICES["local"]).connect() as session:
            facts, probes = session.facts(), session.probe(["rapl", "nvml", "cputime"])
    except EdgekitError as error:
        return [Checkup(name="runner", status=Status.FAIL, found=str(error), do=error.do)]
    python = f"answers with Python {facts.python}" if facts.python else "answers"
    return [Checkup(name="runner", status=Status.OK, found=python), *_meters(probes, facts)]


def _meters(probes: Mapping[str, Mapping[str, Any]], facts: DeviceFacts) -> list[Checkup]:
    rapl, nvml, cputime = (probes.get(name, {}) for name in ("rapl", "nvml", "cputime"))
    checks = [_meter("meter rapl", rapl, there=bool(rapl.get("do"))), _meter("meter nvml", nvml, there=facts.gpu is not None)]
    if not (rapl.get("usable") or nvml.get("usable")):
        last = "energy will be estimated from CPU time, within a factor of three or so" if cputime.get("usable") else "no meter works here"
        status = Status.WARN if cputime.get("usable") else Status.FAIL
        checks.append(Checkup(name="meters", status=status, found=last, do=(("see every meter:", "edgekit meters --all"),)))
    return checks


def _meter(name: str, probe: Mapping[str, Any], *, there: bool) -> Checkup:
    if probe.get("usable"):
        return Checkup(name=name, status=Status.OK, found=f"{len(probe['channels'])} channels, {probe.get('detail', '')}".rstrip(", "))
    do = tuple((str(advice), str(command)) for advice, command in probe.get("do", ()))
    if there:
        return Checkup(name=name, status=Status.WARN, found=str(probe.get("why", "refused")), do=do)
    return Checkup(name=name, status=Status.OK, found=f"not on this machine: {probe.get('why', 'not found')}")


def _governor(sysfs: Path) -> Checkup:
    files = sorted((sysfs / "devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    found = sorted({text for text in map(_read, files) if text})
    if not found:
        return Checkup(name="governor", status=Status.OK, found="not readable: a virtual machine, or no frequency scaling")
    if found == ["performance"]:
        return Checkup(name="governor", status=Status.OK, found="performance")
    do = (("hold the clock for a measurement:", "sudo cpupower frequency-set -g performance"),)
    return Checkup(name="governor", status=Status.WARN, found=f"{', '.join(found)}: the clock may change during a window", do=do)


def _load(proc: Path) -> Checkup:
    text = _read(proc / "loadavg")
    if text is None:
        return Checkup(name="load", status=Status.OK, found="not readable here")
    one_minute, cores = float(text.split()[0]), os.cpu_count() or 1
    found = f"{one_minute:.2f} over the last minute on {cores} cores"
    if one_minute <= _BUSY_SHARE * cores:
        return Checkup(name="load", status=Status.OK, found=found)
    return Checkup(
        name="load",
        status=Status.WARN,
        found=f"{found}: other work will be measured too",
        do=(("see what runs:", "ps -eo pcpu,comm --sort=-pcpu | head"),),
    )


def _steal(proc: Path) -> Checkup:
    """Return the share of CPU time that the hypervisor gave to others since boot (proc(5): the eighth figure of the line cpu)."""
    text = _read(proc / "stat")
    ticks = [int(word) for word in text.splitlines()[0].split()[1:]] if text and text.startswith("cpu ") else []
    if len(ticks) < 8 or not sum(ticks[:8]):
        return Checkup(name="steal", status=Status.OK, found="not readable here")
    share = ticks[7] / sum(ticks[:8])
    found = f"{100 * share:.2g} % of CPU time since boot went to other virtual machines"
    if share <= _STEAL_SHARE:
        return Checkup(name="steal", status=Status.OK, found=found)
    return Checkup(
        name="steal",
        status=Status.WARN,
        found=found,
        do=(("use a machine of your own for figures that matter:", "edgekit devices add NAME ssh://USER@HOST"),),
    )


def _memory(proc: Path) -> Checkup:
    rows = dict(line.split(":", 1) for line in (_read(proc / "meminfo") or "").splitlines() if ":" in line)
    if "MemAvailable" not in rows:
        return Checkup(name="memory", status=Status.OK, found="not readable here")
    available, total, free_swap = (1024 * int(rows.get(key, "0 kB").split()[0]) for key in ("MemAvailable", "SwapTotal", "SwapFree"))
    swapped = total - free_swap
    found = f"{format_scaled(available, 'B')} available, {format_scaled(swapped, 'B') if swapped else 'nothing'} in swap"
    if available < _MEMORY_WARN_BYTES:
        do = (("see what uses it:", "ps -eo rss,comm --sort=-rss | head"),)
        return Checkup(
            name="memory", status=Status.WARN, found=f"{found}: conversions need about {format_scaled(_MEMORY_WARN_BYTES, 'B')}", do=do
        )
    return Checkup(name="memory", status=Status.OK, found=found)


def _temperature(sysfs: Path) -> Checkup:
    readings = [_read(path) for path in sorted((sysfs / "class/thermal").glob("thermal_zone*/temp"))]
    degrees = [int(text) / 1000 for text in readings if text and text.lstrip("-").isdigit()]
    if not degrees:
        return Checkup(name="temperature", status=Status.OK, found="not readable: no thermal zone")
    hottest = max(degrees)
    if hottest < _HOT_C:
        return Checkup(name="temperature", status=Status.OK, found=f"{hottest:.0f} degC at most")
    return Checkup(
        name="temperature",
        status=Status.WARN,
        found=f"{hottest:.0f} degC: the clock may be throttled",
        do=(("watch it cool down:", "watch -n 5 cat /sys/class/thermal/thermal_zone*/temp"),),
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
