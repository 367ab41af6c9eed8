"""Start processes on this or another machine and talk to them in lines. The interface that local and ssh devices share."""

from __future__ import annotations

import collections
import contextlib
import os
import select
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from edgekit.core.errors import HardwareError, SetupError
from edgekit.links.process import Finished

STDERR_LINES = 50
HEED_S = 1.0  # a Ctrl-C that comes in the moment before a wait begins is heard after so long, not at the end of a window


class Process(Protocol):
    """Talk to one running process in lines of text."""

    @property
    def returncode(self) -> int | None:
        """Return the exit status (negative: the signal that ended it), or None while it runs."""

    def write_line(self, line: str) -> None:
        """Send one line; raise HardwareError when the process has closed its input."""

    def read_line(self, timeout_s: float | None) -> str | None:
        """Return the next line without its end, or None when the output has ended; raise TimeoutError."""

    def complaints(self) -> str:
        """Return the last lines the process wrote to its standard error."""

    def close(self, grace_s: float = 2.0) -> None:
        """Close the input, wait `grace_s`, then end the process and its children; harmless when called twice."""


class Console(Protocol):
    """Run commands on one machine."""

    def run(self, argv: Sequence[str], *, stdin: IO[bytes] | None = None, timeout_s: float | None = None) -> Finished:
        """Run `argv` to its end with the bytes of `stdin`; raise TimeoutError when it is late, HardwareError or SetupError."""


class Shell(Console, Protocol):
    """Start processes on one machine and bring files there."""

    def spawn(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Process:
        """Start `argv` with `env` added to the environment; raise SetupError when it cannot be started."""

    def put(self, path: Path, beside: Sequence[str] = ()) -> str:
        """Make the file present on the machine, with those `beside` it (paths from its folder); return its path there."""


class LocalShell:
    """Start processes on this host."""

    def spawn(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> LocalProcess:
        """Start `argv` in a session of its own, so that Ctrl-C in the terminal reaches this program first."""
        try:
            return LocalProcess(
                subprocess.Popen(
                    list(argv),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={**os.environ, **env} if env else None,
                    start_new_session=True,
                    bufsize=0,
                )
            )
        except OSError as error:
            raise _unstartable(argv[0], error) from error

    def run(self, argv: Sequence[str], *, stdin: IO[bytes] | None = None, timeout_s: float | None = None) -> Finished:
        """Run `argv` to its end; raise SetupError when it cannot be started, TimeoutError when it is late."""
        try:
            done = subprocess.run(
                list(argv), stdin=stdin or subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False, start_new_session=True
            )
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{argv[0]} did not end within {timeout_s} s") from error
        except OSError as error:
            raise _unstartable(argv[0], error) from error
        out, err = (data.decode("utf-8", "replace") for data in (done.stdout, done.stderr))
        return Finished(exit_code=done.returncode, stdout=out, stderr=err)

    def put(self, path: Path, beside: Sequence[str] = ()) -> str:
        """Return the absolute path: the files are here already."""
        return str(path.resolve())


class LocalProcess:
    """Wrap one child process: lines in, lines out, and the tail of what it complained about."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self._buffer = b""
        self._complaints: collections.deque[str] = collections.deque(maxlen=STDERR_LINES)
        self._stdin, self._stdout, self._stderr = _pipe(child.stdin), _pipe(child.stdout), _pipe(child.stderr)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._child.poll()

    def wait(self, timeout_s: float) -> int:
        """Return the exit status; raise subprocess.TimeoutExpired when it still runs."""
        return self._child.wait(timeout_s)

    def write_line(self, line: str) -> None:
        """Send one line."""
        try:
            self._stdin.write(line.encode() + b"\n")
        except (OSError, ValueError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(1.0)  # its pipe closes a moment before it ends, and its last words come with the end
            raise HardwareError(
                "the process takes no more input", code="process.closed", why=self.complaints() or f"exit status {self.returncode}"
            ) from error

    def read_line(self, timeout_s: float | None) -> str | None:
        """Return the next line, or None at the end of the output."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            left = HEED_S if deadline is None else max(0.0, min(HEED_S, deadline - time.monotonic()))
            if not select.select([self._stdout], [], [], left)[0]:
                if deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutError(f"no line within {timeout_s} s")
                continue
            chunk = os.read(self._stdout.fileno(), 1 << 16)
            if not chunk:
                return None
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode("utf-8", "replace")

    def complaints(self) -> str:
        """Return the last lines of standard error."""
        if self._child.poll() is not None:
            self._listener.join(timeout=1.0)
        return "\n".join(self._complaints)

    def close(self, grace_s: float = 2.0) -> None:
        """End the process, its children included."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        try:
            for patience_s, then in ((grace_s, signal.SIGTERM), (0.5, signal.SIGKILL), (5.0, signal.SIGKILL)):
                try:
                    self._child.wait(patience_s)
                    break
                except subprocess.TimeoutExpired:
                    self._signal_group(then)
        finally:
            self._signal_group(signal.SIGKILL)  # whatever the process left behind in its session
            self._child.wait()
            self._listener.join(timeout=1.0)
            self._stdout.close()
            self._stderr.close()

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)

    def _listen(self) -> None:
        for line in self._stderr:
            self._complaints.append(line.decode("utf-8", "replace").rstrip())


def _unstartable(program: str, error: OSError) -> SetupError:
    look = ("see whether it exists:", f"ls -l {shlex.quote(program)}")
    if "/" not in program:  # a bare name is looked up on the path
        look = ("install it, or give its full path; see whether it is on the path:", f"command -v {shlex.quote(program)}")
    return SetupError(f"cannot start {program}", code="process.start", why=error.strerror or str(error), do=[look])


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("the child was started without pipes")
    return stream
