r"""Tell a value that is repeated because it is old from one that is the same because nothing changed.

    renewed at every reading, quiet      o o N N N o N N o     a change may come at any reading: gaps between changes are geometric
    renewed at every fourth reading      o o o o N N N N M     no change comes sooner than four readings after the last

Where a share p of the readings differs from the one before, independent renewal makes a share p of the gaps as short as one reading. A
value that is read more often than it is renewed has none (or hardly any, where readings and renewals drift past one another).

    renewed at every fourth reading, straight between      / / / / \ \ \ \ / / / /     its slope changes at multiples of four readings only

An instrument that draws lines between its values repeats nothing, and tells as little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edgekit.core.channel import Measurand
from edgekit.core.quantity import Estimate, Note, Origin, Quantity, Unknown
from edgekit.core.trace import FLAG_INVALID
from edgekit.energy.sensors.readings import chunks_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.channel import Channel
    from edgekit.core.run import RunRecord
    from edgekit.core.trace import ChunkedTrace, Trace

FEWEST = 8  # changes
LEAST_SHARE = 0.02  # of readings that differ; below, hardly anything happens and nothing can be told
STRAIGHT = 0.95  # of the changes of slope that must lie a multiple of some readings apart
_MOST_BETWEEN = 16  # readings that an instrument is taken to draw lines over
ONCE_IN = 0.01  # a chance that independent renewal makes so few gaps of one reading
_KEPT = 4096
_LOOKED_AT = 100_000  # readings of a trace
_SLOWER = 0.7  # than stated: what is worth a remark


def repeated(record: RunRecord, traces: Mapping[str, Trace | ChunkedTrace]) -> tuple[Note, ...]:
    """Return a remark for each power channel whose values are new less often than its meter states."""
    notes = []
    for spec in record.meters:
        for channel in spec.channels:
            stated_hz = 1 / channel.update_period_s if channel.update_period_s else spec.effective_hz or spec.nominal_hz
            if channel.measurand is not Measurand.POWER or channel.origin is Origin.ESTIMATED or not stated_hz or channel.id not in traces:
                continue
            found = _look(traces[channel.id], channel)
            if isinstance(found, Estimate) and found.notes and found.high < _SLOWER * stated_hz:
                text = f"{channel.id}: {found.notes[0].text}, where its meter states {stated_hz:.3g} Hz"
                advice = (
                    f"measure windows of {math.ceil(10 / found.value)} s or more, and keep the true rate with `edgekit meters selftest`"
                )
                notes.append(Note(code="readings.repeated", text=text, advice=advice))
    return tuple(notes)


def _look(trace: Trace | ChunkedTrace, channel: Channel) -> Quantity:
    """Return how often a value is new, from the first readings of a trace."""
    seen = Repeats(quantum=channel.quantum or 0.0)
    chunk = next(chunks_of(trace), None)
    if chunk is not None:
        good = (chunk.flags[:_LOOKED_AT] & FLAG_INVALID) == 0
        seen.add(chunk.t_ns[:_LOOKED_AT][good], chunk.value[:_LOOKED_AT][good])
    return seen.effective_hz((channel.origin,))


class Repeats:
    """Follow one value's readings and say how often it is new. Memory is bounded: the latest gaps count.

    `quantum` is the step of the readings as they are given: what lies on a line does so within rounding.
    """

    def __init__(self, *, quantum: float = 0.0) -> None:
        self._slopes = _Slopes(quantum)
        self._readings = 0
        self._gaps: list[tuple[int, int]] = []  # (readings, ns) from one change to the next
        self._last: float | None = None
        self._changed: tuple[int, int] | None = None  # (number, time) of the reading that changed last
        self._first_ns = self._last_ns = 0

    def add(self, t_ns: NDArray[np.int64], value: NDArray[np.float64]) -> None:
        """Take readings in their order."""
        import numpy as np

        if not len(t_ns):
            return
        self._slopes.add(value)
        before = value[:1] if self._last is None else np.array([self._last])
        self._first_ns = int(t_ns[0]) if self._last is None else self._first_ns
        changed = np.flatnonzero(np.diff(np.concatenate((before, value))))
        for place in changed.tolist()[-_KEPT:]:
            at = (self._readings + place, int(t_ns[place]))
            if self._changed is not None:
                self._gaps.append((at[0] - self._changed[0], at[1] - self._changed[1]))
            self._changed = at
        del self._gaps[:-_KEPT]
        self._readings += len(value)
        self._last, self._last_ns = float(value[-1]), int(t_ns[-1])

    def effective_hz(self, origins: Sequence[Origin]) -> Quantity:
        """Return how often the value is new, in Hz; Unknown where too little changed to tell."""
        told = tuple(origins)
        if len(self._gaps) < FEWEST:
            return Unknown(reason=f"the value changed {len(self._gaps)} times in {self._readings} readings", unit="Hz", origins=told)
        share = len(self._gaps) / sum(gap for gap, _ in self._gaps)
        every_s = sum(ns for _, ns in self._gaps) / sum(gap for gap, _ in self._gaps) / 1e9
        if every_s <= 0:
            return Unknown(reason="its readings have no times", unit="Hz", origins=told)
        if share < LEAST_SHARE:
            return Unknown(reason=f"only {share:.1%} of the readings differ from the one before", unit="Hz", origins=told)
        if not self._is_stale(share):
            return self._unrepeated(every_s, share, told)
        period_s, low_s, high_s = self._period()
        text = (
            f"each value is read about {period_s / every_s:.2g} times: {1 / every_s:.3g} readings a second, {1 / period_s:.3g} of them new"
        )
        note = Note(code="readings.repeated", text=text)
        return _estimate(1 / period_s, 1 / high_s, 1 / low_s, len(self._gaps), told, (note,))

    def _unrepeated(self, every_s: float, share: float, told: tuple[Origin, ...]) -> Quantity:
        """Return the rate of a value that was not found to be repeated: that of the readings, where something speaks for it."""
        if (between := self._slopes.straight_over()) > 1:
            hz = 1 / every_s / between
            text = f"{between - 1} of {between} readings lie between their neighbours: {1 / every_s:.3g} a second, {hz:.3g} of them new"
            return _estimate(hz, hz, hz, len(self._gaps), told, (Note(code="readings.straight", text=text),))
        if 2 * self._slopes.bends < len(self._gaps):
            why = f"the value changes along lines, which bend only {self._slopes.bends} times in {self._readings} readings"
            return Unknown(reason=why, unit="Hz", origins=told)
        if share < 1 and not any(gap == 1 for gap, _ in self._gaps):
            why = f"the value changed {len(self._gaps) + 1} times in {self._readings} readings, and never twice in a row"
            return Unknown(reason=why, unit="Hz", origins=told)
        return _estimate(1 / every_s, share / every_s, 1 / every_s, len(self._gaps), told, ())

    def _is_stale(self, share: float) -> bool:
        """Return whether gaps of one reading are rarer than independent renewal leaves them."""
        single, n = sum(gap == 1 for gap, _ in self._gaps), len(self._gaps)
        return share < 1 and _at_most(single, n, share) < ONCE_IN

    def _period(self) -> tuple[float, float, float]:
        """Return (seconds between renewals, low, high): the usual one of the shorter gaps, longer ones being several renewals."""
        gaps = sorted(ns / 1e9 for _, ns in self._gaps)
        shortest = gaps[len(gaps) // 5]
        usual = [gap for gap in gaps if gap < 1.6 * shortest]
        mean = math.fsum(usual) / len(usual)
        spread = math.sqrt(math.fsum((gap - mean) ** 2 for gap in usual) / max(1, len(usual) - 1) / len(usual))
        return mean, max(1e-9, mean - 2 * spread), mean + 2 * spread


class _Slopes:
    """Follow where the slope of equally spaced readings changes."""

    def __init__(self, quantum: float) -> None:
        self._quantum = quantum
        self._recent: list[float] = []  # the last two readings
        self._readings = 0
        self._bend: int | None = None
        self._gaps: list[int] = []  # readings from one bend to the next

    @property
    def bends(self) -> int:
        """Return how many bends are remembered."""
        return len(self._gaps) + (self._bend is not None)

    def add(self, value: NDArray[np.float64]) -> None:
        """Take readings in their order."""
        import numpy as np

        values = np.concatenate((self._recent, value))
        first = self._readings - len(self._recent)
        rounding = 2 * self._quantum + 1e-9 * float(np.abs(values).max())  # of the middle one twice, and of both others
        bends = np.flatnonzero(np.abs(np.diff(values, n=2)) > rounding) + first
        for bend in bends.tolist()[-_KEPT:]:
            if self._bend is not None:
                self._gaps.append(bend - self._bend)
            self._bend = bend
        del self._gaps[:-_KEPT]
        self._readings += len(value)
        self._recent = values[-2:].tolist()

    def straight_over(self) -> int:
        """Return over how many readings lines are drawn, 1 where no such thing is seen."""
        n = len(self._gaps)
        for between in range(_MOST_BETWEEN, 1, -1):
            if n >= FEWEST and between in self._gaps and sum(gap % between == 0 for gap in self._gaps) >= STRAIGHT * n:
                return between
        return 1


def _at_most(count: int, n: int, p: float) -> float:
    """Return the probability of at most `count` of `n` at a chance of `p` each."""
    logs = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
        for k in range(count + 1)
    )
    return min(1.0, math.fsum(math.exp(log) for log in logs))


def _estimate(value: float, low: float, high: float, n: int, origins: tuple[Origin, ...], notes: tuple[Note, ...]) -> Estimate:
    return Estimate(value=value, low=low, high=high, unit="Hz", origins=origins, n=n, notes=notes)
