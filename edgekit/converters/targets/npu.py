"""Ask vela, Arm's compiler for Ethos-U, what of a model the NPU would run."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgekit.core.artifact import NpuReport
from edgekit.core.errors import ModelError, missing_extra

_REFUSED = re.compile(r"operator: (?P<operator>\w+), .*?\nReason: (?P<reason>[^\n(]*)")
_TIMEOUT_S = 300.0


def ask_vela(path: Path, accelerator: str, folder: Path) -> NpuReport:
    """Return what vela says of the .tflite at `path`; its own files go to `folder`.

    Cycles, memory and time are vela's estimates for its default system configuration. Raises SetupError without vela, and ModelError when
    it fails.
    """
    try:
        found = version("ethos-u-vela")
    except PackageNotFoundError as error:
        raise missing_extra("ethos-u-vela", "mcu", "the check of an Ethos-U target") from error
    command = [sys.executable, "-m", "ethosu.vela", str(path), "--accelerator-config", accelerator, "--output-dir", str(folder)]
    try:
        done = subprocess.run([*command, "--show-cpu-operations"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise _failed(path, f"it did not end within {_TIMEOUT_S:.0f} s") from error
    summaries = sorted(folder.glob("*_summary_*.csv"))
    if done.returncode or not summaries:
        raise _failed(path, next(iter((done.stderr or done.stdout).strip().splitlines()[-1:]), "it said nothing"))
    with summaries[-1].open(newline="") as file:
        row = next(csv.DictReader(file))
    refused = Counter((match["operator"], match["reason"].strip()) for match in _REFUSED.finditer(done.stdout))
    return NpuReport(
        accelerator=accelerator,
        tool=f"vela {found}",
        system=row["system_config"],
        on_cpu=tuple(f"{operator}: {reason}" + (f" ({count} times)" if count > 1 else "") for (operator, reason), count in refused.items()),
        on_cpu_count=sum(refused.values()),
        sram_bytes=round(1024 * float(row["sram_memory_used"])),
        flash_bytes=round(1024 * (float(row["off_chip_flash_memory_used"]) + float(row["on_chip_flash_memory_used"]))),
        macs=int(float(row["nn_macs"])),
        cycles=int(float(row["cycles_total"])),
        inference_s=float(row["inference_time"]),
    )


def _failed(path: Path, why: str) -> ModelError:
    return ModelError(
        f"vela cannot read {path.name}", code="target.vela", why=why, do=[("see its own words:", f"vela {path} --show-cpu-operations")]
    )
