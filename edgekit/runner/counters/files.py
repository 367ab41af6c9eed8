"""Read the small files in which Linux shows its counters: one line, one value, a newline at its end."""

from __future__ import annotations

import errno
import math
import os
import stat
from typing import Callable, List, Optional

_LONGEST_MS = 600_000
_MOST_CHARACTERS = 1 << 22  # /proc/cpuinfo of a thousand processors; more is none of the kernel's small files


def text_of(path: str) -> str:
    """Return a file's text without its newline; raise OSError."""
    with open(_opened(path), encoding="utf-8", errors="replace") as file:
        return file.read(_MOST_CHARACTERS).strip("\0 \n")


def optional_text(path: str) -> str:
    """Return a file's text, or "" where it cannot be read."""
    try:
        return text_of(path)
    except OSError:
        return ""


def optional_number(path: str) -> Optional[float]:
    """Return a file's finite number, or None where it cannot be read or is none."""
    try:
        found = float(text_of(path))
    except (OSError, ValueError):
        return None
    return found if math.isfinite(found) else None


def optional_period_s(path: str) -> Optional[float]:
    """Return an update interval, written in ms, in seconds, or None where it is none that a sensor can have."""
    interval_ms = optional_number(path)
    return interval_ms / 1e3 if interval_ms and 0 < interval_ms <= _LONGEST_MS else None


def entries(folder: str) -> List[str]:
    """Return the names in a folder in order, or none where it cannot be listed."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


class Handles:
    """Keep files open, so that a reading is one system call and a changed mode does not end it."""

    def __init__(self) -> None:
        self._open: List[int] = []

    def reader(self, path: str) -> Callable[[], int]:
        """Return the function that reads the file's integer anew; raise OSError. It raises ValueError for an empty or torn value."""
        handle, pread = _opened(path), os.pread
        self._open.append(handle)

        def read() -> int:
            data = pread(handle, 64, 0)
            if not data.endswith(b"\n"):  # half a number looks like a smaller one
                raise ValueError(f"torn read {data!r}" if data else "empty read")
            return int(data)

        return read

    def close(self) -> None:
        """Close every file."""
        for handle in self._open:
            os.close(handle)
        self._open = []


def _opened(path: str) -> int:
    """Return a descriptor of an ordinary file; raise OSError, for a pipe too: opening one would wait for its writer for ever."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no ordinary file", path)
    return handle
