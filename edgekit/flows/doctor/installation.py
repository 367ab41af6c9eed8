"""Look at what is installed, configured and writable."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from edgekit.config import Config, load
from edgekit.core.errors import EdgekitError
from edgekit.core.units import format_scaled
from edgekit.flows.doctor.checkup import Checkup, Do, Status

_OLDEST_PYTHON = (3, 11)
_FREE_FAIL_BYTES, _FREE_WARN_BYTES = 100e6, 2e9


def python() -> Checkup:
    """Say which Python runs edgekit."""
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


def extras(has: Callable[[str], bool]) -> list[Checkup]:
    """Say what each extra that is installed or missing makes possible."""
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


def configuration(folder: Path) -> tuple[Config, Checkup]:
    """Return the configuration of `folder`, or the built-in one where it is wrong, and what was found."""
    try:
        config = load(folder)
    except EdgekitError as error:
        fallback = Config(path=None, runs=folder / "runs")
        return fallback, Checkup(name="configuration", status=Status.FAIL, found=str(error), do=error.do)
    if config.path is None:
        return config, Checkup(name="configuration", status=Status.OK, found="no edgekit.toml: the built-in devices are known")
    counted = ", ".join([*config.devices, *config.meters]) or "empty"
    return config, Checkup(name="configuration", status=Status.OK, found=f"{config.path}: {counted}")


def runs_folder(runs: Path) -> list[Checkup]:
    """Say whether run records can be written, and how much room they have."""
    existing = next(folder for folder in (runs, *runs.parents) if folder.is_dir())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        owner = (("see who owns it:", f"ls -ld {shlex.quote(str(existing))}"),)
        return [Checkup(name="runs folder", status=Status.FAIL, found=f"{existing} cannot be written: {error.strerror}", do=owner)]
    free = shutil.disk_usage(existing).free
    status = Status.FAIL if free < _FREE_FAIL_BYTES else Status.WARN if free < _FREE_WARN_BYTES else Status.OK
    do: Do = () if status is Status.OK else (("see what fills it:", f"du -xh -d 1 {shlex.quote(str(existing))} | sort -h | tail"),)
    return [
        Checkup(name="runs folder", status=Status.OK, found=f"{runs} can be written"),
        Checkup(name="disk", status=status, found=f"{format_scaled(free, 'B')} free", do=do),
    ]
