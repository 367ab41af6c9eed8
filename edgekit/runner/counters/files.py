"""Read the small files in which Linux shows its counters: one line, one value, a newline at its end."""

from __future__ import annotations

import os
from typing import Callable, List, Optional


def text_of(path: str) -> str:
    """Return a file's text without its newline; raise OSError."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().strip("\0 \n")


def optional_text(path: str) -> str:
    """Return a file's text, or "" where it cannot be read."""
    try:
        return text_of(path)
    except OSError:
        return ""


def optional_number(path: str) -> Optional[float]:
    """Return a file's number, or None where it cannot be read or is none."""
    try:
        return float(text_of(path))
    except (OSError, ValueError):
        return None


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
        handle = os.open(path, os.O_RDONLY)
        self._open.append(handle)

        def read() -> int:
            data = os.pread(handle, 64, 0)
            if not data.endswith(b"\n"):  # half a number looks like a smaller one
                raise ValueError(f"torn read {data!r}" if data else "empty read")
            return int(data)

        return read

    def close(self) -> None:
        """Close every file."""
        for handle in self._open:
            os.close(handle)
        self._open = []
