"""End a child process that takes too long or too much memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULT_TIME_S: Final = 1800.0
_SHARE: Final = 0.9  # of the machine's memory: what is above would push out everything else
_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Hold what one child may take: bytes of resident memory, with the processes it starts, and seconds; None: as much as it likes."""

    memory_bytes: int | None = None
    time_s: float | None = None


@dataclass(slots=True)
class Excess:
    """Hold which limit was exceeded, in words; None as long as none was."""

    words: str | None = None


def default_limits() -> Limits:
    """Return the limits of a conversion for which none are given: half an hour, and nine tenths of this machine's memory."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Limits(memory_bytes=int(_SHARE * pages * size), time_s=DEFAULT_TIME_S)


@contextlib.contextmanager
def watched(pid: int, limits: Limits, *, end: Callable[[], None], resident: Callable[[int], int] | None = None) -> Iterator[Excess]:
    """Call `end` when process `pid` exceeds `limits` while the context is open; what is yielded then says which.

    `resident` returns the bytes that a process and those it started have in memory, 0 when it is gone.
    """
    excess = Excess()
    if limits == Limits():
        yield excess
        return
    done = threading.Event()
    size = resident or resident_bytes
    thread = threading.Thread(target=_watch, args=(pid, limits, end, size, done, excess), daemon=True)
    thread.start()
    try:
        yield excess
    finally:
        done.set()
        thread.join()


def _watch(
    pid: int, limits: Limits, end: Callable[[], None], resident: Callable[[int], int], done: threading.Event, excess: Excess
) -> None:
    began = time.monotonic()
    while not done.wait(_LOOK_S):
        if limits.time_s is not None and time.monotonic() - began > limits.time_s:
            excess.words = f"it took longer than {limits.time_s:g} s; --timeout moves this limit"
        elif limits.memory_bytes is not None and resident(pid) > limits.memory_bytes:
            excess.words = f"it took more than {limits.memory_bytes / (1 << 30):.3g} GiB of memory; --memory moves this limit"
        else:
            continue
        end()
        return


def resident_bytes(pid: int, proc: Path = Path("/proc")) -> int:
    """Return the bytes of resident memory of a process and its descendants; 0 when it is gone."""
    if not proc.is_dir():
        return _ask_ps(pid)
    total, waiting = 0, [pid]
    while waiting:
        process = proc / str(waiting.pop())
        with contextlib.suppress(OSError, IndexError, ValueError):
            total += int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for task in (process / "task").iterdir():
                with contextlib.suppress(OSError):
                    waiting.extend(int(child) for child in (task / "children").read_text().split())
    return total


def _ask_ps(pid: int) -> int:
    """Return the resident bytes of one process where there is no /proc, as on macOS."""
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
    return int(told) * 1024 if told.isdigit() else 0
