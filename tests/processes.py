"""Look at the processes a test started."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable


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
