"""Build the digits network once per test session, through the front door."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import clean_environment


@dataclass(frozen=True)
class Digits:
    """Name the files that `edgekit models build digits_cnn` wrote, and what it said."""

    folder: Path
    said: Any

    @property
    def model(self) -> Path:
        return self.folder / "digits_cnn.keras"

    @property
    def data(self) -> tuple[str | Path, ...]:
        return ("--calib", self.folder / "digits_cnn.calib.npz", "--eval", self.folder / "digits_cnn.test.npz")


@cache
def build(folder: Path) -> Digits:
    command = [sys.executable, "-m", "edgekit", "--json", "models", "build", "digits_cnn", "--out", str(folder)]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return Digits(folder, json.loads(done.stdout)["data"])


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    pytest.importorskip("tensorflow", reason="the convert extra is not installed")
    return build(tmp_path_factory.getbasetemp() / "digits")
