"""Say on what a benchmark ran."""

from __future__ import annotations

import os
import platform


def machine() -> str:
    """Return the processor, and how the programs were scheduled where that is not the usual way."""
    told = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) == os.SCHED_FIFO:
        told += f", all programs at real-time priority on {len(os.sched_getaffinity(0))} core(s)"
    return told
