"""A converter that eats memory, hangs or hides behind its own children is ended, and the reason is said."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekit.converters.limits import Limits, default_limits, resident_bytes
from edgekit.converters.process import Children

HUNGRY = "held = bytearray(400 << 20)\nfor at in range(0, len(held), 4096): held[at] = 1\nimport time; time.sleep(60)"


def run(code: str, limits: Limits) -> tuple[str, float]:
    began = time.monotonic()
    with Children(limits=limits) as children:
        ended = children.run([sys.executable, "-c", code], on_event=lambda _: None)
    assert ended.crashed
    return ended.cause(), time.monotonic() - began


def test_a_child_that_takes_too_much_memory_is_ended() -> None:
    cause, took_s = run(HUNGRY, Limits(memory_bytes=200 << 20, time_s=50))
    assert cause == "it took more than 0.195 GiB of memory; --memory moves this limit"
    assert took_s < 45


def test_memory_of_its_own_children_counts() -> None:
    cause, _ = run(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HUNGRY!r}])", Limits(memory_bytes=200 << 20, time_s=50))
    assert "GiB of memory" in cause


def test_a_child_that_hangs_is_ended() -> None:
    cause, took_s = run("import time; time.sleep(60)", Limits(time_s=0.5))
    assert cause == "it took longer than 0.5 s; --timeout moves this limit"
    assert took_s < 30


def test_a_child_within_its_limits_is_left_alone() -> None:
    with Children(limits=Limits(memory_bytes=4 << 30, time_s=60)) as children:
        ended = children.run([sys.executable, "-c", "print(1)"], on_event=lambda _: None)
    assert (ended.status, ended.excess) == (0, None)


def test_resident_memory_is_read_with_that_of_descendants(tmp_path: Path) -> None:
    def process(pid: int, pages: int, children: str) -> None:
        task = tmp_path / str(pid) / "task" / str(pid)
        task.mkdir(parents=True)
        (tmp_path / str(pid) / "statm").write_text(f"9 {pages} 1 1 0 1 0\n")
        (task / "children").write_text(children)

    process(1, 10, "2 3 ")
    process(2, 20, "")
    process(3, 30, "4 999999")
    process(4, 40, "")
    assert resident_bytes(1, tmp_path) == 100 * os.sysconf("SC_PAGE_SIZE")
    assert resident_bytes(77, tmp_path) == 0


def test_where_there_is_no_proc_ps_is_asked(tmp_path: Path) -> None:
    if subprocess.run(["which", "ps"], capture_output=True, check=False).returncode:
        pytest.skip("this machine has no ps")
    assert resident_bytes(os.getpid(), tmp_path / "absent") > 10 << 20


def test_the_usual_limits_leave_room_for_the_machine() -> None:
    usual = default_limits()
    assert usual.memory_bytes is not None
    assert 0 < usual.memory_bytes < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert usual.time_s == 1800
