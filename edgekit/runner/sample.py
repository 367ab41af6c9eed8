"""Read counters on an absolute schedule, in a process of their own, on the clock that the inference process uses."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

from . import counters
from .wire import Message, Refusal

SEND_EVERY_NS = 500_000_000


class Sampler:
    """Hold open counters between start and stop, and send their readings in batches: [channel index, t_ns, bracket_ns, value]."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._series: List[Series] = []
        self._rows: List[List[float]] = []
        self._send_ns = self._start_ns = self._start_cpu_ns = 0

    def operations(self) -> Dict[str, Callable[[Message], Message]]:
        """Return the operations by name."""
        return {"start": self.start, "stop": self.stop}

    def start(self, request: Message) -> Message:
        """Open the counters and begin; return the channel ids in the order of their indices, and the core this process moved to.

        `fast` asks for `hz` also where a counter tells nothing new that often: a self-test looks for the moments of its updates.
        """
        if self._start_ns:
            raise Refusal("sampler.running", "the sampler runs already", "stop comes first")
        hz = float(request.get("hz") or 100.0)
        if not 0 < hz <= 10_000:
            raise Refusal("sampler.rate", f"cannot sample at {hz} Hz", "between 0 and 10000")
        pids = [int(pid) for pid in request.get("pids") or []]
        names = [str(name) for name in request.get("counters") or []]
        opened = [counters.start(name, request.get("roots") or {}, pids) for name in names]
        core = step_aside(pids)
        self._start_cpu_ns = time.process_time_ns()
        self._start_ns = time.monotonic_ns()
        self._send_ns = self._start_ns + SEND_EVERY_NS
        channels: List[str] = []
        for counter in opened:
            self._series.append(Series(counter, len(channels), hz if request.get("fast") else min(hz, counter.max_hz), self._start_ns))
            channels += [channel for channel, _ in counter.readers]
        return {"channels": channels, "cpu": core}

    def stop(self, request: Message) -> Message:
        """Read once more, send what is left and close; return what sampling cost in seconds, and the number of reads."""
        if not self._start_ns:
            raise Refusal("sampler.idle", "the sampler does not run", "start comes first")
        for series in self._series:
            self._read(series)
        self._flush()
        cost = {
            "cpu_s": (time.process_time_ns() - self._start_cpu_ns) / 1e9,
            "wall_s": (time.monotonic_ns() - self._start_ns) / 1e9,
            "reads": sum(series.reads for series in self._series),
        }
        for series in self._series:
            series.counter.close()
        self._series, self._start_ns = [], 0
        return cost

    def tick(self) -> Optional[float]:
        """Read what is due; return the seconds until the next reading, or None while stopped."""
        if not self._start_ns:
            return None
        for series in self._series:
            if time.monotonic_ns() >= series.due_ns:
                self._read(series)
                series.skip_to(time.monotonic_ns())
        if time.monotonic_ns() >= self._send_ns:
            self._flush()
        due_ns = min([self._send_ns] + [series.due_ns for series in self._series])
        return max(0.0, (due_ns - time.monotonic_ns()) / 1e9)

    def _read(self, series: Series) -> None:
        for place, (channel, read) in list(series.readers.items()):
            before = time.monotonic_ns()
            try:
                value = read()
            except Exception as error:  # whatever a driver raises: this channel is lost, the others go on
                del series.readers[place]
                self._send({"event": "lost", "channel": channel, "t_ns": before, "why": f"{type(error).__name__}: {error}"})
                continue
            after = time.monotonic_ns()
            self._rows.append([place, (before + after) // 2, (after - before + 1) // 2, value])
            series.reads += 1

    def _flush(self) -> None:
        if self._rows:
            self._send({"event": "readings", "rows": self._rows})
            self._rows = []
        self._send_ns = time.monotonic_ns() + SEND_EVERY_NS


class Series:
    """Hold one open counter and when it is read next. `readers` maps a channel's index to its id and its function."""

    def __init__(self, counter: Any, first: int, hz: float, start_ns: int) -> None:
        self.counter = counter
        self.readers: Dict[int, Any] = dict(enumerate(counter.readers, first))
        self.reads = 0
        self.due_ns = start_ns
        self._period_ns = int(1e9 / hz)

    def skip_to(self, now_ns: int) -> None:
        """Move to the next time of the schedule after `now_ns`; readings that were missed are left out, not made up in a burst."""
        self.due_ns += self._period_ns * max(1, (now_ns - self.due_ns) // self._period_ns + 1)


def step_aside(pids: Sequence[int]) -> Optional[int]:
    """Pin this process to one core that none of `pids` ran on last; return the core, or None where that is not possible."""
    try:
        cores = os.sched_getaffinity(0)
        busy: Set[int] = {core for core in map(_core_of, pids) if core is not None}
        free = sorted(cores - busy)
        if len(cores) < 2 or not free:
            return None
        os.sched_setaffinity(0, {free[-1]})
        return free[-1]
    except (AttributeError, OSError):
        return None


def _core_of(pid: int) -> Optional[int]:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[36])
    except (OSError, IndexError, ValueError):
        return None
