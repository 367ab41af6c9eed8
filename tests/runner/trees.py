"""Build the folders that Linux would show: a powercap tree, /proc and /sys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

INTEL_MAX_UJ = 262_143_328_850
AMD_MAX_UJ = 65_532_610_987


def write(root: Path, files: Mapping[str, str | int]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def powercap(root: Path, zones: Mapping[str, tuple[str, int]], maximum: int | None = INTEL_MAX_UJ) -> Path:
    """Write zones: folder name -> (zone name, energy in µJ)."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "intel-rapl").mkdir(exist_ok=True)
    for folder, (name, energy) in zones.items():
        files: dict[str, str | int] = {f"{folder}/name": name, f"{folder}/energy_uj": energy}
        if maximum is not None:
            files[f"{folder}/max_energy_range_uj"] = maximum
        write(root, files)
    return root


LAPTOP = {
    "intel-rapl:0": ("package-0", 1_000_000),
    "intel-rapl:0:0": ("core", 400_000),
    "intel-rapl:0:1": ("uncore", 100_000),
    "intel-rapl:0:2": ("dram", 200_000),
    "intel-rapl:1": ("psys", 3_000_000),
}
