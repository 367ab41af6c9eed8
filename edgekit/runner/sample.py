"""Read counters on an absolute schedule, in a process of their own, on the clock that the inference process uses.

Events, apart from the reply to each request:

    {"event": "readings", "rows": [[channel index, t_ns, bracket_ns, value], ...]}   a fifth item holds flags; 2: invalid, the value is 0
    {"event": "lost", "channel", "t_ns", "why"}                                      this channel is not read any more, the others are
    {"event": "note", "code": "reading.invalid", "channel", "t_ns", "count", "why"}  at the end, one for each channel and kind of failure
    {"event": "note", "code": "sampler.starved", "t_ns", "length_ns", "count"}       nothing was read from t_ns on for length_ns
    {"event": "note", "code": "sampler.suspended", "t_ns", "length_ns"}              the machine slept for length_ns, seen at t_ns
"""

from __future__ import annotations

import resource
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import counters
from .aside import step_aside
from .series import FLAG_INVALID, Faults, Series, Source, arranged
from .wire import Message, Refusal

SEND_EVERY_NS = 500_000_000
STARVED_PERIODS = 5
STARVED_EVENTS = 50  # more are counted, not told one by one
SUSPENDED_NS = 10_000_000


class Sampler:
    """Hold open counters between start and stop, and send their readings in batches. `clock`, `aside` and `asleep` are replaced in tests.

    For up to `nap_ns` it sleeps between two readings by itself instead of returning from `tick`: each return costs time on a core.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        clock: Callable[[], int] = time.monotonic_ns,
        aside: Optional[Callable[[Sequence[int]], Optional[int]]] = None,
        asleep: Optional[Callable[[], int]] = None,
        nap_ns: int = 0,
    ) -> None:
        self._send = send
        self._clock = clock
        self._aside = aside or step_aside
        self._asleep = asleep or slept_ns
        self._nap_ns = nap_ns
        self._series: List[Series] = []
        self._sources: List[Source] = []
        self._opened: List[Any] = []
        self._rows: List[List[float]] = []
        self._send_ns = self._start_ns = self._start_cpu_ns = self._slept_ns = 0
        self._faults = Faults()
        self._starved = 0

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
        opened: List[Any] = []
        try:
            for name in names:
                opened.append(counters.start(name, request.get("roots") or {}, pids))
        except BaseException:
            for counter in opened:
                counter.close()
            raise
        return self.begin(opened, hz, pids, fast=bool(request.get("fast")))

    def begin(self, opened: Sequence[Any], hz: float, pids: Sequence[int] = (), fast: bool = False) -> Message:
        """Read counters that are open already, from now on."""
        self._opened = list(opened)
        core = self._aside(pids)
        self._start_cpu_ns = spent_cpu_ns()
        self._start_ns = self._clock()
        self._send_ns = self._start_ns + SEND_EVERY_NS
        self._slept_ns = self._asleep()
        self._faults, self._starved = Faults(), 0
        channels: List[str] = []
        for counter in opened:
            self._series += arranged(counter, len(channels), hz, self._start_ns, fast)
            channels += [channel for channel, _ in counter.readers]
        self._sources = sorted((source for series in self._series for source in series.sources), key=lambda source: source.place)
        return {"channels": channels, "cpu": core}

    def stop(self, request: Message) -> Message:
        """Read once more, send what is left and close; return what sampling cost in seconds, the number of reads and the mean of one."""
        if not self._start_ns:
            raise Refusal("sampler.idle", "the sampler does not run", "start comes first")
        for series in self._series:
            self._read(series)
        self._flush()
        for event in self._faults.events():
            self._send(event)
        cost = {
            "cpu_s": (spent_cpu_ns() - self._start_cpu_ns) / 1e9,
            "wall_s": (self._clock() - self._start_ns) / 1e9,
            "reads": sum(source.reads for source in self._sources),
            "starved": self._starved,
            "read_s": {source.channel: source.spent_ns / source.reads / 1e9 for source in self._sources if source.reads},
        }
        for counter in self._opened:
            counter.close()
        self._series, self._sources, self._opened, self._start_ns = [], [], [], 0
        return cost

    def tick(self) -> Optional[float]:
        """Read what is due; return the seconds until the next reading, or None while stopped."""
        if not self._start_ns:
            return None
        until_ns = self._clock() + self._nap_ns
        while True:
            due_ns, now = self._turn()
            if due_ns >= until_ns:
                return max(0.0, (due_ns - now) / 1e9)
            time.sleep(max(0.0, (due_ns - now) / 1e9))

    def _turn(self) -> Tuple[int, int]:
        """Read what is due; return when the next reading is, and the time."""
        now = self._clock()
        for series in self._series:
            if now >= series.due_ns:
                if now - series.due_ns > STARVED_PERIODS * series.period_ns:
                    self._note_starved(series.due_ns, now)
                self._read(series)
                before, now = now, self._clock()
                if now - before > STARVED_PERIODS * series.period_ns:  # it lost its processor in the middle of a reading
                    self._note_starved(before, now)
                series.skip_to(now)
        if now >= self._send_ns:
            self._flush()
            now = self._clock()
        due_ns = self._send_ns
        for series in self._series:
            due_ns = min(due_ns, series.due_ns)
        return due_ns, now

    def _read(self, series: Series) -> None:
        clock = self._clock
        first = before = clock()
        taken: List[List[float]] = []
        for source in series.sources:
            try:
                value = source.read()
                if value - value != 0:  # neither NaN nor infinity is a reading
                    raise ValueError(f"not a finite number: {value}")
                if source.failures:
                    source.failures = 0
            except Exception as error:  # whatever a driver raises: this reading is not usable, the others go on
                lost = self._failed(source, error, before)
                after = clock()
                if not lost:
                    taken.append([source.place, (before + after) // 2, (after - before + 1) // 2, 0, FLAG_INVALID])
                before = after
                continue
            after = clock()
            t_ns, bracket_ns = (before + after) // 2, (after - before + 1) // 2
            taken.append([source.place, t_ns, bracket_ns, value])
            if series.ticks is not None:
                series.ticks.saw(t_ns, bracket_ns, value)
            before = after
        if series.shared:  # one access served them all: they share its time
            for row in taken:
                row[1], row[2] = (first + before) // 2, (before - first + 1) // 2
        self._rows += taken

    def _failed(self, source: Source, error: Exception, t_ns: int) -> bool:
        """Take a failure; return True when it loses the channel, which is told and read no more."""
        if not self._faults.lost(source, error, t_ns):
            return False
        for series in self._series:
            series.sources = [other for other in series.sources if other is not source]
        self._send({"event": "lost", "channel": source.channel, "t_ns": t_ns, "why": f"{type(error).__name__}: {error}"})
        return True

    def _flush(self) -> None:
        if self._rows:
            self._send({"event": "readings", "rows": self._rows})
            for row in self._rows:
                source = self._sources[int(row[0])]
                source.reads += 1
                source.spent_ns += 2 * int(row[2])
            self._rows = []
        now, slept = self._clock(), self._asleep()
        if slept - self._slept_ns > SUSPENDED_NS:
            self._send({"event": "note", "code": "sampler.suspended", "t_ns": now, "length_ns": slept - self._slept_ns})
        self._slept_ns = slept
        self._send_ns = now + SEND_EVERY_NS

    def _note_starved(self, due_ns: int, now_ns: int) -> None:
        self._starved += 1
        if self._starved <= STARVED_EVENTS:
            self._send({"event": "note", "code": "sampler.starved", "t_ns": due_ns, "length_ns": now_ns - due_ns, "count": self._starved})


def spent_cpu_ns() -> int:
    """Return the processor time of this process and of the commands it ran."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time_ns() + round(1e9 * (children.ru_utime + children.ru_stime))


def slept_ns() -> int:
    """Return how long the machine was suspended since its start: the monotonic clock stands still meanwhile, the boot clock goes on."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return 0 if boot is None else time.clock_gettime_ns(boot) - time.monotonic_ns()
