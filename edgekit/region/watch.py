"""Read between the edges of open regions: power meters at their rate, counters often enough that no wrap is missed.

One thread serves all regions of a process. It starts with the first region that needs it, and ends soon after the last one closed.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgekit.region.gauge import Clock, Gauge

if TYPE_CHECKING:
    from edgekit.region.region import Region

_LONGEST_NAP_S = 2.0  # how soon a thread that naps notices a region with slower needs than it knew
_IDLE_S = 4.0  # without any region the thread ends


class Watch:
    """Poll the gauges of open regions. Without `threaded` nothing runs by itself: somebody calls `poll`."""

    def __init__(self, clock: Clock, *, threaded: bool = True) -> None:
        self._clock = clock
        self._threaded = threaded
        self._open: weakref.WeakSet[Region] = weakref.WeakSet()
        self._due_ns: dict[Gauge, int] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._nap_ends_ns = 0
        self._nap_s = _LONGEST_NAP_S

    def add(self, region: Region, gauges: Iterable[Gauge]) -> None:
        """Watch over these gauges until the region is removed."""
        with self._lock:
            now_ns = self._clock.now_ns()
            if not self._open:
                self._due_ns.clear()
            self._open.add(region)
            for gauge in gauges:
                if gauge.poll_s is not None and gauge not in self._due_ns:
                    for each in _pair(gauge):
                        each.log.clear()
                    self._due_ns[gauge] = now_ns + max(self._pause_ns(gauge), round(gauge.rest_s * 1e9))
                    if gauge.rest_s:  # who naps no longer than this need not be woken, which would cost every opening
                        self._nap_s = min(self._nap_s, gauge.rest_s)
            soonest_ns = min(self._due_ns.values(), default=now_ns)
            if not self._threaded:
                return
            if self._thread is None or not self._thread.is_alive():
                self._nap_ends_ns = soonest_ns
                self._thread = threading.Thread(target=self._run, name="edgekit-regions", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # no more threads here, or the interpreter ends: what needed the readings becomes unknown
                    self._thread = None
            elif soonest_ns < self._nap_ends_ns:
                self._wake.set()

    def renew(self) -> None:
        """Begin anew in a forked child: the thread stayed with the parent, and whoever held the lock is not here to release it."""
        self._lock, self._wake, self._thread = threading.Lock(), threading.Event(), None
        self._open.clear()

    def remove(self, region: Region) -> None:
        """Stop for this region; harmless when called twice."""
        with self._lock:
            self._open.discard(region)
            begun_ns = [span.start_ns for span in (each.span for each in self._open) if span is not None]
            if len(begun_ns) == len(self._open) > 0:  # regions that always overlap would keep every reading since the first of them
                for each in (each for gauge in self._due_ns for each in _pair(gauge)):
                    each.forget(before_ns=min(begun_ns))

    def poll(self) -> float | None:
        """Read what is due; return the seconds until the next reading, None when no region is open."""
        with self._lock:
            if not self._open:
                return None
            due = [gauge for gauge, due_ns in self._due_ns.items() if due_ns <= self._clock.now_ns()]
        for gauge in due:
            for each in _pair(gauge):
                each.log.append(each.look(self._clock))
        with self._lock:
            now_ns = self._clock.now_ns()
            for gauge in due:
                self._due_ns[gauge] = now_ns + self._pause_ns(gauge)
            return max(0.0, (min(self._due_ns.values()) - now_ns) / 1e9) if self._due_ns else _LONGEST_NAP_S

    def _pause_ns(self, gauge: Gauge) -> int:
        pause_ns = (gauge.poll_s or 0.0) * 1e9
        if any(each.random for each in _pair(gauge)):
            from random import uniform

            pause_ns *= uniform(0.5, 1.5)  # noqa: S311 -- moments of sampling, no secret
        return round(pause_ns)

    def _run(self) -> None:
        idle_s = 0.0
        while True:
            left_s = self.poll()
            with self._lock:
                nap_s = self._nap_s if left_s is None else min(left_s, self._nap_s)
                idle_s = 0.0 if left_s is not None else idle_s + nap_s
                if idle_s >= _IDLE_S and not self._open:
                    self._thread = None
                    return
                self._nap_ends_ns = self._clock.now_ns() + round(nap_s * 1e9)
            self._wake.wait(nap_s)
            self._wake.clear()


def _pair(gauge: Gauge) -> tuple[Gauge, ...]:
    """Return a gauge and what is read right after it."""
    return (gauge,) if gauge.beside is None else (gauge, gauge.beside)
