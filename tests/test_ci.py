"""Continuous integration refuses a skip that nobody agreed to, and runs the tests of a group on one worker."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_one"><skipped type="pytest.skip" message="{reason}"/></testcase>
<testcase classname="tests.a" name="test_two"/>
</testsuite></testsuites>"""


def run(tmp_path: Path, reason: str) -> subprocess.CompletedProcess[str]:
    junit, allowed = tmp_path / "junit.xml", tmp_path / "allowed.txt"
    junit.write_text(JUNIT.format(reason=reason))
    allowed.write_text("# a comment\n^needs a Pi$\n")
    command = [sys.executable, REPOSITORY / ".ci/skips.py", junit, allowed]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_agreed_skip_passes(tmp_path: Path) -> None:
    assert run(tmp_path, "needs a Pi").returncode == 0


def test_any_other_skip_fails_and_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "flaky today")
    assert done.returncode == 1
    assert "tests.a::test_one: flaky today" in done.stdout


@pytest.mark.slow
def test_the_tests_of_a_group_run_on_one_worker(tmp_path: Path) -> None:
    (tmp_path / "test_group.py").write_text(
        "import os, pytest\n"
        "@pytest.mark.xdist_group('one')\n"
        "@pytest.mark.parametrize('number', range(20))\n"
        "def test_one(number):\n"
        "    print('worker', os.environ['PYTEST_XDIST_WORKER'])\n"
    )
    command = [sys.executable, "-m", "pytest", "-rP", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    workers = {line for line in done.stdout.splitlines() if line.startswith("worker ")}
    assert len(workers) == 1, "fixtures that a module makes once would be made by each worker"
