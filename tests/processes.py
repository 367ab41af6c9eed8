"""Look at the processes a test started, and write programs for it to start."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def descendants(pid: int) -> dict[int, str]:
    """Return every process below `pid` with its command line."""
    rows = [
        line.split(None, 2)
        for line in subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    ]
    found: dict[int, str] = {}
    parents = {pid}
    while parents:
        children = {int(row[0]): row[2] for row in rows if int(row[1]) in parents and int(row[0]) not in found}
        found.update(children)
        parents = set(children)
    return found


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
    """Wait for a condition; fail with `what` when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.05)


def python_program(path: Path, code: str) -> Path:
    """Write a program that runs `code` and return its path; a shell starts it, because a #! line takes no Python whose path has a space."""
    path.with_name(f"{path.name}.py").write_text(code)
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$0.py" "$@"\n')
    path.chmod(0o755)
    return path
