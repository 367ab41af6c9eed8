"""Hold what is read together on one schedule, and what went wrong with each channel."""

from __future__ import annotations

import errno
from typing import Any, Callable, Dict, List, Optional, Tuple

from .counters import Gone
from .ticks import Ticks

PATIENCE = 10  # consecutive failures after which a channel is lost
FLAG_INVALID = 2  # as in the host's traces: the row's value says nothing
_LEFT = frozenset({errno.ENODEV, errno.ENXIO, errno.EACCES, errno.EPERM, errno.EBADF, errno.ESTALE, errno.ENOENT, errno.ENOTCONN})


class Source:
    """Hold one channel: its index, id and function, and what came of reading it."""

    __slots__ = ("channel", "failures", "place", "read", "reads", "spent_ns")

    def __init__(self, place: int, channel: str, read: Callable[[], float]) -> None:
        self.place = place
        self.channel = channel
        self.read = read
        self.reads = self.spent_ns = self.failures = 0


class Series:
    """Hold channels that are read in one pass, and when that happens next."""

    def __init__(self, counter: Any, sources: List[Source], hz: float, start_ns: int, fast: bool = False) -> None:
        self.sources = sources
        self.shared = bool(counter.shared)
        self.due_ns = start_ns
        self.period_ns = int(1e9 / (hz if fast else min(hz, counter.max_hz)))
        self.ticks: Optional[Ticks] = None
        if not fast and len(sources) == 1 and sources[0].channel in counter.ticking:
            self.ticks = Ticks(self.period_ns)
        self.plain = self.ticks is None and not self.shared

    def skip_to(self, now_ns: int) -> None:
        """Move to the next time of the schedule after `now_ns`; readings that were missed are left out, not made up in a burst."""
        sharp = None if self.ticks is None else self.ticks.due_ns(now_ns)
        if sharp is not None:
            self.due_ns = max(sharp, now_ns + 1)
        else:
            self.due_ns += self.period_ns * max(1, (now_ns - self.due_ns) // self.period_ns + 1)


def arranged(counter: Any, first: int, hz: float, start_ns: int, fast: bool = False) -> List[Series]:
    """Return the series of one counter: all its channels in one, except those that tick, each with a schedule of its own."""
    sources = [Source(place, channel, read) for place, (channel, read) in enumerate(counter.readers, first)]
    together = [source for source in sources if source.channel not in counter.ticking]
    groups = ([together] if together else []) + [[source] for source in sources if source.channel in counter.ticking]
    return [Series(counter, group, hz, start_ns, fast) for group in groups]


class Faults:
    """Judge failed readings: one or two may pass, a row of them or a device that left loses the channel."""

    def __init__(self) -> None:
        self._seen: Dict[Tuple[str, str], Tuple[int, int, str]] = {}

    def lost(self, source: Source, error: Exception, t_ns: int) -> bool:
        """Take a failure; return True when the channel will not come back."""
        source.failures += 1
        kind = type(error).__name__
        count, since, text = self._seen.get((source.channel, kind), (0, t_ns, str(error)))
        self._seen[source.channel, kind] = (count + 1, since, text)
        left = isinstance(error, Gone) or (isinstance(error, OSError) and error.errno in _LEFT)
        return left or source.failures >= PATIENCE

    def events(self) -> List[Dict[str, Any]]:
        """Return one note for each channel and kind of failure, with its count."""
        return [
            {"event": "note", "code": "reading.invalid", "channel": channel, "t_ns": t_ns, "count": count, "why": f"{kind}: {text}"}
            for (channel, kind), (count, t_ns, text) in sorted(self._seen.items())
        ]
