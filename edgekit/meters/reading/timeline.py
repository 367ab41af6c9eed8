r"""Date the samples of a stream that counts them: number times period is the meter's own time, and its arrivals place it on the host's.

host time                             Each block runs straight from where the last one ended to where the fit puts its end, so that times
  |            ___/  <- the fit       never go back; where the fit has moved meanwhile, what is left of the step is in the bracket.
  |      __---/
  |  ___/ |    |
  +-------|----|------> sample number

Host times, and not the meter's own with clock maps beside them, are what a trace holds: a run record joins a window's clock to a trace's by
one map, and between a board and a meter there would be two. The fit and its residual stand in the brackets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.energy.clocks.sync import ArrivalLine, Arrivals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRANSPORT_NS = 2_000_000  # USB frames of a millisecond, and a packet to fill; nobody measured it, so all of it is in the bracket
_SETTLE_NS = 200_000_000  # of a stream that only set the clock: its very first bytes may have waited
_CHECK_NS = 2_000_000_000
_CHECKS, _LATE_NS, _ALIKE_NS = 5, 20_000_000, 5_000_000


class Timeline:
    """Turn sample numbers into host times. `period_ns` is the nominal time between samples."""

    def __init__(self, period_ns: float, *, transport_ns: int = TRANSPORT_NS) -> None:
        self.period_ns = period_ns
        self._transport_ns = transport_ns
        self._arrivals = Arrivals()
        self._line: ArrivalLine | None = None
        self._last: tuple[int, float] | None = None  # number and time of the last sample that was dated
        self._first_ns: int | None = None
        self._check_ns = _CHECK_NS
        self._least_late_ns: float | None = None
        self._delays_ns: list[float] = []

    def settles(self, final: int, arrival_ns: int) -> bool:
        """Take the arrival of sample `final`; return whether the stream is so young that its samples are better not dated."""
        if self._first_ns is None:
            self._first_ns = arrival_ns
        young = self._last is None and arrival_ns - self._first_ns < _SETTLE_NS
        if young:
            self._arrivals.add(round(final * self.period_ns), arrival_ns)
        return young

    def date(self, numbers: NDArray[np.int64], arrival_ns: int) -> tuple[NDArray[np.int64], int]:
        """Return (host times in ns, half-width of them) of samples of which the last arrived by `arrival_ns`; the numbers rise."""
        import numpy as np

        final = int(numbers[-1])
        line = self._line = self._arrivals.add(round(final * self.period_ns), arrival_ns)
        end_ns = line.on_host(final * self.period_ns)
        self._note_late(arrival_ns - end_ns)
        first, start_ns = self._last or (int(numbers[0]), line.on_host(int(numbers[0]) * self.period_ns))
        behind_ns = abs(start_ns - line.on_host(first * self.period_ns))
        until_ns = max(end_ns, start_ns + (final - first) * self.period_ns / 2)
        behind_ns = max(behind_ns, until_ns - end_ns)
        slope = (until_ns - start_ns) / (final - first) if final > first else 0.0
        self._last = (final, until_ns)
        bracket_ns = max(line.bracket_ns(place * self.period_ns) for place in (first, final)) + behind_ns + self._transport_ns
        origin = round(start_ns)
        times = np.rint((numbers - first) * slope + (start_ns - origin)).astype(np.int64) + origin
        return times, round(bracket_ns)

    def place(self, number: float) -> tuple[int, int]:
        """Return (host time in ns, half-width) of a moment near the samples that were dated last; raise ValueError before any was."""
        if self._line is None:
            raise ValueError("no sample was dated yet")
        own_ns = number * self.period_ns
        return round(self._line.on_host(own_ns)), round(self._line.bracket_ns(own_ns)) + self._transport_ns

    def missing(self, number: int) -> int:
        """Return how many samples before `number` are missing in whole turns of a counter of 64: what comes late by the same for good.

        A host or a line that is busy is late too, but not by the same: the least delays of ten seconds must agree.
        """
        if number * self.period_ns < self._check_ns:
            return 0
        self._check_ns = round(number * self.period_ns) + _CHECK_NS
        self._delays_ns = [*self._delays_ns[1 - _CHECKS :], self._least_late_ns or 0.0]
        self._least_late_ns = None
        low_ns, high_ns = min(self._delays_ns), max(self._delays_ns)
        if len(self._delays_ns) < _CHECKS or low_ns < _LATE_NS or high_ns - low_ns > _ALIKE_NS:
            return 0
        self._delays_ns = []
        return round(low_ns / self.period_ns / 64) * 64

    def _note_late(self, late_ns: float) -> None:
        self._least_late_ns = late_ns if self._least_late_ns is None else min(late_ns, self._least_late_ns)
