"""The packed runner: the same bytes every time, only the package `runner`, and it runs where edgekit is not."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from edgekit.devices.pack import deploy, pack_runner
from tests.conftest import REPOSITORY

RUNNER = REPOSITORY / "edgekit" / "runner"


def test_two_packings_are_the_same_bytes_whatever_the_files_dates_and_modes(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(RUNNER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert pack_runner() == pack_runner(copy)


def test_it_holds_the_package_runner_and_nothing_else() -> None:
    with zipfile.ZipFile(io.BytesIO(pack_runner())) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    expected = {f"runner/{path.relative_to(RUNNER).as_posix()}" for path in RUNNER.rglob("*.py")}
    assert set(names) == expected | {"__main__.py"}
    assert names == sorted(names)


def test_a_changed_source_gets_another_name(tmp_path: Path) -> None:
    copy = tmp_path / "runner"
    shutil.copytree(RUNNER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "wire.py").write_text((copy / "wire.py").read_text() + "\n# changed\n")
    assert pack_runner(copy) != pack_runner()


def test_deploy_names_the_file_by_its_content_and_repairs_a_damaged_one(tmp_path: Path) -> None:
    path = deploy(tmp_path / "a" / "b")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f"runner-{digest[:12]}.pyz"
    written = path.stat().st_mtime_ns
    assert deploy(tmp_path / "a" / "b") == path
    assert path.stat().st_mtime_ns == written
    path.write_bytes(b"half")
    assert deploy(tmp_path / "a" / "b").read_bytes() == pack_runner()


def test_it_runs_outside_the_project_without_site_packages(tmp_path: Path) -> None:
    path = tmp_path / "with a space" / "r.pyz"
    path.parent.mkdir()
    path.write_bytes(pack_runner())
    question = b'{"id":1,"op":"hello","protocol":1}\n'
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(path), "infer"], input=question, cwd=path.parent, env={}, capture_output=True, check=True
    )
    assert b'"ok":true' in done.stdout
    assert done.stderr == b""
