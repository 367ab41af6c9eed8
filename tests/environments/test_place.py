"""An environment is used only when all of it is there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.environments import Environment, State, find, known, look, place
from edgekit.environments.place import MARK, dump

WANTED = known()["onnx2tf"]


def laid(data: Path, **changes: str) -> Path:
    folder = place("onnx2tf", data)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("")
    stated = {"name": "onnx2tf", "python_version": "3.12.1", "created": "2026-01-01T00:00:00Z", "digest": WANTED.digest, **changes}
    (folder / MARK).write_text(dump(Environment(folder=folder, versions={"onnx2tf": "2.6.9"}, **stated)))
    return folder


def test_what_is_ready_is_found_with_its_python_and_versions(tmp_path: Path) -> None:
    folder = laid(tmp_path)
    found = find("onnx2tf", tmp_path)
    assert found is not None
    assert (found.python, found.bin, found.versions) == (folder / "bin" / "python", folder / "bin", {"onnx2tf": "2.6.9"})


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert find("onnx2tf", tmp_path) is None
    assert find("no such environment", tmp_path) is None
    assert look(WANTED, tmp_path) == (State.ABSENT, None)


@pytest.mark.parametrize("mark", ["", "{", "[]", "{}", '{"name": "onnx2tf"}', '{"versions": 3}', "\x00", None])
def test_half_an_environment_is_not_used(tmp_path: Path, mark: str | None) -> None:
    folder = laid(tmp_path)
    (folder / MARK).unlink() if mark is None else (folder / MARK).write_text(mark)
    assert find("onnx2tf", tmp_path) is None
    assert look(WANTED, tmp_path)[0] is State.UNFINISHED


def test_one_made_from_other_packages_is_outdated(tmp_path: Path) -> None:
    laid(tmp_path, digest="0" * 64)
    assert look(WANTED, tmp_path) == (State.OUTDATED, None)


def test_one_whose_python_is_gone_is_broken(tmp_path: Path) -> None:
    python = laid(tmp_path) / "bin" / "python"
    python.unlink()
    python.symlink_to(tmp_path / "removed")
    assert look(WANTED, tmp_path) == (State.BROKEN, None)


def test_one_that_was_moved_is_broken(tmp_path: Path) -> None:
    laid(tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    assert look(WANTED, tmp_path / "there") == (State.BROKEN, None)


def test_the_data_folder_of_the_environment_variable_is_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laid(tmp_path)
    monkeypatch.setenv("EDGEKIT_DATA", str(tmp_path))
    assert find("onnx2tf") is not None


@pytest.mark.parametrize("name", known())
def test_every_package_is_pinned_and_the_one_it_is_for_is_among_them(name: str) -> None:
    wanted = known()[name]
    assert all(pin.count("==") == 1 for pin in wanted.pins)
    assert wanted.package in {pin.partition("==")[0] for pin in wanted.pins}


def test_the_digest_is_of_the_pins_not_of_the_remarks(tmp_path: Path) -> None:
    one, other = tmp_path / "a.txt", tmp_path / "b.txt"
    one.write_text("# a remark\na==1\n")
    other.write_text("a==1\n\n")
    assert replace(WANTED, requirements=one).digest == replace(WANTED, requirements=other).digest
    other.write_text("a==2\n")
    assert replace(WANTED, requirements=one).digest != replace(WANTED, requirements=other).digest


def test_the_mark_is_json_with_a_schema(tmp_path: Path) -> None:
    stated = json.loads((laid(tmp_path) / MARK).read_text())
    assert stated["schema"] == "edgekit.environment/1"
