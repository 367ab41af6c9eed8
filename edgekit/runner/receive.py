"""Take one file on a machine that has nothing but Python: `python -c THIS check|take PATH SIZE SHA256 [OFFSET]`, its bytes on stdin.

Answers one line of JSON: {"there": true}, or {"there": false, "have": bytes of an earlier try, "free": bytes}, or {"error", "why"}.
What has come so far is PATH.part; it becomes PATH only when its sha256 is the one that was announced.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import sys
from typing import Any, BinaryIO, Dict, List

PIECE = 1 << 20


def check(path: str, size: int, sha256: str) -> Dict[str, Any]:
    """Return whether the file is there, else how much of it, and how much room there is."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == size and digest(file) == sha256:
                return {"there": True}
    except FileNotFoundError:
        pass
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
    have = os.path.getsize(path + ".part") if os.path.exists(path + ".part") else 0
    room = os.statvfs(folder)
    return {"there": False, "have": min(have, size), "free": room.f_bavail * room.f_frsize}


def take(path: str, size: int, sha256: str, offset: int) -> Dict[str, Any]:
    """Append standard input to what is there up to `offset`; return whether the file is whole now."""
    with open(path + ".part", "ab+") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        if not _is_still(part, path + ".part"):
            return {"there": False, "have": 0}  # another one has completed it meanwhile, and these bytes are the file itself now
        if part.seek(0, os.SEEK_END) < offset:
            return {"there": False, "have": part.tell()}
        part.truncate(offset)
        while True:
            piece = sys.stdin.buffer.read(PIECE)
            if not piece:
                break
            part.write(piece)
        part.flush()
        os.fsync(part.fileno())
        have = part.seek(0, os.SEEK_END)
        if have < size:
            return {"there": False, "have": have}
        part.seek(0)
        if digest(part) != sha256:
            os.unlink(path + ".part")
            return {"there": False, "have": 0}
        os.replace(path + ".part", path)
        return {"there": True}


def _is_still(file: BinaryIO, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def digest(file: BinaryIO) -> str:
    """Return the sha256 of the rest of a file."""
    found = hashlib.sha256()
    for piece in iter(lambda: file.read(PIECE), b""):
        found.update(piece)
    return found.hexdigest()


def main(words: List[str]) -> None:
    """Do what is asked and answer."""
    what, path, size, sha256 = words[:4]
    try:
        answer = check(path, int(size), sha256) if what == "check" else take(path, int(size), sha256, int(words[4]))
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        denied = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        kind = "disk_full" if full else "permission" if denied else "failed"
        answer = {"error": kind, "why": f"{error.filename or path}: {error.strerror}"}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
