"""Stand between a client and a server on this machine, and be a bad network: cut, silent or slow."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

_BLOCK = 4096


class Relay:
    """Pass bytes on in both directions, each at most `rate` bytes a second and `delay_s` late."""

    def __init__(self, target: int, *, rate: float | None = None, delay_s: float = 0.0) -> None:
        self._target = target
        self._rate = rate
        self._delay_s = delay_s
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._goes = threading.Event()
        self._goes.set()
        self._over = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.passed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection there is; new ones are taken."""
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def hush(self) -> None:
        """Pass nothing on any more, and end nothing: a cable that was pulled."""
        self._goes.clear()

    def close(self) -> None:
        """End everything."""
        self._over = True
        self._goes.set()
        self._server.close()
        self.cut()

    def _accept(self) -> None:
        while not self._over:
            try:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(_BLOCK):
                if self._rate is not None or self._delay_s:
                    time.sleep(self._delay_s + (len(data) / self._rate if self._rate is not None else 0.0))
                self._goes.wait()
                self.passed += len(data)
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relay(target: int, *, rate: float | None = None, delay_s: float = 0.0) -> Iterator[Relay]:
    """Stand before the port `target` while the context is open."""
    between = Relay(target, rate=rate, delay_s=delay_s)
    try:
        yield between
    finally:
        between.close()
