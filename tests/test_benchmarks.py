"""Every benchmark can be started, and all say alike on what they ran."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((ROOT / "benchmarks").glob("*/run.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.parent.name)
def test_a_benchmark_finds_what_it_needs_from_anywhere(script: Path, tmp_path: Path) -> None:
    load = [sys.executable, "-c", "import runpy, sys; runpy.run_path(sys.argv[1])", str(script)]
    done = subprocess.run(load, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_machine_is_described_in_one_place() -> None:
    assert [path.parent.name for path in SCRIPTS if "os.cpu_count()" in path.read_text()] == ["scoreboard"]
