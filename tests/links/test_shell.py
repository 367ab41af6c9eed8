"""Processes as the shell starts them: lines both ways, patience with an end, and nothing left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edgekit.core.errors import HardwareError, SetupError
from edgekit.links.shell import STDERR_LINES, LocalProcess, LocalShell


def python(code: str, **env: str) -> LocalProcess:
    return LocalShell().spawn([sys.executable, "-u", "-c", code], env=env or None)


def gone(pid: int) -> bool:
    """Return True once the process has ended, waiting a little for the kernel."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_lines_go_in_and_come_out() -> None:
    process = python("import sys\nfor line in sys.stdin: print(line.strip().upper())")
    for word in ("one", "zwölf", ""):
        process.write_line(word)
        assert process.read_line(10) == word.upper()
    process.close()
    assert process.returncode == 0


def test_two_lines_in_one_write_are_two_lines_and_the_end_is_none() -> None:
    process = python("print('a\\nb')")
    assert [process.read_line(10) for _ in range(4)] == ["a", "b", None, None]
    process.close()


def test_a_silent_process_times_out_and_can_still_be_read_later() -> None:
    process = python("import sys; sys.stdin.readline(); print('at last')")
    with pytest.raises(TimeoutError):
        process.read_line(0.05)
    process.write_line("")
    assert process.read_line(10) == "at last"
    process.close()


def test_half_a_line_is_not_a_line() -> None:
    process = python("import sys; sys.stdout.write('half'); sys.stdout.flush(); sys.stdin.readline(); print(' whole')")
    with pytest.raises(TimeoutError):
        process.read_line(0.3)
    process.write_line("")
    assert process.read_line(10) == "half whole"
    process.close()


def test_the_last_complaints_are_kept_and_no_more() -> None:
    process = python("import sys\nfor n in range(1000): print('line', n, file=sys.stderr)\nsys.exit(3)")
    assert process.read_line(10) is None
    process.close()
    lines = process.complaints().splitlines()
    assert len(lines) == STDERR_LINES
    assert lines[-1] == "line 999"
    assert process.returncode == 3


def insist(process: LocalProcess) -> None:
    """Write more than any pipe holds."""
    for _ in range(100):
        process.write_line("x" * 10_000)


def test_writing_to_an_ended_process_says_why_it_ended() -> None:
    process = python("import sys; sys.exit('no such board')")
    assert process.read_line(10) is None
    with pytest.raises(HardwareError) as caught:
        insist(process)
    assert caught.value.why == "no such board"
    process.close()


def test_the_environment_is_added_to_ours() -> None:
    process = python("import os; print(os.environ['EK_TEST'], 'PATH' in os.environ)", EK_TEST="here")
    assert process.read_line(10) == "here True"
    process.close()


def test_a_program_that_does_not_exist_is_a_setup_error() -> None:
    with pytest.raises(SetupError) as caught:
        LocalShell().spawn(["/nonexistent/python"])
    assert caught.value.code == "process.start"


def test_close_ends_a_process_that_ignores_everything_and_its_children() -> None:
    stubborn = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid); time.sleep(600)\n"
    )
    process = python(stubborn)
    child = int(process.read_line(20) or 0)
    process.close(grace_s=0.1)
    process.close()
    assert process.returncode == -9
    assert gone(child)


def test_close_ends_the_children_of_a_process_that_left_by_itself() -> None:
    process = python("import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)")
    child = int(process.read_line(20) or 0)
    process.close()
    assert gone(child)


def test_ctrl_c_in_the_terminal_does_not_reach_the_process() -> None:
    process = python("import os; print(os.getsid(0), os.getpgid(0))")
    session, group = (process.read_line(10) or "").split()
    assert session == group == str(process.pid)
    process.close()


def test_put_names_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"x")
    assert Path(LocalShell().put(tmp_path / "." / "m.tflite")) == (tmp_path / "m.tflite").resolve()


def test_a_parent_that_dies_closes_the_childs_input() -> None:
    """Nobody is left to call close, and the child still learns of it."""
    parent = (
        "import os, sys\n"
        "from edgekit.links.shell import LocalShell\n"
        "process = LocalShell().spawn([sys.executable, '-c', 'import sys; sys.stdin.read()'])\n"
        "print(process.pid, flush=True)\n"
        "os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 9
    assert gone(int(done.stdout))


@pytest.mark.slow
def test_ctrl_c_in_the_moment_before_a_wait_is_heard_long_before_its_end() -> None:
    # A signal that another thread of this program takes interrupts no wait of the main one, just as one that comes before it.
    with contextlib.closing(LocalShell().spawn([sys.executable, "-c", "import time; time.sleep(60)"])) as process:
        threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)).start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            process.read_line(30.0)
        assert time.monotonic() - begun < 10
