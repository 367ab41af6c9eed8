"""Continuous integration refuses a skip that nobody agreed to."""

import subprocess
import sys
from pathlib import Path

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
