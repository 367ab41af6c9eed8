"""A Python is found where it is, what does not start is passed over, and a refusal says what was tried."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.core.errors import SetupError
from edgekit.environments import known
from edgekit.environments.pythons import choose
from edgekit.links.shell import LocalShell

WANTED = known()["onnx2tf"]
OLD = "/no/such/python"


def program(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def says(version: str) -> str:
    return f"echo '[[{version.replace('.', ', ')}], \"linux\"]'"


def test_the_oldest_that_fits_is_taken(tmp_path: Path) -> None:
    program(tmp_path, "python3.13", says("3.13.1"))
    wanted = program(tmp_path, "python3.12", says("3.12.4"))
    found = choose(WANTED, named=None, shell=LocalShell(), path=str(tmp_path), own=OLD)
    assert (found.path, found.version) == (wanted, (3, 12, 4))


def test_edgekits_own_python_comes_first_when_it_fits(tmp_path: Path) -> None:
    program(tmp_path, "python3.12", says("3.12.4"))
    own = program(tmp_path, "own", says("3.13.0"))
    assert choose(WANTED, named=None, shell=LocalShell(), path=str(tmp_path), own=str(own)).path == own


def test_shims_that_fail_are_passed_over_and_what_is_behind_them_is_used(tmp_path: Path) -> None:
    program(tmp_path / "pyenv" / "shims", "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    behind = program(tmp_path / "pyenv" / "versions" / "3.12.9" / "bin", "python3.12", says("3.12.9"))
    found = choose(WANTED, named=None, shell=LocalShell(), path=str(tmp_path / "pyenv" / "shims"), own=OLD)
    assert found.path == behind


def test_another_folder_of_path_is_tried_after_one_that_fails(tmp_path: Path) -> None:
    program(tmp_path / "a", "python3.12", "exit 127")
    good = program(tmp_path / "b", "python3.12", says("3.12.1"))
    assert choose(WANTED, named=None, shell=LocalShell(), path=f"{tmp_path / 'a'}:{tmp_path / 'b'}", own=OLD).path == good


def test_none_that_fits_is_refused_plainly_and_each_one_is_named(tmp_path: Path) -> None:
    program(tmp_path, "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    program(tmp_path, "python3.13", "echo \"ModuleNotFoundError: No module named 'ensurepip'\" >&2; exit 1")
    program(tmp_path, "python3", says("3.11.2"))
    with pytest.raises(SetupError) as caught:
        choose(WANTED, named=None, shell=LocalShell(), path=str(tmp_path), own=OLD)
    assert caught.value.code == "environment.no_python"
    assert "no Python 3.12 to 3.13" in caught.value.what
    for words in ("command not found", "ensurepip is missing (Debian and Ubuntu: python3-venv)", "python3: it is Python 3.11.2"):
        assert words in caught.value.why
    assert any("--python" in command for _, command in caught.value.do)


@pytest.mark.parametrize(
    ("body", "why"), [(says("3.11.0"), "it is Python 3.11.0"), ("echo hello", "it answered hello"), ("exit 3", "without a word")]
)
def test_a_named_python_is_the_only_one_tried(tmp_path: Path, body: str, why: str) -> None:
    program(tmp_path, "python3.12", says("3.12.1"))
    with pytest.raises(SetupError) as caught:
        choose(WANTED, named=program(tmp_path, "mine", body), shell=LocalShell(), path=str(tmp_path), own=OLD)
    assert why in caught.value.why
    assert "mine" in caught.value.what


def test_a_real_python_answers() -> None:
    fits = replace(WANTED, python=(3, 11), below=(4, 0))
    assert choose(fits, named=Path(sys.executable), shell=LocalShell()).version == sys.version_info[:3]
