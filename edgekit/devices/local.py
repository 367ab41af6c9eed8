"""Run models on this machine, through the runner in child processes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from edgekit.core.hardware import DeviceSpec
from edgekit.core.protocols import Clock
from edgekit.devices.base import RunnerSession
from edgekit.devices.pack import deploy
from edgekit.links.clock import HostClock, slept_ns
from edgekit.links.shell import LocalShell, Shell


class LocalDevice:
    """Reach this machine. Options: python, threads, and proc_root, sys_root, etc_root, powercap_root in place of the real folders."""

    def __init__(
        self,
        spec: DeviceSpec,
        *,
        shell: Shell | None = None,
        python: str = sys.executable,
        cache_dir: Path | None = None,
        clock: Clock | None = None,
        session: type[RunnerSession] = RunnerSession,
        slept_ns: Callable[[], int] = slept_ns,
    ) -> None:
        self.spec = spec
        self._shell = shell or LocalShell()
        self._python = spec.options.get("python", python)
        self._cache_dir = cache_dir
        self._clock = clock or HostClock()
        self._session = session
        self._slept_ns = slept_ns

    @contextlib.contextmanager
    def reach(self) -> Iterator[Shell]:
        """Open the machine, and nothing more: what sets it up begins here."""
        yield self._shell

    @contextlib.contextmanager
    def connect(self) -> Iterator[RunnerSession]:
        """Start the runner; leaving the context ends all its processes. The device's clock is the host's own."""
        runner = self._shell.put(deploy(self._cache_dir))
        session = self._session(
            self.spec,
            self._shell,
            runner,
            python=self._python,
            clock=self._clock,
            clock_domain=self._clock.domain,
            slept_ns=self._slept_ns,
        )
        with contextlib.closing(session):
            yield session
