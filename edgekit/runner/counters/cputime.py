"""Count the processor time of processes, in nanoseconds: what a machine without any sensor can still say.

On Linux every process has a CPU clock that any other process may read (clock_getcpuclockid(3): the id is ~pid << 3 | 2). It covers
all threads, which /proc/PID/schedstat does not (that file is the main thread's alone). Where the clock is refused, utime + stime of
/proc/PID/stat serve, in ticks of 10 ms. Elsewhere the inference process reports its own time at the edges of its windows
("edges": true), and nothing is sampled.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from . import Opened, offered, refused

_SCHED = 2


def probe(roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return one channel: the processor time of the inference processes together."""
    channel = {"id": "cputime.process", "domain": "process", "raw_unit": "ns", "measurand": "cpu_time"}
    if "proc" not in roots and not sys.platform.startswith("linux"):
        return {**offered([channel], "process CPU time, read at the edges of windows"), "edges": True}
    try:
        source, quantum = _source(roots, os.getpid())
    except (OSError, ValueError, IndexError) as error:
        return refused(f"neither a CPU clock nor {roots.get('proc', '/proc')}/PID/stat can be read", str(error))
    return offered([{**channel, "quantum": quantum}], source)


def start(roots: Mapping[str, str], pids: Sequence[int], found: Optional[Mapping[str, Any]] = None) -> CpuTime:
    """Return the counter over `pids`."""
    return CpuTime(roots, pids)


class CpuTime(Opened):
    """Add up the processor time of several processes."""

    def __init__(self, roots: Mapping[str, str], pids: Sequence[int]) -> None:
        super().__init__()
        self._reads: List[Callable[[], int]] = [_lasting(_reader(roots, pid)) for pid in pids]
        if not _edges(roots):
            self.readers = [("cputime.process", self._total)]

    def _total(self) -> int:
        return sum(read() for read in self._reads)


def _edges(roots: Mapping[str, str]) -> bool:
    return "proc" not in roots and not sys.platform.startswith("linux")


def _source(roots: Mapping[str, str], pid: int) -> Tuple[str, int]:
    if "proc" not in roots:
        try:
            time.clock_gettime_ns(_clock_of(pid))
            return "CPU clock of the process", 1
        except OSError:
            pass
    _ticks(roots.get("proc", "/proc"), pid)
    return "utime + stime of /proc/PID/stat", _tick_ns()


def _reader(roots: Mapping[str, str], pid: int) -> Callable[[], int]:
    if _source(roots, pid)[1] == 1:
        clock = _clock_of(pid)
        return lambda: time.clock_gettime_ns(clock)
    proc, tick_ns = roots.get("proc", "/proc"), _tick_ns()
    return lambda: _ticks(proc, pid) * tick_ns


def _lasting(read: Callable[[], int]) -> Callable[[], int]:
    """Repeat the last reading once the process has ended: it uses no more time, and the total of the others must not step back."""
    last = 0

    def reading() -> int:
        nonlocal last
        with contextlib.suppress(OSError):
            last = read()
        return last

    return reading


def _clock_of(pid: int) -> int:
    return (~pid << 3) | _SCHED


def _ticks(proc: str, pid: int) -> int:
    with open(f"{proc}/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def _tick_ns() -> int:
    return 1_000_000_000 // os.sysconf("SC_CLK_TCK")
