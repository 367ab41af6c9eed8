"""Put an emulated instrument behind a serial line that any program can open."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import termios
import threading
import tty
from collections.abc import Iterator

from edgekit.core.protocols import Clock
from edgekit.links.clock import HostClock
from edgekit.sim.emulators.instrument import Instrument

_MOST_WAIT_S = 0.05
_BLOCK = 65_536
_SPEEDS = {getattr(termios, f"B{baud}"): baud for baud in (9600, 19_200, 57_600, 115_200, 230_400, 460_800, 921_600)}


@contextlib.contextmanager
def served(instrument: Instrument, *, clock: Clock | None = None) -> Iterator[str]:
    """Serve an instrument on a new pseudo-terminal while the context is open; yield the path that a driver opens.

    Bytes leave when they are due. A reader that does not keep up loses nothing: the line holds the instrument back, as USB does.
    """
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    done = threading.Event()
    thread = threading.Thread(target=_serve, args=(master, instrument, clock or HostClock(), done), daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        done.set()
        thread.join()
        os.close(slave)
        os.close(master)


def line_speed(path: str) -> int | None:
    """Return the baud that whoever opened a pseudo-terminal asked for; None where nobody asked for any."""
    number = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        code = termios.tcgetattr(number)[5]
    finally:
        os.close(number)
    return _SPEEDS.get(code)


def _serve(master: int, instrument: Instrument, clock: Clock, done: threading.Event) -> None:
    waiting = b""
    while not done.is_set():
        now_ns = clock.now_ns()
        due_ns = instrument.next_ns()
        wait_s = _MOST_WAIT_S if due_ns is None else min(_MOST_WAIT_S, max(0.0, (due_ns - now_ns) / 1e9))
        readable, writable, _ = select.select([master], [master] if waiting else [], [], wait_s)
        if readable:
            with contextlib.suppress(OSError):  # nobody has the other end open
                waiting += instrument.hear(os.read(master, _BLOCK), clock.now_ns())
        if not waiting:
            waiting = instrument.say(clock.now_ns())
        if waiting and (writable or not readable):
            with contextlib.suppress(BlockingIOError):
                waiting = waiting[os.write(master, waiting) :]
