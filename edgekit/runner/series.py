"""Hold what is read together on one schedule, and what went wrong with each channel."""

from __future__ import annotations

import errno
import math
from typing import Any, Dict, List, Optional, Tuple

from .counters import Gone
from .ticks import Ticks

PATIENCE = 10  # consecutive failures after which a channel is lost
FLAG_INVALID = 2  # as in the host's traces: the row's value says nothing
_LEFT = frozenset({errno.ENODEV, errno.ENXIO, errno.EACCES, errno.EPERM, errno.EBADF, errno.ESTALE, errno.ENOENT, errno.ENOTCONN})


class Series:
    """Hold channels that are read in one pass, and when that happens next. `readers` maps a channel's index to its id and its function."""

    def __init__(self, counter: Any, readers: Dict[int, Tuple[str, Any]], hz: float, start_ns: int, fast: bool = False) -> None:
        self.counter = counter
        self.readers = readers
        self.shared = bool(counter.shared)
        self.reads = 0
        self.due_ns = start_ns
        self.period_ns = int(1e9 / (hz if fast else min(hz, counter.max_hz)))
        self.ticks: Optional[Ticks] = None
        if not fast and len(readers) == 1 and any(channel in counter.ticking for channel, _ in readers.values()):
            self.ticks = Ticks(self.period_ns)

    def skip_to(self, now_ns: int) -> None:
        """Move to the next time of the schedule after `now_ns`; readings that were missed are left out, not made up in a burst."""
        sharp = None if self.ticks is None else self.ticks.due_ns(now_ns)
        if sharp is not None:
            self.due_ns = max(sharp, now_ns + 1)
        else:
            self.due_ns += self.period_ns * max(1, (now_ns - self.due_ns) // self.period_ns + 1)


def arranged(counter: Any, first: int, hz: float, start_ns: int, fast: bool = False) -> List[Series]:
    """Return the series of one counter: all its channels in one, except those that tick, each with a schedule of its own."""
    numbered = dict(enumerate(counter.readers, first))
    alone = [{place: reader} for place, reader in numbered.items() if reader[0] in counter.ticking]
    together = {place: reader for place, reader in numbered.items() if reader[0] not in counter.ticking}
    return [Series(counter, readers, hz, start_ns, fast) for readers in ([together] if together else []) + alone]


class Faults:
    """Judge failed readings: one or two may pass, a row of them or a device that left loses the channel."""

    def __init__(self) -> None:
        self._row: Dict[str, int] = {}
        self._seen: Dict[Tuple[str, str], Tuple[int, int, str]] = {}

    def passed(self, channel: str) -> None:
        """Take a reading that succeeded."""
        if channel in self._row:
            del self._row[channel]

    def lost(self, channel: str, error: Exception, t_ns: int) -> bool:
        """Take a failure; return True when the channel will not come back."""
        row = self._row[channel] = self._row.get(channel, 0) + 1
        kind = type(error).__name__
        count, since, text = self._seen.get((channel, kind), (0, t_ns, str(error)))
        self._seen[channel, kind] = (count + 1, since, text)
        left = isinstance(error, Gone) or (isinstance(error, OSError) and error.errno in _LEFT)
        return left or row >= PATIENCE

    def events(self) -> List[Dict[str, Any]]:
        """Return one note for each channel and kind of failure, with its count, and forget them."""
        notes = [
            {"event": "note", "code": "reading.invalid", "channel": channel, "t_ns": t_ns, "count": count, "why": f"{kind}: {text}"}
            for (channel, kind), (count, t_ns, text) in sorted(self._seen.items())
        ]
        self._seen = {}
        return notes


def usable(value: Any) -> float:
    """Return a finite number; raise ValueError for anything else."""
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"not a finite number: {value!r}")
    return value
