"""Start processes on a machine over one connection of the system's own OpenSSH client.

    ssh (master) ----- one TCP connection ----- sshd -+- the connection's own session: waits for one command, and ends with this program
      ^  socket in a private folder                   +- session of a process
      +- ssh (one for each process)                   +- ...

The user's configuration, agent and known hosts apply; nothing is ever asked. What login scripts print is left out: every command prints a
word of its own first. No word of a command reaches a shell unquoted.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from edgekit.core.errors import HardwareError, SetupError
from edgekit.links.process import Finished
from edgekit.links.shell import LocalProcess, LocalShell
from edgekit.links.ssh_address import SshAddress
from edgekit.links.ssh_errors import explain, lost

CONNECT_S = 10
LOGIN_S = 60.0
LOST = 255  # ssh's own exit status; what it runs ends with another
_PLAIN_FOLDER = re.compile(r"[\w/.-]{1,60}", re.ASCII)  # a Unix socket's path holds 104 bytes, ssh appends to it, and reads % $ and spaces
_QUIET = {"SSH_ASKPASS_REQUIRE": "never"}  # with no terminal either, nothing can ask


class SshLink:
    """Hold the connection to one machine between `open` and `close`.

    `config` is a file for ssh's -F. Host keys are strict unless `strict` is False, which leaves them to the user's configuration. A link
    that is silent for three times `alive_s` is lost; a machine that does not answer for `patience_s`, or whose login scripts take
    longer than `login_s`, is not waited for.
    """

    def __init__(
        self,
        address: SshAddress,
        *,
        config: str | None = None,
        strict: bool = True,
        alive_s: int = 10,
        patience_s: int = CONNECT_S,
        login_s: float = LOGIN_S,
        program: str = "ssh",
    ) -> None:
        self.address = address
        self._config = self._told_config = config
        self._strict = strict
        self._alive_s = alive_s
        self._patience_s = patience_s
        self._login_s = login_s
        self._program = program
        self._mark = f"edgekit-{secrets.token_hex(8)}"
        self._folder: Path | None = None
        self._master: LocalProcess | None = None
        self._up = False

    def open(self) -> None:
        """Connect; raise HardwareError that says what ssh meant, SetupError where this machine has no ssh."""
        if shutil.which(self._program) is None:
            raise SetupError(
                "this machine has no ssh",
                code="ssh.missing",
                why=f"no program {self._program} is on the path",
                do=[("install the OpenSSH client:", "sudo apt-get install openssh-client")],
            )
        try:
            self._connect()
        except BaseException:
            self.close()
            raise
        self._up = True

    def spawn(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> SshProcess:
        """Start `argv` with `env` added to its environment."""
        child = LocalShell().spawn(self._argv("no", _remote(self._marked, *_with(env), *argv)), env=_QUIET)
        return SshProcess(child, self, begun=False)

    def take(self, argv: Sequence[str]) -> SshProcess:
        """Run `argv` in the connection's own session, which can be taken once: it ends when the connection or this program ends."""
        process = SshProcess(self._open_master, self, begun=True)
        process.write_line(shlex.join(argv))
        return process

    def run(self, argv: Sequence[str], *, stdin: IO[bytes] | None = None, timeout_s: float | None = None) -> Finished:
        """Run `argv` to its end with the bytes of `stdin`; raise HardwareError for a lost connection, TimeoutError when it is late.

        Without `stdin`, what runs there ends with this call, whatever ends it.
        """
        command = self._argv("no", _remote(self._marked if stdin is not None else self._tended, *argv))
        theirs, ours = os.pipe()  # stays open while this waits, and closes with this program
        try:
            with subprocess.Popen(
                command,
                stdin=stdin if stdin is not None else theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            ) as child:
                try:
                    stdout, stderr = child.communicate(timeout=timeout_s)
                except BaseException:
                    child.kill()
                    raise
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{argv[0]} did not end within {timeout_s} s") from error
        finally:
            os.close(theirs)
            os.close(ours)
        said = stderr.decode("utf-8", "replace")
        if child.returncode == LOST:
            raise self.lost(said)
        _, _, text = stdout.decode("utf-8", "replace").partition(f"\n{self._mark}\n")
        return Finished(exit_code=child.returncode, stdout=text, stderr=said)

    def lost(self, words: str = "") -> HardwareError:
        """Return the error for a connection that is gone, or never came about, with the last words of ssh."""
        if not self._up or "Session open refused" in words:
            return explain(self.address, words, config=self._told_config)
        master = self._master.complaints() if self._master is not None else ""
        return lost(self.address, "\n".join(part for part in (master, words) if part))

    def close(self) -> None:
        """Close the connection; harmless when called twice."""
        if self._master is not None:
            self._master.close(2.0 if self._up else 0.0)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _plain_config(self) -> None:
        """Give the configuration a name without spaces: ssh starts the one that goes through a jump host with that name unquoted."""
        if self._config is not None and self._folder is not None and any(map(str.isspace, self._config)) and Path(self._config).is_file():
            (self._folder / "config").symlink_to(Path(self._config).absolute())
            self._config = str(self._folder / "config")

    def _connect(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ek-", dir=_short_folder()))
        self._plain_config()
        begin = f'printf "\\n%s\\n" {self._mark}; IFS= read -r line && eval "exec $line"'
        self._master = LocalShell().spawn(self._argv("yes", _remote(begin)), env=_QUIET)
        try:
            if not SshProcess(self._master, self, begun=False).begin(self._login_s):
                raise self.lost(self._master.complaints())
        except TimeoutError as error:
            raise HardwareError(
                f"{self.address.short} lets this user in, but runs no command",
                code="ssh.login",
                why=f"nothing came within {self._login_s:g} s: a login script may wait for something",
                do=[("see what it does:", self.address.command("true", config=self._told_config))],
            ) from error

    @property
    def mark(self) -> str:
        """Return the word that every command prints before its own output."""
        return self._mark

    @property
    def _marked(self) -> str:
        return f'printf "\\n%s\\n" {self._mark}; "$@"; exit $?'  # the shell stays, to tell a signal from a lost connection

    @property
    def _tended(self) -> str:
        """Return a script for what reads no input: the end of it means that nobody waits any more, and all of its group is ended."""
        tend = "{ while IFS= read -r line; do :; done <&3; kill -TERM 0; } >/dev/null 2>&1 & tender=$!; exec 3<&-"
        return f'printf "\\n%s\\n" {self._mark}; exec 3<&0; "$@" </dev/null 3<&- & it=$!; {tend}; wait $it; end=$?; kill $tender; exit $end'

    @property
    def _open_master(self) -> LocalProcess:
        if self._master is None:
            raise RuntimeError("the link is not open")
        return self._master

    def _argv(self, master: str, remote: str) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ControlMaster": master,
            "ControlPath": f"{self._folder}/s",
            "ControlPersist": "no",
            "ConnectTimeout": str(self._patience_s),
            "ServerAliveInterval": str(self._alive_s),
            "ServerAliveCountMax": "3",
            "LogLevel": "ERROR",
            **({"StrictHostKeyChecking": "yes"} if self._strict else {}),
            **({} if master == "yes" else {"ProxyCommand": "false"}),  # through the master or not at all: no second connection in silence
        }
        config = ["-F", self._config] if self._config is not None else []
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        address = self.address if master == "yes" else replace(self.address, jump=None)
        return [self._program, *config, "-T", "-x", "-a", *words, *address.words, remote]


