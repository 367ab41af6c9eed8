"""Follow the energy of a run while it lasts, window by window, so that it can be shown and stopped by. The record's analysis judges anew.

Each window is analysed once, alone, as soon as the readings around it are in, by the same function that judges the record; only its joules
are kept. Readings are held for as long as a window may still need them, whatever the length of the run.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgekit.core.channel import Channel, Measurand
from edgekit.core.quantity import Estimate
from edgekit.core.run import RunRecord
from edgekit.core.trace import ClockMap, Reading, Trace
from edgekit.core.window import Window
from edgekit.energy.analyse import analyse
from edgekit.energy.conduct.stop import Standing
from edgekit.energy.uncertainty.budget import combine, dominating_term
from edgekit.energy.uncertainty.stats import repeatability, t95

_MARGIN_S = 0.2  # readings this long before and after a window may take part in it
_UPDATES = 3  # and so many updates of the sensor
_PATIENCE_NS = 3_000_000_000
_COPIES = 16
_FINEST_NS = 200_000  # between two readings that are held: of denser streams the means of so long are
_MOST = 2_000_000  # readings of one channel that are held at most; a window with more is left to the record's analysis


@dataclass(slots=True)
class _Column:
    """Hold the latest readings of one channel, 25 bytes each."""

    clock: str
    margin_ns: int
    t_ns: array[int] = field(default_factory=lambda: array("q"))
    bracket_ns: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))
    flags: array[int] = field(default_factory=lambda: array("B"))

    def append(self, reading: Reading) -> None:
        self.t_ns.append(reading.t_ns)
        self.bracket_ns.append(reading.bracket_ns)
        self.value.append(reading.value)
        self.flags.append(reading.flags)
        if len(self.t_ns) > _MOST:
            self.drop(_MOST // 2)

    def extend(self, block: Trace) -> None:
        """Take a block without making an object of each of its readings, and those of a dense one as means of a few."""
        block = _thinned(block)
        self.t_ns.frombytes(block.t_ns.astype("q").tobytes())
        self.bracket_ns.frombytes(block.bracket_ns.astype("q").tobytes())
        self.value.frombytes(block.value.astype("d").tobytes())
        self.flags.frombytes(block.flags.astype("B").tobytes())
        if len(self.t_ns) > _MOST:
            self.drop(len(self.t_ns) - _MOST // 2)

    def drop(self, count: int) -> None:
        for column in (self.t_ns, self.bracket_ns, self.value, self.flags):
            del column[:count]

    def forget_before(self, t_ns: int) -> None:
        self.drop(max(0, bisect_left(self.t_ns, t_ns - self.margin_ns) - 1))

    def trace(self, channel: str) -> Trace:
        import numpy as np

        return Trace(
            channel=channel,
            clock=self.clock,
            t_ns=np.array(self.t_ns, np.int64),
            bracket_ns=np.array(self.bracket_ns, np.int64),
            value=np.array(self.value, np.float64),
            flags=np.array(self.flags, np.uint8),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Hold one analysed window: its joules by channel, and what limits the figure of the channel behind the headline."""

    count: float
    channel: str | None
    joules: Mapping[str, float]
    fixed_rel: float
    fixed_name: str


