"""Keep a machine for one benchmark: take its lock, send a beat, and name the processes that must not outlive the connection."""

from __future__ import annotations

import getpass
import os
import platform
import threading

from edgekit.core.errors import EdgekitError
from edgekit.devices.client import Client
from edgekit.links.clock import SystemClock
from edgekit.links.shell import Process

BEAT_S = 10.0
SILENCE_S = 60.0
LOOK = "pgrep -af runner-"  # the program that is brought there has this in its name


class Keeper:
    """Hold the machine from `hold` to `close`; without a beat for `silence_s` it lets go by itself and ends what was started there.

    `look` is the command that shows what runs there, for whoever finds the machine taken, and `typed` what means it on a command line.
    """

    def __init__(
        self, process: Process, *, device: str, typed: str, look: str, beat_s: float = BEAT_S, silence_s: float = SILENCE_S
    ) -> None:
        self._client = Client(process, device=device)
        self._advice = (("see what runs there:", look), ("when it is over, look once more:", f"edgekit doctor --device {typed}"))
        self._beat_s = beat_s
        self._silence_s = silence_s
        self._turn = threading.Lock()
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def hold(self, lock: str | None = None) -> None:
        """Take the machine; raise HardwareError that names the holder, and tells how to see it, when another one has it."""
        self._client.greet()
        holder = {"user": getpass.getuser(), "host": platform.node(), "pid": os.getpid(), "since": SystemClock().now_utc()}
        try:
            self._client.ask("hold", holder=holder, lock=lock, silence_s=self._silence_s, timeout_s=30.0)
        except EdgekitError as error:
            if error.code == "device.busy":
                error.do = self._advice
            raise
        self._heart.start()

    def watch(self, pid: int) -> None:
        """Name a process that ends with this connection."""
        with self._turn:
            self._client.ask("watch", pid=pid, timeout_s=30.0)

    def close(self) -> None:
        """Let go of the machine, after ending what is still there."""
        self._over.set()
        if self._heart.is_alive():
            self._heart.join(timeout=5.0)
        self._client.close()

    def _beat(self) -> None:
        while not self._over.wait(self._beat_s):
            try:
                with self._turn:
                    self._client.ask("beat", timeout_s=self._silence_s)
            except (EdgekitError, OSError, ValueError):
                return  # whoever waits for an answer hears why; or the connection was closed meanwhile
