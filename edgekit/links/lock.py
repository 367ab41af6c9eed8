"""Hold a file as long as this process lives: the system lets go of it at a kill, so that it never outlives its owner."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import BinaryIO


def lock(path: Path) -> BinaryIO | None:
    """Return `path` (made where it is missing) opened and locked until it is closed; None while another process holds it, or may."""
    try:
        file = path.open("ab")
    except (FileNotFoundError, PermissionError):
        return None  # its folder has just gone, or belongs to another user
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            return file
    except OSError:
        pass
    file.close()  # held by its owner, or removed between opening and locking
    return None
