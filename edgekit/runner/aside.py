"""Leave the cores of the inference processes to them."""

from __future__ import annotations

import os
from typing import Optional, Sequence, Set


def step_aside(pids: Sequence[int]) -> Optional[int]:
    """Pin this process to one core that none of `pids` ran on last; return the core, or None where that is not possible."""
    try:
        cores = os.sched_getaffinity(0)
        busy: Set[int] = {core for core in map(_core_of, pids) if core is not None}
        free = sorted(cores - busy)
        if len(cores) < 2 or not free:
            return None
        os.sched_setaffinity(0, {free[-1]})
        return free[-1]
    except (AttributeError, OSError):
        return None


def _core_of(pid: int) -> Optional[int]:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[36])
    except (OSError, IndexError, ValueError):
        return None
