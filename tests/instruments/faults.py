"""Let files fail while they are read, as scripted or at a moment's notice.

A fault is {"path": "*/energy_uj", "kind": KIND, "from_s": 2.0, "to_s": 3.0}; times are seconds since the epoch, both may be left out.
Kinds: an errno by name ("EIO", "ENODEV", ...) fails reads; "forbidden" fails the next open with EACCES; "empty" and "torn" give no or
half a content, "nan" one that is no number; "frozen" repeats the last value; "reset" counts from 0 again. The list lives in `faults.json`
beside the plant and may be rewritten while all runs.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tests.instruments.files import File, Tree

FILE = "faults.json"


class Faults:
    """Decide about each open and each read; see edgekit's tests/instruments/fuse.py for the call."""

    def __init__(self, path: Path, tree: Tree, epoch_ns: int) -> None:
        self._path = path
        self._tree = tree
        self._epoch_ns = epoch_ns
        self._seen = -1
        self._rows: list[Mapping[str, Any]] = []

    def __call__(self, operation: str, path: str, t_ns: int) -> bytes | None:
        """Raise, or return the content instead, or None."""
        for row in self._current():
            begin_ns = self._epoch_ns + round(row.get("from_s", 0.0) * 1e9)
            if not fnmatch(path, row["path"]) or not begin_ns <= t_ns < self._epoch_ns + round(row.get("to_s", 1e9) * 1e9):
                continue
            if row["kind"] == "forbidden":
                if operation == "open":
                    raise OSError(errno.EACCES, path)
            elif operation == "read":
                return self._spoilt(row["kind"], path, t_ns, begin_ns)
        return None

    def _spoilt(self, kind: str, path: str, t_ns: int, begin_ns: int) -> bytes:
        if kind in errno.errorcode.values():
            raise OSError(getattr(errno, kind), path)
        node = self._tree[path]
        assert isinstance(node, File)
        return _KINDS[kind](node.read, t_ns, begin_ns)

    def _current(self) -> list[Mapping[str, Any]]:
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._seen:
                self._rows, self._seen = json.loads(self._path.read_text()), changed
        except (OSError, ValueError):  # absent, or half-written: the rows before hold
            pass
        return self._rows


def _reset(read: Callable[[int], bytes], t_ns: int, begin_ns: int) -> bytes:
    return b"%d\n" % max(0, int(read(t_ns)) - int(read(begin_ns)))


_KINDS: Mapping[str, Callable[[Callable[[int], bytes], int, int], bytes]] = {
    "empty": lambda read, t_ns, begin_ns: b"",
    "torn": lambda read, t_ns, begin_ns: read(t_ns)[:4],
    "nan": lambda read, t_ns, begin_ns: b"nan\n",
    "frozen": lambda read, t_ns, begin_ns: read(begin_ns),
    "reset": _reset,
}
