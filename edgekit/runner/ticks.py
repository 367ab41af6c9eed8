"""Plan when to read a counter that stands still between updates, so that each update is dated sharply at the mean rate of a plain schedule.

    value   ____________________|‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾    an update ("tick") lies between the last old and the first new reading
    plain      .    .    .    .    .    .    .           every reading alike: the tick is known to one reading period
    tracked                   .:.                .:.     the same number of readings, but around the moment of the expected tick

Moment and period of the ticks are held as intervals. Each reading cuts the interval of the next tick; each tick moves it one period on and
widens it by a margin for jitter, which doubles when a tick falls outside and shrinks slowly otherwise. Where that takes a fifth more
readings than the plain schedule, it is looked at less closely. No clock is read here.
"""

from __future__ import annotations

from typing import Optional, Tuple

MIN_PERIOD_NS = 10_000_000  # faster counters are read on a plain schedule
MIN_READS = 1.5  # a plain schedule with fewer readings in an update period has none to spare for its edges
LEARN_TICKS = 8
GIVE_UP_TICKS = 64
PATIENCE = 4  # ticks in a row outside their intervals
_MARGIN_NS = 50_000.0
_ASTRAY_REL = 0.02  # a period further off than this was taken for another
_DRIFT_REL = 1e-6  # how much a period may change from one tick to the next

Interval = Tuple[float, float]


