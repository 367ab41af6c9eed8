"""Run a command on emulated instruments from a test, and skip the test, with the reason, where that cannot be had."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, clean_environment
from tests.instruments.plantfile import Plant
from tests.instruments.run import NOTHING


@dataclass(frozen=True)
class Ended:
    """Hold how the command ended, and the plant that it ran on."""

    returncode: int
    stdout: str
    stderr: str
    plant: Plant

    def json(self) -> Any:
        """Return the JSON that the command printed."""
        return json.loads(self.stdout)


def launch(spec: Mapping[str, Any], command: Sequence[str | Path], folder: Path, *options: str) -> list[str]:
    """Return the command line that runs `command` on `spec`, whose plant stays in `folder`/plant."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(spec))
    launcher = [sys.executable, "-m", "tests.instruments.run", "--plant", str(folder / "spec.json"), "--out", str(folder / "plant")]
    return [*launcher, *options, "--", *map(str, command)]


def run_on(
    spec: Mapping[str, Any],
    command: Sequence[str | Path],
    folder: Path,
    *options: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> Ended:
    """Run `command` on `spec` to its end; `options` are the launcher's ("--in-place", "--as-ordinary-user")."""
    environment = clean_environment({**(env or {}), "PYTHONPATH": str(REPOSITORY)})
    done = subprocess.run(
        launch(spec, command, folder, *options), env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode == NOTHING:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    return Ended(done.returncode, done.stdout, done.stderr, Plant(folder / "plant"))


def run_python(spec: Mapping[str, Any], script: str, folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Ended:
    """Run a Python script on `spec`; it must succeed."""
    done = run_on(spec, [sys.executable, "-c", script], folder, *options, env=env)
    assert done.returncode == 0, done.stderr
    return done
