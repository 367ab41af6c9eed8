"""Build the digits network, and convert it, once per test session and for all its workers, through the front door."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import clean_environment


@dataclass(frozen=True)
class Digits:
    """Name the files that `edgekit models build digits_cnn` and `edgekit convert` wrote, and what the build said."""

    folder: Path
    said: Any

    @property
    def model(self) -> Path:
        return self.folder / "digits_cnn.keras"

    @property
    def artifacts(self) -> Path:
        return self.folder.parent / "artifacts"

    @property
    def data(self) -> tuple[str | Path, ...]:
        return ("--calib", self.folder / "digits_cnn.calib.npz", "--eval", self.folder / "digits_cnn.test.npz")


def _edgekit(*words: str | Path) -> Any:
    command = [sys.executable, "-m", "edgekit", "--json", *map(str, words)]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["data"]


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    if find_spec("tensorflow") is None:  # importing it here would cost each worker of the tests 0.7 GB
        pytest.skip("the convert extra is not installed")
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "digits"
    root.mkdir(exist_ok=True)
    said = root / "said.json"
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first worker builds, the others wait for it
        if not said.exists():
            answer = _edgekit("models", "build", "digits_cnn", "--out", root / "model")
            built = Digits(root / "model", answer)
            _edgekit("convert", built.model, *built.data, "--out", built.artifacts)
            said.write_text(json.dumps(answer))
    return Digits(root / "model", json.loads(said.read_text()))
