"""Ask the firmware of a Raspberry Pi through its command `vcgencmd`."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from typing import Mapping, Optional

_ELSEWHERE = "/usr/bin:/opt/vc/bin"
_PATIENCE_S = 2.0
_MOST_BYTES = 1 << 16  # the longest answer, the one about all rails, takes 2 kB


def find(roots: Mapping[str, str]) -> Optional[str]:
    """Return the absolute path of vcgencmd, to be looked up once, so that a changed PATH cannot put another program in its place."""
    return shutil.which("vcgencmd", path=roots.get("vcgencmd") or os.environ.get("PATH", "") + os.pathsep + _ELSEWHERE)


def ask(command: str, question: str) -> str:
    """Return what the command answers; raise OSError or ValueError where it fails, ends too late or never stops."""
    with subprocess.Popen([command, question], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            answer = _answer(process)
        except BaseException:
            process.kill()
            raise
    text = answer.decode("utf-8", "replace")
    if process.returncode != 0:
        raise ValueError(text.strip() or f"exit status {process.returncode}")
    return text


def _answer(process: "subprocess.Popen[bytes]") -> bytes:
    """Return all that a process says until it ends, within bounds of time and length."""
    deadline, answer = time.monotonic() + _PATIENCE_S, b""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    while True:
        left_s = max(0.0, deadline - time.monotonic())
        if not left_s or not select.select([pipe], [], [], left_s)[0]:
            raise TimeoutError(f"its answer did not end within {_PATIENCE_S:g} s")
        chunk = os.read(pipe, _MOST_BYTES)
        answer += chunk
        if len(answer) > _MOST_BYTES:
            raise ValueError(f"its answer does not end: it is longer than {_MOST_BYTES} bytes")
        if not chunk:
            process.wait(max(0.1, deadline - time.monotonic()))
            return answer
