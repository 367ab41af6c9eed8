"""Read what a program prints, as if it were an instrument: bytes of its standard output, and its end with the port."""

from __future__ import annotations

import atexit
import shlex

from edgekit.core.errors import HardwareError, UsageError
from edgekit.links.shell import LocalShell, Process, Shell

_GRACE_S = 0.5


class ProgramPort:
    """Start a program from a command line, without a shell in between; it and whatever it started are ended with the port."""

    def __init__(self, address: str, baud: int = 0, *, shell: Shell | None = None) -> None:
        try:
            words = shlex.split(address)
        except ValueError as error:
            raise UsageError("the command cannot be read", code="exec.command", why=str(error)) from error
        if not words:
            raise UsageError(
                "no command was given",
                code="exec.command",
                why="the meter reads what a program prints",
                do=[("name it:", "edgekit meters read 'exec:python3 -u my_meter.py'")],
            )
        self.name = words[0]
        self._process: Process = (shell or LocalShell()).spawn(words)
        self._rest = b""
        atexit.register(self.close)  # a run that fails between opening a meter and starting it leaves nothing behind

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return what it printed; raise HardwareError when it has ended."""
        if not self._rest:
            self._rest = self._line(timeout_s)
        while self._rest and len(self._rest) < most and (more := self._line(0.0, last=False)):
            self._rest += more
        data, self._rest = self._rest[:most], self._rest[most:]
        return data

    def write(self, data: bytes) -> None:
        """Say nothing to it."""

    def close(self) -> None:
        """End it and its children; harmless when called twice."""
        atexit.unregister(self.close)
        self._process.close(_GRACE_S)

    def _line(self, timeout_s: float, *, last: bool = True) -> bytes:
        try:
            line = self._process.read_line(timeout_s)
        except TimeoutError:
            return b""
        if line is not None:
            return line.encode() + b"\n"
        if not last:
            return b""
        status = self._process.returncode
        told = self._process.complaints().strip().splitlines()
        raise HardwareError(
            f"the program {self.name} has ended",
            code="exec.ended",
            why=told[-1][:200] if told else f"it printed nothing more; exit status {'unknown' if status is None else status}",
            do=[("run it by hand and see what it prints:", self.name)],
        )
