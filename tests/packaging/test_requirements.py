"""What is installed: extras that hold what they say, one set of versions that fits all of them, and torch first in make test."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from edgekit.environments import known
from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def pins(path: Path) -> dict[str, Version]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!]+", line)] == [], "names and versions only"
    found = {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in lines)}
    assert len(found) == len(lines), "a name stands there twice"
    return found


def unfolded(extra: str) -> Iterator[Requirement]:
    """Yield the requirements of an extra, those of the extras it names included."""
    for text in EXTRAS[extra]:
        requirement = Requirement(text)
        if requirement.name == "edgekit":
            yield from itertools.chain.from_iterable(map(unfolded, sorted(requirement.extras)))
        else:
            yield requirement


def test_the_constraints_hold_one_version_of_everything_and_it_fits() -> None:
    pinned = pins(REPOSITORY / "constraints.txt")
    wanted = [*map(Requirement, PROJECT["dependencies"]), *unfolded("all"), *unfolded("dev")]
    assert [str(item) for item in wanted if canonicalize_name(item.name) not in pinned] == []
    assert [str(item) for item in wanted if not item.specifier.contains(pinned[canonicalize_name(item.name)], prereleases=True)] == []


def test_the_core_install_holds_no_framework() -> None:
    names = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert names.isdisjoint({"torch", "tensorflow", "keras", "onnx", "onnxruntime", "ai-edge-litert"})


def test_torch_is_an_extra_of_its_own() -> None:
    assert "torch" not in {item.name for extra in ("convert", "demo", "dev", "report", "mcu") for item in unfolded(extra)}
    assert {"torch", "litert-torch", "onnxscript", "onnx"} <= {item.name for item in unfolded("torch")}


def test_all_is_every_extra_that_can_live_together() -> None:
    apart = {"all", "dev", "demo", "tflite-legacy"}  # the legacy runtime needs another numpy
    everything = {str(item) for extra in EXTRAS.keys() - apart for item in unfolded(extra)}
    assert everything == {str(item) for item in unfolded("all")}


@pytest.mark.parametrize(("machine", "wanted"), [("x86_64", True), ("aarch64", False)])
def test_the_micro_interpreter_is_wanted_only_where_it_exists(machine: str, wanted: bool) -> None:
    [micro] = [item for item in unfolded("mcu") if item.name == "tflite-micro"]
    assert micro.marker is not None
    assert micro.marker.evaluate({"sys_platform": "linux", "platform_machine": machine}) is wanted
    assert micro.marker.evaluate({"sys_platform": "darwin", "platform_machine": machine}) is False


def test_the_legacy_runtime_is_the_same_as_an_extra_and_as_an_environment() -> None:
    stated = pins(REPOSITORY / "constraints-tflite-legacy.txt")
    assert stated == pins(known()["tflite-legacy"].requirements)
    assert all(item.specifier.contains(stated[canonicalize_name(item.name)]) for item in unfolded("tflite-legacy"))


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], list[str]]:
    """Return the commands that make would run for a target in a fresh clone."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / name, tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "TORCH", "PYTEST"))}

    def run(target: str) -> list[str]:
        command = ["make", "--dry-run", target, "PYTHON=python3"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return [line for line in done.stdout.splitlines() if not line.startswith("echo ")]

    return run


def place(lines: list[str], words: str) -> int:
    [found] = [number for number, line in enumerate(lines) if words in line]
    return found


def test_make_test_installs_torch_by_itself_before_what_needs_it(make: Callable[[str], list[str]]) -> None:
    lines = make("test")
    torch, everything = place(lines, '"torch=='), place(lines, ".[all,dev]")
    assert torch < everything
    assert re.search(r'pip --disable-pip-version-check install +"torch==2\.13\.0"$', lines[torch])
    assert "--constraint constraints.txt" in lines[everything]


def test_make_test_makes_the_environments_of_tools_before_the_tests_run(make: Callable[[str], list[str]]) -> None:
    lines = make("test")
    tests = place(lines, "/pytest")
    assert place(lines, "edgekit env create") < tests
    [named] = re.findall(r"for name in (.*); do", "\n".join(lines))
    assert set(named.split()) == set(known())


def test_make_check_installs_no_torch(make: Callable[[str], list[str]]) -> None:
    assert "torch" not in "".join(make("check"))
