"""Run models on a machine that has nothing but Python and ssh."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from edgekit.core.errors import EdgekitError, UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.protocols import Clock
from edgekit.devices.base import RunnerSession
from edgekit.devices.client import Install
from edgekit.devices.keeper import BEAT_S, LOOK, SILENCE_S, Keeper
from edgekit.devices.offers import OFFERS
from edgekit.devices.pack import deploy
from edgekit.devices.remote_python import CACHE, Found, boot, find
from edgekit.devices.upload import Store
from edgekit.links.clock import HostClock, slept_ns
from edgekit.links.process import Finished
from edgekit.links.shell import Process
from edgekit.links.ssh import CONNECT_S, SshLink
from edgekit.links.ssh_address import SshAddress, ssh_address

SECOND_LOOK_S = 3


class SshShell:
    """Start processes over a link, and bring files into the machine's store."""

    def __init__(self, link: SshLink, store: Store) -> None:
        self._link = link
        self._store = store

    def spawn(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Process:
        """Start `argv` there."""
        return self._link.spawn(argv, env=env)

    def run(self, argv: Sequence[str], *, stdin: IO[bytes] | None = None, timeout_s: float | None = None) -> Finished:
        """Run `argv` there to its end."""
        return self._link.run(argv, stdin=stdin, timeout_s=timeout_s)

    def put(self, path: Path, beside: Sequence[str] = ()) -> str:
        """Make the file present there, with those beside it; return its path there."""
        return self._store.put(path, beside)


class SshDevice:
    """Reach a machine over ssh.

    Options: python or venv, cache (a folder there), threads, ssh_config (a file for ssh -F), host_keys ("strict", or "configured": as the
    user's ssh configuration says), lock (a file there), and proc_root, sys_root, ... as for the device `local`.
    """

    def __init__(
        self,
        spec: DeviceSpec,
        *,
        cache_dir: Path | None = None,
        clock: Clock | None = None,
        session: type[RunnerSession] = RunnerSession,
        slept_ns: Callable[[], int] = slept_ns,
        alive_s: int = 10,
        beat_s: float = BEAT_S,
        silence_s: float = SILENCE_S,
    ) -> None:
        self.spec = spec
        self._cache_dir = cache_dir
        self._clock = clock or HostClock()
        self._session = session
        self._slept_ns = slept_ns
        self._alive_s = alive_s
        self._beat_s = beat_s
        self._silence_s = silence_s

    @contextlib.contextmanager
    def reach(self, *, patience_s: int = CONNECT_S) -> Iterator[SshLink]:
        """Connect, and nothing more: what sets a machine up begins here."""
        options = self.spec.options
        config = options.get("ssh_config") or os.environ.get("EDGEKIT_SSH_CONFIG") or None
        strict = options.get("host_keys", "strict") != "configured"
        link = SshLink(_address(self.spec), config=_expanded(config), strict=strict, alive_s=self._alive_s, patience_s=patience_s)
        with contextlib.closing(link):
            link.open()
            yield link

    @contextlib.contextmanager
    def connect(self) -> Iterator[RunnerSession]:
        """Connect, bring the runner there, take the machine and start; leaving the context ends everything that was started there.

        Raises HardwareError when it cannot be reached, has no fitting Python, has no room, or is used by another benchmark.
        """
        options, name = self.spec.options, self.spec.name
        with contextlib.ExitStack() as stack:
            link = stack.enter_context(self.reach())
            found = find(link, options, device=name)
            store = Store(link, python=found.python, folder=found.path(options.get("cache", CACHE)), device=name, told=self._told(link))
            runner = store.put(deploy(self._cache_dir))
            look = link.address.command(LOOK, config=options.get("ssh_config"))
            process = link.take([found.python, runner, "keep"])
            keeper = Keeper(process, device=name, typed=self.spec.typed, look=look, beat_s=self._beat_s, silence_s=self._silence_s)
            stack.callback(keeper.close)
            keeper.hold(options.get("lock"))
            session = self._session(
                self.spec,
                SshShell(link, store),
                runner,
                python=found.python,
                clock=self._clock,
                clock_domain=_domain(name, self._clock),
                slept_ns=self._slept_ns,
                on_start=keeper.watch,
                install=self._installing(link, found),
            )
            try:
                yield stack.enter_context(contextlib.closing(session))
            except EdgekitError as error:
                self._explain(error, found)
                raise

    def _told(self, link: SshLink) -> Callable[[Sequence[str]], str]:
        """Return what turns a command into one to paste here that does the same there."""
        return lambda argv: link.address.command(shlex.join(argv), config=self.spec.options.get("ssh_config"))

    def _installing(self, link: SshLink, found: Found) -> Install:
        """Return what says how a package gets there: by `devices setup` where that installs it, else by the Python that runs there."""

        def install(package: str) -> tuple[str, str]:
            offer = next((offer for offer in OFFERS if offer.package == package), None)
            for_gpu = offer is not None and "cuda" in offer.engine
            if offer is None or (for_gpu and self.spec.kind != "cuda"):
                return "install it there:", self._told(link)([found.python, "-m", "pip", "install", package])
            return "install it there:", f"edgekit devices setup {self.spec.typed}" + (f" --engine {offer.engine}" if for_gpu else "")

        return install

    def _explain(self, error: EdgekitError, found: Found) -> None:
        """Add what can be known of a lost connection: whether the machine has started anew."""
        if error.code == "ssh.lost" and found.boot and (again := self._second_look()):
            error.why += "; it is back, and " + ("has been running all the time" if again == found.boot else "has started anew meanwhile")

    def _second_look(self) -> str:
        """Return which start of the machine this is, where it answers again within a few seconds; else nothing."""
        deadline = time.monotonic() + SECOND_LOOK_S
        while time.monotonic() < deadline:
            with contextlib.suppress(EdgekitError, TimeoutError), self.reach(patience_s=SECOND_LOOK_S) as link:
                return boot(link, self.spec.options)
            time.sleep(0.2)
        return ""


def _address(spec: DeviceSpec) -> SshAddress:
    if spec.address is None:
        raise UsageError(
            f"device {spec.name} has no address",
            code="device.address",
            why="a machine is reached at ssh://USER@HOST",
            do=[("write it down:", f"edgekit devices add {spec.name} ssh://USER@HOST --force")],
        )
    return ssh_address(spec.address)


def _expanded(path: str | None) -> str | None:
    return None if path is None else os.path.expanduser(path)  # noqa: PTH111 -- a word for ssh


def _domain(name: str, clock: Clock) -> str:
    """Return the name of the machine's clock, which is never this host's."""
    return name if name != clock.domain else f"{name} (device)"
