"""Serve a tree of computed files over /dev/fuse, in plain Python: the kernel's wire protocol 7.31 (include/uapi/linux/fuse.h), read-only.

Files are opened with DIRECT_IO, so every read reaches this process and no page cache keeps an old value. As with sysfs, a read at
position 0 computes the content anew and later positions see the rest of it: a kept-open descriptor advances with pread(fd, n, 0).
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Callable

from tests.instruments.files import File, Link, Tree, folders, mode_of

LOOKUP, FORGET, GETATTR, SETATTR, READLINK, OPEN, READ, STATFS, RELEASE = 1, 2, 3, 4, 5, 14, 15, 17, 18
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, ACCESS, INTERRUPT, DESTROY, BATCH_FORGET = 25, 26, 27, 28, 29, 34, 36, 38, 42
_SILENT = {FORGET, BATCH_FORGET, INTERRUPT}
_DIRECT_IO, _STREAM = 1, 16
_HEADER = struct.Struct("<IIQQIIII")
_VALID_S = 1  # how long the kernel may keep names and attributes, in seconds; contents are never kept
_BUFFER = 1 << 18

Fault = Callable[[str, str, int], "bytes | None"]
"""Called with ("open" or "read", path, t_ns); raises OSError, or returns what is read instead, or None for no fault."""


class Server:
    """Answer the kernel on `device` until the file system is unmounted. `owner` is the user id that the files belong to."""

    def __init__(self, device: int, tree: Tree, *, fault: Fault = lambda operation, path, t_ns: None, owner: int = 0) -> None:
        self._device = device
        self._tree = tree
        self._fault = fault
        self._owner = owner
        self._folders = folders(tree)
        self._paths = ["", *sorted({path for rows in self._folders.values() for path in rows.values()})]
        self._nodes = {path: number for number, path in enumerate(self._paths, 1)}
        self._contents: dict[int, bytes] = {}
        self._handles = 0

    def serve(self) -> None:
        """Answer requests; return when the file system is gone."""
        while True:
            try:
                request = os.read(self._device, _BUFFER)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):  # ENOENT: the request was interrupted before it was read
                    continue
                return
            _, opcode, unique, node, *_ = _HEADER.unpack_from(request)
            if opcode in _SILENT:
                continue
            try:
                reply, code = self._answer(opcode, self._paths[node - 1] if node else "", request[_HEADER.size :]), 0
            except OSError as error:
                reply, code = b"", -(error.errno or errno.EIO)
            try:
                os.write(self._device, struct.pack("<IiQ", 16 + len(reply), code, unique) + reply)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EINTR):  # the reader has gone meanwhile
                    return
            if opcode == DESTROY:
                return

    def _answer(self, opcode: int, path: str, body: bytes) -> bytes:
        if opcode == READ:
            return self._read(path, body)
        if opcode == LOOKUP:
            return self._entry(path, body.rstrip(b"\0").decode())
        if opcode == GETATTR:
            return struct.pack("<QII", _VALID_S, 0, 0) + self._attributes(path)
        if opcode in (OPEN, OPENDIR):
            return self._open(path)
        if opcode == READLINK:
            node = self._tree.get(path)
            if not isinstance(node, Link):
                raise OSError(errno.EINVAL, path)
            return node.target.encode()
        if opcode == READDIR:
            return self._list(path, body)
        if opcode in (RELEASE, RELEASEDIR):
            self._contents.pop(struct.unpack_from("<Q", body)[0], None)
            return b""
        if opcode == INIT:
            _, minor, readahead, _ = struct.unpack_from("<IIII", body)
            return struct.pack("<IIIIHHIIHHI28x", 7, min(minor, 31), readahead, 0, 12, 9, 4096, 1, 1, 0, 0)
        if opcode == STATFS:
            return struct.pack("<QQQQQIIII24x", 0, 0, 0, len(self._paths), 0, 4096, 255, 4096, 0)
        if opcode in (FLUSH, ACCESS, DESTROY):
            return b""
        raise OSError(errno.EACCES if opcode == SETATTR else errno.ENOSYS, path)

    def _entry(self, parent: str, name: str) -> bytes:
        path = self._folders.get(parent, {}).get(name)
        if path is None:
            raise OSError(errno.ENOENT, name)
        return struct.pack("<QQQQII", self._nodes[path], 0, _VALID_S, _VALID_S, 0, 0) + self._attributes(path)

    def _attributes(self, path: str) -> bytes:
        node = self._tree.get(path)
        mode = mode_of(node)
        size = len(node.target) if isinstance(node, Link) else 4096
        return struct.pack("<QQQQQQIIIIIIIIII", self._nodes[path], size, 0, 0, 0, 0, 0, 0, 0, mode, 1, self._owner, self._owner, 0, 4096, 0)

    def _open(self, path: str) -> bytes:
        node = self._tree.get(path)
        if isinstance(node, File):
            self._fault("open", path, time.monotonic_ns())
        self._handles += 1
        stream = _STREAM if isinstance(node, File) and node.stream else 0
        return struct.pack("<QII", self._handles, _DIRECT_IO | stream, 0)

    def _read(self, path: str, body: bytes) -> bytes:
        handle, offset, size = struct.unpack_from("<QQI", body)
        node = self._tree[path]
        assert isinstance(node, File)
        if offset == 0 or handle not in self._contents:
            t_ns = time.monotonic_ns()
            instead = self._fault("read", path, t_ns)
            self._contents[handle] = node.read(t_ns) if instead is None else instead
        return self._contents[handle][offset : offset + size]

    def _list(self, path: str, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        rows = [(".", path), ("..", path.rpartition("/")[0]), *sorted(self._folders[path].items())]
        out = b""
        for place, (name, target) in enumerate(rows[offset:], offset + 1):
            encoded = name.encode()
            entry = struct.pack("<QQII", self._nodes[target], place, len(encoded), mode_of(self._tree.get(target)) >> 12) + encoded
            entry += b"\0" * (-len(entry) % 8)
            if len(out) + len(entry) > size:
                break
            out += entry
        return out