class Ticks:
    """Follow the ticks of one counter. `plain_ns` is the period of the plain schedule; the update period shows itself in a few ticks."""

    def __init__(self, plain_ns: int) -> None:
        self.period: Optional[Interval] = None
        self._plain_ns = plain_ns
        self._last: Optional[Tuple[float, float]] = None  # (begin of the last reading, its value)
        self._anchor: Optional[Tuple[float, float, int]] = None  # a sharply dated tick, and the ticks since
        self._next: Optional[Interval] = None  # where the next tick is expected
        self._margin_ns = _MARGIN_NS
        self._read_ns = 0.0
        self._stood_still = self._late = self._missed = self._count = 0
        self._begin_ns: Optional[float] = None
        self._dear = False  # more was read than a plain schedule would have
        self._seen_low = self._gave_up = self._jitters = False

    def saw(self, t_ns: int, bracket_ns: int, value: float) -> None:
        """Take one reading: midpoint and half-width of the time it took, and its value."""
        begin, end = float(t_ns - bracket_ns), float(t_ns + bracket_ns)
        self._read_ns = end - begin
        self._count += 1
        self._begin_ns = begin if self._begin_ns is None else self._begin_ns
        self._dear = self._count * self._plain_ns > 1.2 * (end - self._begin_ns) + 16 * self._plain_ns
        if self._last is not None and value != self._last[1]:
            self._take((self._last[0], end))
        elif self._last is not None:
            self._stood_still += 1
            if self._next is not None and begin >= self._next[0] - 2 * (self._read_ns + _MARGIN_NS):
                self._seen_low = True  # the tick is not before the interval
                self._next = (min(max(begin, self._next[0]), self._next[1]), self._next[1])
        self._last = (begin, value)

    def due_ns(self, now_ns: int) -> Optional[int]:
        """Return when to read next, or None where the plain schedule serves: not learned yet, or the counter rests."""
        if self._next is None or self.period is None or self._last is None or self.period[1] < MIN_READS * self._plain_ns:
            return None
        low, high = self._next
        first = low - self._read_ns - _MARGIN_NS  # the reading that still sees the old value ends before the interval begins
        if now_ns < first:
            return round(min(first, now_ns + self._coarse_ns()))
        if self._last[0] < high:
            return round(min(max(high, now_ns), now_ns + self._step_ns(high - low)))
        if now_ns > high + 3 * self.period[1]:
            return None  # it rests: plainly until it moves again
        self._late += 1
        wait_ns = self._plain_ns if self._dear else max(4 * self._read_ns, 2 * self._margin_ns) * 2.0 ** min(self._late, 20)
        return now_ns + min(self._plain_ns, round(wait_ns))

    def _take(self, seen: Interval) -> None:
        """Take a tick between the beginning of the last old and the end of the first new reading."""
        low, high = seen
        if self._next is not None and self.period is not None:
            hit = self._seen_low and low < self._next[1]
            self._settle(hit, self.period[0])
            if self._missed > PATIENCE:
                self._forget()
            elif high >= self._next[0] and low < self._next[1]:
                early = 0.0 if hit else self._margin_ns  # it was there before anyone looked
                low, high = max(low, self._next[0] - early), min(high, self._next[1])
        self._learn(seen)
        self._late, self._seen_low = 0, False
        if self.period is not None:
            self._next = (low + self.period[0] - self._margin_ns, high + self.period[1] + self._margin_ns)

    def _settle(self, hit: bool, period_ns: float) -> None:
        """Fit the margin to the jitter: double it for a tick outside its interval, else narrow it, slowly once it proved too narrow."""
        if hit:
            self._margin_ns = max(_MARGIN_NS, self._margin_ns * (0.98 if self._jitters else 0.9))
        else:
            self._margin_ns = min(self._margin_ns * 2, 0.1 * period_ns)
            self._jitters = True
        self._missed = 0 if hit else self._missed + 1

    def _forget(self) -> None:
        """Begin anew: the period is not what it was taken for."""
        self.period = self._next = self._anchor = None
        self._missed = self._stood_still = 0

    def _learn(self, seen: Interval) -> None:
        """Narrow the period to what this tick and the anchor, a number of periods apart, allow."""
        if self._gave_up:
            return
        if self._anchor is None:
            self._anchor = (*seen, 0)
            return
        low, high, count = self._anchor
        count = self._count_since((low + high) / 2, sum(seen) / 2) if self.period else count + 1
        self._anchor = (low, high, count)
        slack = 4 * self._margin_ns
        allowed = ((seen[0] - high - slack) / count, (seen[1] - low + slack) / count)
        if self.period is None:
            if count >= LEARN_TICKS and sum(allowed) >= 2 * MIN_PERIOD_NS and self._stood_still >= count // 2:
                self.period = allowed
            self._gave_up = self.period is None and count >= GIVE_UP_TICKS  # it moves as fast as it is read: nothing to gain
            return
        if seen[1] - seen[0] > self.period[0] / 3:
            return  # nobody looked near it: it dates nothing
        drift = _DRIFT_REL * self.period[1]
        both = max(allowed[0], self.period[0] - drift), min(allowed[1], self.period[1] + drift)
        if both[0] - both[1] > _ASTRAY_REL * self.period[0]:
            self._forget()
            return
        self.period = both if both[0] <= both[1] else (min(allowed[0], self.period[0]), max(allowed[1], self.period[1]))
        if seen[1] - seen[0] < (high - low) / 2 or count * (self.period[1] - self.period[0]) > self.period[0] / 4:
            self._anchor = (*seen, 0)

    def _count_since(self, anchor_ns: float, at_ns: float) -> int:
        """Return how many periods have passed: a tick that changed nothing was not seen, but it counts."""
        return max(1, round(2 * (at_ns - anchor_ns) / sum(self.period or (1.0, 1.0))))

    def _reads(self) -> int:
        """Return how many readings of one period the plain schedule would make."""
        return max(2, round((self.period or (0.0, 0.0))[1] / self._plain_ns))

    def _step_ns(self, width_ns: float) -> float:
        """Return the distance of readings inside the expected interval: at its two ends, with others between while it is wide."""
        if self._dear or width_ns <= 2 * (self._read_ns + _MARGIN_NS):
            return width_ns
        reads = self._reads()
        return max(width_ns / (max(3, reads if reads <= 5 else reads // 2) - 1), self._read_ns)

    def _coarse_ns(self) -> float:
        """Return the distance of readings far from the expected tick; infinite where a period has few readings to spend."""
        reads = self._reads()
        return float("inf") if reads <= 5 else 2 * (self.period or (0.0, 0.0))[1] / reads
