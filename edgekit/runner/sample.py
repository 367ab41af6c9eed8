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
        self._open: List[Any] = []
        self._readers: Dict[int, Any] = {}
        self._channels: List[str] = []
        self._rows: List[List[float]] = []
        self._period_ns = 0
        self._due_ns = self._send_ns = self._start_ns = self._start_cpu_ns = 0
        self._reads = 0

    def operations(self) -> Dict[str, Callable[[Message], Message]]:
        """Return the operations by name."""
        return {"start": self.start, "stop": self.stop}

    def start(self, request: Message) -> Message:
        """Open the counters and begin; return the channel ids in the order of their indices."""
        if self._period_ns:
            raise Refusal("sampler.running", "the sampler runs already", "stop comes first")
        hz = float(request.get("hz") or 100.0)
        if not 0 < hz <= 10_000:
            raise Refusal("sampler.rate", f"cannot sample at {hz} Hz", "between 0 and 10000")
        pids = [int(pid) for pid in request.get("pids") or []]
        for name in request.get("counters") or []:
            counter = counters.start(str(name), request.get("roots") or {}, pids)
            self._open.append(counter)
            for channel, read in counter.readers:
                self._readers[len(self._channels)] = read
                self._channels.append(channel)
        cpu = step_aside(pids)
        self._period_ns = int(1e9 / hz)
        self._start_cpu_ns = time.process_time_ns()
        self._due_ns = self._start_ns = time.monotonic_ns()
        self._send_ns = self._start_ns + SEND_EVERY_NS
        self._reads = 0
        return {"channels": list(self._channels), "cpu": cpu}

    def stop(self, request: Message) -> Message:
        """Read once more, send what is left and close; return what sampling cost in seconds, and the number of reads."""
        if not self._period_ns:
            raise Refusal("sampler.idle", "the sampler does not run", "start comes first")
        self._read()
        self._flush()
        cost = {
            "cpu_s": (time.process_time_ns() - self._start_cpu_ns) / 1e9,
            "wall_s": (time.monotonic_ns() - self._start_ns) / 1e9,
            "reads": self._reads,
        }
        for counter in self._open:
            counter.close()
        self._open, self._readers, self._channels, self._period_ns = [], {}, [], 0
        return cost

    def tick(self) -> Optional[float]:
        """Read what is due; return the seconds until the next reading, or None while stopped. Missed readings are left out."""
        if not self._period_ns:
            return None
        now = time.monotonic_ns()
        if now >= self._due_ns:
            self._read()
            now = time.monotonic_ns()
            self._due_ns += self._period_ns * max(1, -((self._due_ns - now) // self._period_ns))
            if now >= self._send_ns:
                self._flush()
        return max(0.0, (self._due_ns - time.monotonic_ns()) / 1e9)

    def _read(self) -> None:
        for index, read in list(self._readers.items()):
            before = time.monotonic_ns()
            try:
                value = read()
            except Exception as error:  # whatever a driver raises: this channel is lost, the others go on
                del self._readers[index]
                self._send({"event": "lost", "channel": self._channels[index], "t_ns": before, "why": f"{type(error).__name__}: {error}"})
                continue
            after = time.monotonic_ns()
            self._rows.append([index, (before + after) // 2, (after - before + 1) // 2, value])
        self._reads += 1

    def _flush(self) -> None:
        if self._rows:
            self._send({"event": "readings", "rows": self._rows})
            self._rows = []
        self._send_ns = time.monotonic_ns() + SEND_EVERY_NS


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
