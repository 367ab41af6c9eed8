"""Speak JSON lines over two file descriptors that nothing else in the process can write to."""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any, Dict, Optional

Message = Dict[str, Any]


class Refusal(Exception):
    """Carry a failure that the host is told about: a stable `code`, `what` happened and `why`."""

    def __init__(self, code: str, what: str, why: str = "", **data: Any) -> None:
        super().__init__(what)
        self.error = {"code": code, "what": what, "why": why, **data}


class Wire:
    """Read and write JSON objects, one a line. Raise EOFError when the host has gone."""

    def __init__(self, in_fd: int, out_fd: int) -> None:
        self._in = in_fd
        self._out = out_fd
        self._buffer = b""
        self._hangup = select.poll()
        self._hangup.register(in_fd, select.POLLHUP)

    def read(self, timeout_s: Optional[float]) -> Optional[Message]:
        """Return the next object, or None when none came within `timeout_s` (None waits); raise Refusal for anything else."""
        while b"\n" not in self._buffer:
            if timeout_s is not None and not select.select([self._in], [], [], max(0.0, timeout_s))[0]:
                return None
            chunk = os.read(self._in, 1 << 16)
            if not chunk:
                raise EOFError
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            message = json.loads(line.decode("utf-8"))
        except ValueError as error:
            raise Refusal("protocol.garbage", "a line is not JSON", str(error)) from error
        if not isinstance(message, dict):
            raise Refusal("protocol.garbage", "a line is not a JSON object", "it is a " + type(message).__name__)
        return message

    def write(self, message: Message) -> None:
        """Send one object."""
        data = json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except BrokenPipeError:
            raise EOFError from None

    def gone(self) -> bool:
        """Return True when the host has closed its end. Costs one system call."""
        return bool(self._hangup.poll(0))


def reserve() -> Wire:
    """Return a wire over standard input and output, and point both away so that no library can read or write them."""
    wire = Wire(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return wire
