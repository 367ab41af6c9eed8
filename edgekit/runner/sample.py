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
    """Hold open counters between start and stop, and send their readings in batches; all but the first and last argument are for tests.

    For up to `nap_ns` it sleeps between two readings by itself instead of returning from `tick`: each return costs time on a core.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        clock: Callable[[], int] = time.monotonic_ns,
        aside: Optional[Callable[[Sequence[int]], Optional[int]]] = None,
        asleep: Optional[Callable[[], int]] = None,
        sleep: Callable[[float], None] = time.sleep,
        nap_ns: int = 0,
    ) -> None:
        self._send = send
        self._clock = clock
        self._aside = aside or step_aside
        self._asleep = asleep or slept_ns
        self._sleep = sleep
        self._nap_ns = nap_ns
        self._series: List[Series] = []
        self._only: Optional[Series] = None  # it is read by the shorter way
        self._sources: List[Source] = []
        self._opened: List[Any] = []
        self._taken: List[Tuple[Any, ...]] = []  # (channel index, begin of its reading, end of it, value[, flags])
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
        self._only = self._series[0] if self._nap_ns and len(self._series) == 1 and self._series[0].plain else None
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
            "seen": {name: value for counter in self._opened for name, value in counter.looked().items()},
        }
        for counter in self._opened:
            counter.close()
        self._series, self._only, self._sources, self._opened, self._start_ns = [], None, [], [], 0
        return cost

    def tick(self) -> Optional[float]:
        """Read what is due; return the seconds until the next reading, or None while stopped."""
        if not self._start_ns:
            return None
        until_ns = self._clock() + self._nap_ns
        while True:
            if self._only is not None:
                self._repeat(self._only, min(until_ns, self._send_ns))
            due_ns, now = self._turn()
            if due_ns >= until_ns:
                return max(0.0, (due_ns - now) / 1e9)
            self._sleep(max(0.0, (due_ns - now) / 1e9))

    def _turn(self) -> Tuple[int, int]:
        """Read what is due; return when the next reading is, and the time."""
        now = self._clock()
        for series in self._series:
            if now >= series.due_ns:
                started, now = now, self._read(series)
                self._move_on(series, started, now)
        if now >= self._send_ns:
            self._flush()
            now = self._clock()
        due_ns = self._send_ns
        for series in self._series:
            due_ns = min(due_ns, series.due_ns)
        return due_ns, now

    def _repeat(self, series: Series, until_ns: int) -> None:
        """Read the only series until `until_ns`, as `_turn` would.

        A core that wakes for a reading has cold caches, where each line that is run costs ten times its usual time: this holds few.
        """
        clock, sleep, take = self._clock, self._sleep, self._taken.append
        due_ns, period_ns, sources = series.due_ns, series.period_ns, series.sources
        now = clock()
        while due_ns < until_ns:
            if due_ns > now:
                sleep((due_ns - now) / 1e9)
            started = now = clock()
            for source in sources:
                try:
                    value = source.read()
                    if value - value != 0:
                        raise _not_finite(value)
                    if source.failures:
                        source.failures = 0
                except Exception as error:
                    now = self._spoilt(source, error, now)
                    sources = series.sources
                    continue
                before, now = now, clock()
                take((source.place, before, now, value))
            if now < due_ns + period_ns:
                due_ns += period_ns
            else:
                series.due_ns = due_ns
                self._move_on(series, started, now)
                due_ns = series.due_ns
        series.due_ns = due_ns

    def _read(self, series: Series) -> int:
        """Read every channel of a series once; return the time."""
        clock, first = self._clock, len(self._taken)
        started = now = clock()
        for source in series.sources:
            try:
                value = source.read()
                if value - value != 0:  # neither NaN nor infinity is a reading
                    raise _not_finite(value)
                if source.failures:
                    source.failures = 0
            except Exception as error:  # whatever a driver raises: this reading is not usable, the others go on
                now = self._spoilt(source, error, now)
                continue
            before, now = now, clock()
            self._taken.append((source.place, before, now, value))
            if series.ticks is not None:
                series.ticks.saw((before + now) // 2, (now - before + 1) // 2, value)
        if series.shared:  # one access served them all: they share its time
            self._taken[first:] = [(place, started, now, *rest) for place, _, _, *rest in self._taken[first:]]
        return now

    def _move_on(self, series: Series, started_ns: int, now_ns: int) -> None:
        """Set when a series is read next, and tell of a processor that came late or was taken away in the middle of a reading."""
        for since, until in (series.due_ns, started_ns), (started_ns, now_ns):
            if until - since > STARVED_PERIODS * series.period_ns:
                self._note_starved(since, until)
        series.skip_to(now_ns)

    def _spoilt(self, source: Source, error: Exception, before_ns: int) -> int:
        """Take a reading that failed, as an invalid one unless its channel is lost; return the time."""
        lost = self._failed(source, error, before_ns)
        now = self._clock()
        if not lost:
            self._taken.append((source.place, before_ns, now, 0, FLAG_INVALID))
        return now

    def _failed(self, source: Source, error: Exception, t_ns: int) -> bool:
        """Take a failure; return True when it loses the channel, which is told and read no more."""
        if not self._faults.lost(source, error, t_ns):
            return False
        for series in self._series:
            series.sources = [other for other in series.sources if other is not source]
        self._send({"event": "lost", "channel": source.channel, "t_ns": t_ns, "why": f"{type(error).__name__}: {error}"})
        return True

    def _flush(self) -> None:
        if self._taken:
            taken, self._taken = self._taken, []
            self._send(
                {"event": "readings", "rows": [[row[0], (row[1] + row[2]) // 2, (row[2] - row[1] + 1) // 2, *row[3:]] for row in taken]}
            )
            for place, before, after, *_ in taken:
                source = self._sources[place]
                source.reads += 1
                source.spent_ns += after - before
        for counter in self._opened:
            counter.look()
        now, slept = self._clock(), self._asleep()
        if slept - self._slept_ns > SUSPENDED_NS:
            self._send({"event": "note", "code": "sampler.suspended", "t_ns": now, "length_ns": slept - self._slept_ns})
        self._slept_ns = slept
        self._send_ns = now + SEND_EVERY_NS

    def _note_starved(self, due_ns: int, now_ns: int) -> None:
        self._starved += 1
        if self._starved <= STARVED_EVENTS:
            self._send({"event": "note", "code": "sampler.starved", "t_ns": due_ns, "length_ns": now_ns - due_ns, "count": self._starved})


def _not_finite(value: float) -> ValueError:
    return ValueError(f"not a finite number: {value}")


def spent_cpu_ns() -> int:
    """Return the processor time of this process and of the commands it ran."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time_ns() + round(1e9 * (children.ru_utime + children.ru_stime))


def slept_ns() -> int:
    """Return how long the machine was suspended since its start: the monotonic clock stands still meanwhile, the boot clock goes on."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return 0 if boot is None else time.clock_gettime_ns(boot) - time.monotonic_ns()
