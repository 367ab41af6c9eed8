"""Turn the processor time of the watched processes into activity, about a thousand times a second."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from tests.instruments.plantfile import Plant

PERIOD_S = 0.001
LOOK_S = 0.02
STEP = 1 / 64
"""Levels are whole numbers of this, so that a steady load is one event and not a thousand a second."""


class Watch:
    """Follow one process and its descendants; a level of 1 is one core's full time."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._parents: dict[int, int] = {}
        self._spent_ns: dict[int, int] = {}

    def look(self) -> None:
        """Find the descendants that have come; their time counts from now on."""
        present = {int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()}
        self._parents = {pid: parent for pid, parent in self._parents.items() if pid in present}
        for pid in present - self._parents.keys():
            with contextlib.suppress(OSError, ValueError, IndexError):
                self._parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        family, frontier = {self._root}, {self._root}
        while frontier:
            frontier = {pid for pid, parent in self._parents.items() if parent in frontier} - family
            family |= frontier
        for pid in family - self._spent_ns.keys():
            with contextlib.suppress(OSError):
                self._spent_ns[pid] = _spent_ns(pid)

    def spent_ns(self) -> int:
        """Return the processor time used since the last call."""
        used = 0
        for pid, before in list(self._spent_ns.items()):
            try:
                now = _spent_ns(pid)
            except OSError:  # it has ended; what it used since the last look is lost
                del self._spent_ns[pid]
                continue
            used += now - before
            self._spent_ns[pid] = now
        return used


def follow(plant: Plant) -> None:
    """Record the channel "cpu" of `plant` for ever; return at once where no rail has one."""
    history = plant.channels.get("cpu")
    if history is None:
        return
    cores = os.cpu_count() or 1
    while not plant.head.watch_pid:
        time.sleep(PERIOD_S)
    watch = Watch(int(plant.head.watch_pid))
    watch.look()
    before = looked = time.monotonic_ns()
    while True:
        time.sleep(PERIOD_S)
        now = time.monotonic_ns()
        level = min(float(cores), watch.spent_ns() / (now - before))
        before = now
        history.append(round(level / STEP) * STEP)
        if now - looked > LOOK_S * 1e9:
            watch.look()
            looked = now


def _spent_ns(pid: int) -> int:
    return time.clock_gettime_ns((~pid << 3) | 2)  # clock_getcpuclockid(3): all threads of the process