class Running:
    """Take readings (on any thread) and windows, and say where each artifact stands; `records` are those before the first window."""

    def __init__(self, records: Sequence[RunRecord], *, clocks: Mapping[str, str], clock_map: ClockMap) -> None:
        self._records = records
        self._maps = [clock_map]
        # An input's edges come when they come: no window waits for them.
        every = (channel for spec in records[0].meters for channel in spec.channels)
        channels = {channel.id: channel for channel in every if channel.measurand is not Measurand.EDGE}
        self._columns = {name: _Column(clocks[name], _margin_ns(channel)) for name, channel in channels.items()}
        self._lock = threading.Lock()
        self._pending: list[tuple[int, Window]] = []
        self._found: list[list[_Found]] = [[] for _ in records]

    def take(self, readings: Sequence[Reading] | Trace) -> None:
        """Hold readings for the windows they may belong to."""
        with self._lock:
            if isinstance(readings, Trace):
                if readings.channel in self._columns:
                    self._columns[readings.channel].extend(readings)
                return
            for reading in readings:
                if reading.channel in self._columns:
                    self._columns[reading.channel].append(reading)

    @property
    def held(self) -> int:
        """Return how many readings are held now."""
        return sum(len(column.t_ns) for column in self._columns.values())

    def clock(self, clock_map: ClockMap) -> None:
        """Take the latest comparison of the two clocks."""
        self._maps.append(clock_map)

    def begin(self) -> None:
        """Forget readings that no window can need any more, now that another one begins."""
        self._settle()
        with self._lock:
            for column in self._columns.values():
                if column.t_ns:
                    starts = [self._on(column.clock, window.start_ns, window.clock) for _, window in self._pending]
                    column.forget_before(min([*starts, column.t_ns[-1]]))

    def add(self, window: Window, artifact: int) -> None:
        """Take one measured window."""
        if window.invalid is None and window.inferences:
            self._pending.append((artifact, window))

    def standing(self, artifact: int) -> Standing | None:
        """Return where the headline of an artifact stands after the windows whose readings are in; None when it has no figure yet."""
        self._settle()
        found = self._found[artifact]
        channel = next((item.channel for item in reversed(found) if item.channel is not None), None)
        used = [item for item in found if channel is not None and item.channel == channel]
        if not used:
            return None
        spread = repeatability([item.joules[item.channel or ""] for item in used], [item.count for item in used], bootstrap=False)
        if spread.mean <= 0:
            return None
        middle = sorted(used, key=lambda item: item.fixed_rel)[len(used) // 2]
        return Standing(
            windows=len(used),
            value=spread.mean,
            repeat_rel=None if spread.u is None else t95(spread.freedom) * spread.u / spread.mean,
            fixed_rel=middle.fixed_rel,
            fixed_name=middle.fixed_name,
        )

    def _settle(self) -> None:
        """Analyse the windows whose readings are in."""
        with self._lock:
            ready = [item for item in self._pending if all(self._covers(column, item[1]) for column in self._columns.values())]
            traces = {name: column.trace(name) for name, column in self._columns.items() if column.t_ns} if ready else {}
            self._pending = [item for item in self._pending if item not in ready]
        for artifact, window in ready:
            self._found[artifact].append(self._analysed(artifact, window, traces))

    def _covers(self, column: _Column, window: Window) -> bool:
        """Return whether the readings of a channel reach beyond a window; one that fell silent while others go on is not waited for."""
        late_ns = max(self._beyond_ns(other, window) for other in self._columns.values())
        return self._beyond_ns(column, window) >= 0 or late_ns > _PATIENCE_NS

    def _beyond_ns(self, column: _Column, window: Window) -> int:
        """Return how far readings go beyond what a window needs; minus infinity, as it were, without any."""
        wanted_ns = self._on(column.clock, window.end_ns, window.clock) + column.margin_ns
        return column.t_ns[-1] - wanted_ns if column.t_ns else -(1 << 62)

    def _on(self, clock: str, t_ns: int, own: str) -> int:
        """Return a time of clock `own` on `clock`, well enough to tell which readings are wanted."""
        latest = self._maps[-1]
        return t_ns if clock == own else t_ns + (latest.offset_ns if latest.source == own else -latest.offset_ns)

    def _analysed(self, artifact: int, window: Window, traces: Mapping[str, Trace]) -> _Found:
        # As many windows of this one: what errs anew in each is left as a small rest, and the others' part of the interval stands out.
        record = replace(self._records[artifact], windows=(window,) * _COPIES, clock_maps=tuple(self._maps))
        analysis = analyse(record, traces)
        headline, fixed_rel, fixed_name = analysis.energy_j_per_inference, 0.0, ""
        if isinstance(headline, Estimate) and headline.value > 0:
            terms = [term for term in headline.budget if term.kind != "A"]
            fixed = combine(headline.value, unit="J", boundary=headline.boundary, origins=headline.origins, terms=terms, n=None)
            dominating = dominating_term(fixed)
            fixed_rel = (fixed.high - fixed.low) / 2 / headline.value
            fixed_name = dominating.name if dominating is not None else ""
        return _Found(
            count=float(window.inferences or 0),
            channel=analysis.channel if isinstance(headline, Estimate) else None,
            joules={item.channel: item.window_j[0] for item in analysis.channels if item.window_j and item.window_j[0] is not None},
            fixed_rel=fixed_rel,
            fixed_name=fixed_name,
        )


def _thinned(block: Trace) -> Trace:
    """Return a block as means of readings that lie closer together than is of use here; flags of any hold for their mean."""
    import numpy as np

    count = len(block)
    spacing_ns = (int(block.t_ns[-1]) - int(block.t_ns[0])) / (count - 1) if count > 1 else _FINEST_NS
    size = round(_FINEST_NS / max(spacing_ns, 1.0))
    if size < 2:
        return block
    starts = np.arange(0, count, size)
    sizes = np.diff(starts, append=count)
    first_ns = int(block.t_ns[0])
    return Trace(
        channel=block.channel,
        clock=block.clock,
        t_ns=np.add.reduceat(block.t_ns - first_ns, starts) // sizes + first_ns,
        bracket_ns=np.maximum.reduceat(block.bracket_ns, starts),
        value=np.add.reduceat(block.value, starts) / sizes,
        flags=np.bitwise_or.reduceat(block.flags, starts),
    )


def _margin_ns(channel: Channel) -> int:
    return round(1e9 * max(_MARGIN_S, _UPDATES * (channel.update_period_s or 0.0)))
