"""Offer what every test may need: the front door, the shared data, an ordinary user, a tiny disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("edgekit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("edgekit")

REPOSITORY = Path(__file__).resolve().parents[1]

# What self-tests of the developer's own instruments found out must not reach a test, nor the other way round.
NO_SELF_TESTS = tempfile.TemporaryDirectory(prefix="edgekit-tests-data-")
os.environ["XDG_DATA_HOME"] = NO_SELF_TESTS.name
# Thousands of processes are started here: where none kept its byte code, each would compile edgekit anew, a fifth of its time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--hardware", action="store_true", help="also run the tests that need a real instrument")


@pytest.hookimpl(tryfirst=True)  # pytest-xdist then reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _shares_a_fixture(item) and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    if not config.getoption("--hardware"):
        skip = pytest.mark.skip(reason="needs a real instrument: run with --hardware")
        for item in items:
            if "hardware" in item.keywords:
                item.add_marker(skip)


def _shares_a_fixture(item: pytest.Item) -> bool:
    """Say whether a fixture of the item's module is made once for its tests: one worker is to run them, or each would make its own."""
    if not isinstance(item, pytest.Function):
        return False
    module = item.nodeid.partition("::")[0]
    known = item._fixtureinfo.name2fixturedefs.values()
    return any(found[-1].scope != "function" and found[-1].baseid == module for found in known)


@dataclass(frozen=True)
class Completed:
    """Hold how one edgekit process ended."""

    returncode: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Return the one JSON document on stdout."""
        return json.loads(self.stdout)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment every edgekit process of a test sees: no EDGEKIT_* of the developer, fixed width, colour and zone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EDGEKIT_", "_EDGEKIT_"))}
    return {
        **kept,
        "EDGEKIT_DATA": NO_SELF_TESTS.name,
        "COLUMNS": "120",
        "NO_COLOR": "1",
        "TZ": "UTC",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **(extra or {}),
    }


@pytest.fixture
def run_edgekit(tmp_path: Path) -> Callable[..., Completed]:
    """Run `python -m edgekit ARGS` in `cwd` (default: tmp_path) and return how it ended."""

    def run(
        *args: str | Path,
        cwd: Path = tmp_path,
        env: Mapping[str, str] | None = None,
        input: str | None = None,  # noqa: A002 -- the name of subprocess.run
        timeout: float = 300,
    ) -> Completed:
        command = [sys.executable, "-m", "edgekit", *map(str, args)]
        done = subprocess.run(
            command, cwd=cwd, env=clean_environment(env), input=input, capture_output=True, text=True, timeout=timeout, check=False
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of published measurements that EDGEKIT_SHARED_DATA names."""
    named = os.environ.get("EDGEKIT_SHARED_DATA")
    if not named or not Path(named).is_dir():
        pytest.skip("EDGEKIT_SHARED_DATA does not name a folder")
    return Path(named)


@pytest.fixture
def as_ordinary_user() -> Callable[..., Completed]:
    """Run a command that may not write where it has no permission: root gives up the right to override file modes."""
    if os.name != "posix":
        pytest.skip("needs POSIX users")
    prefix: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root needs setpriv (util-linux) to run a command as an ordinary user")
        # Not another user id: the Python under test may live in a home that only its owner can enter.
        rights = "-dac_override,-dac_read_search,-fowner,-chown,-setuid"
        prefix = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]

    def run(argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 120) -> Completed:
        environment = clean_environment({"HOME": str(cwd), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})})
        command = [*prefix, *map(str, argv)]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
        return Completed(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 64 kB."""
    if os.geteuid() != 0 or not sys.platform.startswith("linux") or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root on Linux")
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0777", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """Return a file that carries the mark of a TFLite model and nothing else: enough for the emulated device."""
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\0\0\0\0TFL3" + bytes(2992))
    return path
