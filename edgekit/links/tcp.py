"""Put an emulated instrument behind a socket of this host."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator

from edgekit.core.protocols import Clock
from edgekit.links.clock import HostClock
from edgekit.sim.emulators.instrument import Instrument

_MOST_WAIT_S = 0.05
_BLOCK = 65_536


@contextlib.contextmanager
def served_at_port(instrument: Instrument, *, clock: Clock | None = None, port: int = 0) -> Iterator[tuple[str, int]]:
    """Serve an instrument on a socket of the loopback interface while the context is open; yield (host, port).

    What it says goes to whoever was heard last. `port` 0 takes a free one.
    """
    done = threading.Event()
    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, instrument, clock or HostClock(), done), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[:2]
        finally:
            done.set()
            thread.join()


def _serve(listener: socket.socket, instrument: Instrument, clock: Clock, done: threading.Event) -> None:
    listener.setblocking(False)
    last: socket.socket | None = None
    with selectors.DefaultSelector() as ready, contextlib.ExitStack() as clients:
        ready.register(listener, selectors.EVENT_READ)
        while not done.is_set():
            due_ns = instrument.next_ns()
            wait_s = _MOST_WAIT_S if due_ns is None else min(_MOST_WAIT_S, max(0.0, (due_ns - clock.now_ns()) / 1e9))
            for key, _ in ready.select(wait_s):
                if key.fileobj is listener:
                    with contextlib.suppress(OSError):
                        client, _ = listener.accept()
                        client.settimeout(1.0)
                        ready.register(clients.enter_context(client), selectors.EVENT_READ)
                    continue
                talker = key.fileobj
                assert isinstance(talker, socket.socket)
                data = _heard(talker)
                if not data:
                    ready.unregister(talker)
                    talker.close()
                    last = None if last is talker else last
                    continue
                last = talker
                _tell(last, instrument.hear(data, clock.now_ns()))
            _tell(last, instrument.say(clock.now_ns()))


def _heard(client: socket.socket) -> bytes:
    with contextlib.suppress(OSError):
        return client.recv(_BLOCK)
    return b""


def _tell(client: socket.socket | None, said: bytes) -> None:
    if client is not None and said:
        with contextlib.suppress(OSError):  # it hung up
            client.sendall(said)
