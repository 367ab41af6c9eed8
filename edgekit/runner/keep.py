"""Keep a machine for one host: hold its lock, and end what the host started there when the host has gone.

It is the process that a connection itself runs. It ends when its input does, and when a link fell silent without ending: the host sends a
beat every few seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import stat
import tempfile
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from .wire import Message, Refusal

GRACE_S = 3.0  # so long may a process take to notice that its own input has ended
LOCK = "edgekit.lock"  # in the folder for temporary files, which all users of a machine share


class Keeper:
    """Hold the lock and know the processes; all arguments are for tests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock: Optional[int] = None
        self._watched: List[Tuple[int, str]] = []
        self._silence_s: Optional[float] = None
        self._until = 0.0

    def operations(self) -> Dict[str, Callable[[Message], Message]]:
        """Return the operations by name."""
        return {"hold": self.hold, "watch": self.watch, "beat": self.beat}

    def hold(self, request: Message) -> Message:
        """Take the machine for `holder`; refuse where another one has it. From now on `silence_s` without a beat end everything."""
        path = request.get("lock") or os.path.join(tempfile.gettempdir(), LOCK)
        self._lock = _locked(str(path), dict(request.get("holder") or {}))
        self._silence_s = float(request.get("silence_s") or 0) or None
        return self.beat(request)

    def watch(self, request: Message) -> Message:
        """Remember a process of this host; it is ended, with its group, when the host has gone."""
        pid = int(request["pid"])
        self._watched.append((pid, _born(pid)))
        return {}

    def beat(self, request: Message) -> Message:
        """Hear that the host is there."""
        self._until = self._clock() + (self._silence_s or 0.0)
        return {}

    def tick(self) -> Optional[float]:
        """Return the seconds until the host counts as gone, or None; raise EOFError when it does."""
        if self._silence_s is None:
            return None
        left = self._until - self._clock()
        if left <= 0:
            raise EOFError
        return left

    def close(self) -> None:
        """End what is still there, and let go of the lock."""
        begun = self._clock()
        asked = False
        while self._alive() and self._clock() < begun + GRACE_S:
            if not asked and self._clock() > begun + GRACE_S / 2:
                asked = True  # a link that fell silent ends no input: whoever has something to put back hears it this way
                for pid in self._alive():
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGTERM)
            self._sleep(0.05)
        for pid in self._alive():
            with contextlib.suppress(OSError):
                group = os.getpgid(pid)
                if group == os.getpgid(0):
                    os.kill(pid, signal.SIGKILL)
                else:
                    os.killpg(group, signal.SIGKILL)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _alive(self) -> List[int]:
        return [pid for pid, born in self._watched if born and _born(pid) == born]


def _born(pid: int) -> str:
    """Return when a process began, in the kernel's own words, or "" when it is gone or only waits to be buried."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return "" if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        return ""


def _locked(path: str, holder: Dict[str, Any]) -> int:
    """Return the open lock with the holder's name in it; raise Refusal with the name that is there when somebody has it."""
    try:
        lock = _opened(path)
    except OSError as error:
        raise Refusal("device.lock", "the lock of this machine cannot be opened", f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        who = _holder(lock)
        os.close(lock)
        raise Refusal("device.busy", "another benchmark uses this machine", who) from error
    with contextlib.suppress(OSError):  # a full disk costs the name, not the lock
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps({**holder, "keeper": os.getpid()}).encode(), 0)
    return lock


def _opened(path: str) -> int:
    """Open the file, which another user may have made: the system refuses to make one that is there in a folder for all."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        lock = os.open(path, flags)
    except FileNotFoundError:
        lock = os.open(path, flags | os.O_CREAT, 0o666)
        with contextlib.suppress(OSError):
            os.fchmod(lock, 0o666)
    if not stat.S_ISREG(os.fstat(lock).st_mode):
        os.close(lock)
        raise OSError(0, "it is not an ordinary file")
    return lock


def _holder(lock: int) -> str:
    """Return who says to hold a lock; anybody may have written it, so that only what prints is told."""
    try:
        told = json.loads(os.pread(lock, 2000, 0).decode("utf-8", "replace"))
        words = f"{told['user']} on {told['host']} since {told['since']} (process {told['pid']} there)"
    except (OSError, ValueError, LookupError, TypeError):
        return "its holder left no name"
    return "".join(letter for letter in words[:200] if letter.isprintable())
