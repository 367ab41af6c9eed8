"""Read one channel of an open counter, dated by two clock reads."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from edgekit.core.channel import Channel


class Clock(Protocol):
    """Read and wait on one monotonic clock."""

    def now_ns(self) -> int:
        """Return the time in nanoseconds."""

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""


class Look(NamedTuple):
    """Hold one raw reading and the clock just before and after it; `value` is NaN where the reading failed."""

    before_ns: int
    after_ns: int
    value: float


class Gauge:
    """Hold one readable channel. `tick_ns` is how often its counter moves: 0 moves all the time, None nobody knows.

    `log` collects what the watch reads while regions are open, oldest first; `poll_s` is how often it does, None: never. A sensor of the
    moment's power is read at `random` times, so that it cannot keep step with the work. A counter that somebody has to watch over for
    standing still is left alone for `rest_s`, so that short regions are not read; `beside` is the power of the same place, read with it.
    """

    def __init__(
        self,
        *,
        channel: Channel,
        read: Callable[[], float],
        tick_ns: float | None,
        counts: bool,
        poll_s: float | None,
        leads: bool,
        random: bool = False,
        rest_s: float = 0.0,
        beside: Gauge | None = None,
    ) -> None:
        self.channel = channel
        self.tick_ns = tick_ns
        self.counts = counts
        self.poll_s = poll_s
        self.random = random
        self.rest_s = rest_s
        self.beside = beside
        self.leads = leads  # of the boundary that stands for its meter: the one worth waiting for
        self.log: list[Look] = []
        self.failure = ""
        self._read = read

    def look(self, clock: Clock) -> Look:
        """Return one reading; a driver that fails twice leaves its words in `failure` and a reading that is NaN."""
        for _ in range(2):
            before_ns = clock.now_ns()
            try:
                value = self._read()
            except Exception as error:  # whatever a driver raises: the user's program goes on without this channel
                self.failure = f"{type(error).__name__}: {error}"
            else:
                return Look(before_ns, clock.now_ns(), value)
        return Look(before_ns, clock.now_ns(), math.nan)

    def logged(self, *, since_ns: int) -> list[Look]:
        """Return what the watch read since a moment; the watch may go on adding meanwhile."""
        return [look for look in list(self.log) if look.before_ns >= since_ns]

    def forget(self, *, before_ns: int) -> None:
        """Drop what the watch read before a moment; whoever adds meanwhile adds behind it."""
        del self.log[: sum(look.before_ns < before_ns for look in self.log)]