class SshProcess:
    """Talk to one process on the machine in lines; what came before its own output is left out."""

    def __init__(self, child: LocalProcess, link: SshLink, *, begun: bool) -> None:
        self._child = child
        self._link = link
        self._begun = begun

    @property
    def returncode(self) -> int | None:
        """Return the exit status there (negative: the signal that ended it), or None while it runs."""
        status = self._child.returncode
        return 128 - status if status is not None and 128 < status < LOST else status

    def write_line(self, line: str) -> None:
        """Send one line; raise HardwareError when the process has closed its input or the connection is gone."""
        try:
            self._child.write_line(line)
        except HardwareError as error:
            self._check()
            raise error from None

    def read_line(self, timeout_s: float | None) -> str | None:
        """Return the next line, or None at the end; raise TimeoutError, or HardwareError when the connection is gone."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        if not self._begun and not self.begin(timeout_s):
            return None
        line = self._child.read_line(None if deadline is None else max(0.0, deadline - time.monotonic()))
        if line is None:
            self._check()
        return line

    def begin(self, timeout_s: float | None) -> bool:
        """Skip what login scripts print; return False when the process ended before it began."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._begun:
            line = self._child.read_line(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if line is None:
                self._check()
                return False
            self._begun = line == self._link.mark
        return True

    def complaints(self) -> str:
        """Return the last lines of standard error, its own and those of ssh."""
        return self._child.complaints()

    def close(self, grace_s: float = 2.0) -> None:
        """Close the input, wait, then end the session; what still runs there is ended by the keeper."""
        self._child.close(grace_s)

    def _check(self) -> None:
        """Raise the reason when ssh itself, and not what it ran, has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(2.0)
        if self._child.returncode == LOST:
            raise self._link.lost(self.complaints())


def _remote(script: str, *words: str) -> str:
    """Return the command line for whatever shell the user logs in with: a POSIX shell takes over, and every word is quoted."""
    return "exec " + shlex.join(["sh", "-c", script, "sh", *words])


def _with(env: Mapping[str, str] | None) -> list[str]:
    return ["env", *(f"{name}={value}" for name, value in env.items())] if env else []


def _short_folder() -> str | None:
    """Return a folder for a socket: the system's own, or /tmp where that one has a name that is too long, or that ssh takes apart."""
    return None if _PLAIN_FOLDER.fullmatch(tempfile.gettempdir()) else "/tmp"  # noqa: S108 -- a private folder is made in it
