"""Run an ssh server on this machine, for this user alone: its own port, host key, user key and configuration; the user's are not touched.

What is "there" is this machine: its home, its folder for temporary files (with the lock) and its search path are those of the test.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes import descendants

PROGRAMS = {name: shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") for name in ("sshd", "ssh", "ssh-keygen")}


@dataclass
class Loopback:
    """Hold a running server. `config` is for ssh -F (EDGEKIT_SSH_CONFIG); `home` is the user's home over there."""

    port: int
    folder: Path
    config: Path
    home: Path
    server: subprocess.Popen[bytes] = field(repr=False)

    @property
    def address(self) -> str:
        """Return the address for --device."""
        return f"ssh://{getpass.getuser()}@localhost:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """Return what edgekit needs in its environment to get in."""
        return {"EDGEKIT_SSH_CONFIG": str(self.config)}

    @property
    def options(self) -> dict[str, str]:
        """Return the same as options of a device."""
        return {"ssh_config": str(self.config)}

    def toml(self, name: str = "bench", kind: str = "ssh", address: str | None = None, **options: str) -> str:
        """Return a device for edgekit.toml."""
        rows = "".join(f'{key} = "{value}"\n' for key, value in {**self.options, **options}.items())
        return f'[devices.{name}]\nkind = "{kind}"\naddress = "{address or self.address}"\n\n[devices.{name}.options]\n{rows}'

    def sessions(self) -> dict[int, str]:
        """Return every process that runs on behalf of a connection, with its command line."""
        return descendants(self.server.pid)

    def through(self, port: int) -> Path:
        """Return a configuration for a way to this server through another port of this machine."""
        config = self.folder / f"config-{port}"
        config.write_text(f"{self.config.read_text()} HostKeyAlias [localhost]:{self.port}\n Port {port}\n")
        return config

    def reset(self) -> None:
        """End everything there at once, the server with it, and let the server start again."""
        for pid in (self.server.pid, *self.sessions()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.server.wait()
        self.server = _serve(self.folder)
        assert _listens(self.server, self.port)


@contextlib.contextmanager
def loopback(
    *,
    path: str | None = None,
    env: Mapping[str, str] | None = None,
    login: str = "",
    wrap: str = "",
    extra: str = "",
    port: int | None = None,
) -> Iterator[Loopback]:
    """Start a server; skip the test with the reason where that is not possible.

    `path` is the search path over there (default: the Python under test first), `env` adds to its environment, `login` is a shell script
    that runs before every command, `wrap` a program that starts every command, `extra` are lines for sshd_config.
    """
    missing = [name for name, found in PROGRAMS.items() if found is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed (make ci-packages)")
    folder = Path(tempfile.mkdtemp(prefix="ek ssh "))
    try:
        home = folder / "home"
        (home / "tmp").mkdir(parents=True)
        _keys(folder)
        there = {
            "HOME": home,
            "TMPDIR": home / "tmp",
            "PATH": path if path is not None else f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            **(env or {}),
        }
        before = f"{login}\n" if login else ""
        lines = "\n".join(f"export {name}={shlex.quote(str(value))}" for name, value in there.items())
        (folder / "enter").write_text(f'{before}{lines}\nexec {wrap} sh -c "$SSH_ORIGINAL_COMMAND"\n')
        server, port = _started(folder, extra, port)
        found = Loopback(port, folder, folder / "config", home, server)
        try:
            _client_config(folder, port)
            yield found
        finally:
            _end(found.server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _keys(folder: Path) -> None:
    for name in ("host_key", "user_key"):
        subprocess.run([PROGRAMS["ssh-keygen"], "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")


def _client_config(folder: Path, port: int) -> None:
    (folder / "known_hosts").write_text(f"[localhost]:{port},[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text()}")
    (folder / "config").write_text(
        f'Host *\n IdentityFile "{folder}/user_key"\n IdentitiesOnly yes\n IdentityAgent none\n'
        f' UserKnownHostsFile "{folder}/known_hosts"\n GlobalKnownHostsFile /dev/null\n'
    )


def _started(folder: Path, extra: str, port: int | None) -> tuple[subprocess.Popen[bytes], int]:
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for _ in range(5):
        chosen = port or free_port()
        (folder / "sshd_config").write_text(
            f'{extra}\nPort {chosen}\nListenAddress 127.0.0.1\nListenAddress ::1\nHostKey "{folder}/host_key"\n'
            f'AuthorizedKeysFile "{folder}/authorized_keys"\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n'
            f'KbdInteractiveAuthentication no\nPidFile none\nUseDNS no\nPrintMotd no\nForceCommand . "{folder}/enter"\n'
        )
        server = _serve(folder)
        if _listens(server, chosen):
            return server, chosen
        _end(server)
    pytest.skip(f"no ssh server starts here: {(folder / 'log').read_text()[-300:]}")


def _serve(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([str(PROGRAMS["sshd"]), "-D", "-e", "-f", folder / "sshd_config"], stdin=subprocess.DEVNULL, stderr=log)


def _listens(server: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + 10
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as probe:
            if probe.recv(4) == b"SSH-":
                return server.poll() is None
        time.sleep(0.02)
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    for pid in (*descendants(server.pid), server.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.wait()
