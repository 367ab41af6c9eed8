"""Measure the energy of one stretch of a program."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from edgekit.core.errors import UsageError
from edgekit.region.gauge import Look
from edgekit.region.given import amount, words
from edgekit.region.span import Span, begin, end, leading, settle
from edgekit.region.sync import Sync

if TYPE_CHECKING:
    from edgekit.core.boundary import Boundary
    from edgekit.core.quantity import Note, Quantity
    from edgekit.energy.windows.edges import Edge
    from edgekit.region.given import IdleWatts
    from edgekit.region.instrument import Rig
    from edgekit.region.outcome import Outcome

_RIDE_SHARE = 0.5  # iterations shorter than this share of a tick date it by themselves, while the load goes on


class Region:
    """Count the joules between entering and leaving a `with` block, at every boundary that its meters see.

    Reading a figure after the block does the arithmetic, once; the block itself only reads counters. It may be entered in one thread and
    left in another, and regions may be nested.
    """

    def __init__(
        self,
        name: str,
        *,
        rig: Callable[[], Rig],
        align: bool = False,
        sync: Sync | None = None,
        idle_w: IdleWatts | Mapping[str, IdleWatts] | None = None,
    ) -> None:
        self.name = name
        self.idle_w = idle_w
        self.units = 0
        self.raised: str | None = None
        self.cut_short = False
        self._open_rig = rig
        self._align = align
        self._sync = sync
        self._span: Span | None = None
        self._outcome: Outcome | None = None
        self._repeats = False
        self._left = False

    def __enter__(self) -> Region:
        """Open the region: wait for the framework, then read every counter."""
        if self._span is not None:
            raise UsageError(
                f"region {self.name} was entered before",
                code="measure.reused",
                why="one region is one stretch of time",
                do=[("make one for each stretch:", "with edgekit.measure(...) as m:")],
            )
        rig = self._open_rig()
        if rig.watched:
            rig.watch.add(self, rig.gauges)
        self._begin(rig, align=self._align)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the region; an exception of the block is noted and goes on."""
        if error is not None:
            self.raised = words(error)
        try:
            if self._span is not None and self._span.end_ns is None:
                self.cut_short = self._repeats
                self._end(align=self._align)
        except Exception:
            if error is None:  # the framework's own failure, which the program has to hear of
                raise
        finally:
            self._left = True
            self._unwatch()

    def repeat(self, at_least_s: float = 0.25) -> Iterator[int]:
        """Yield 0, 1, 2, ... for at least so many seconds and until the counter ticks, counting whole iterations as units.

        The region then spans these iterations and nothing else: from a tick right before the first to the end of the last. An iteration
        that is left early (break, return, an exception) is not counted but its energy is, and the result says so.
        """
        if self._span is None or self._span.end_ns is not None or self._repeats:
            raise UsageError(
                f"region {self.name} cannot repeat here",
                code="measure.repeat",
                why="it repeats already" if self._repeats else "it is not open: repeat() belongs in the with block",
            )
        at_least_ns = round(amount(at_least_s, "at_least_s") * 1e9)
        self._repeats = True
        return self._iterations(self._span.rig, at_least_ns)

    def count(self, units: int = 1) -> None:
        """Say that the region did `units` more units of work (tokens, frames, inferences); see `energy_j_per_unit`.

        Raises UsageError for what is no number from 0 up.
        """
        amount(units, "count")
        self.units += units
        if self._span is None or self._span.end_ns is not None:
            self._outcome = None  # how often the work repeated matters to sensors that look at a part of the time

    def running(self) -> Quantity:
        """Return the energy so far while the region is open, in joules at the boundary that stands for it; cheap, and wide at first."""
        from edgekit.region.outcome import unknown, up_to_now

        if self._span is None:
            return unknown("the region was not entered")
        if self._span.end_ns is not None:
            return self.energy_j
        return up_to_now(self._span)

    @property
    def energy_j(self) -> Quantity:
        """Return the energy in joules at the widest boundary that was measured, with interval, origins and budget; or why it is unknown."""
        return self._results().energy_j

    @property
    def energy_j_per_unit(self) -> Quantity:
        """Return the joules of one unit of work: what `count` or `repeat` counted."""
        return self._results().per_unit_j(self.units)

    @property
    def net_j(self) -> Quantity:
        """Return the energy without what the machine draws idle; Unknown until an idle figure is given or `measure.idle` was called."""
        return self._results().net_j

    @property
    def channels(self) -> Mapping[Boundary, Quantity]:
        """Return the joules at each boundary; those inside one another are never to be added."""
        return self._results().channels

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return what has to be known beside the figures."""
        return self._results().notes

    @property
    def duration_s(self) -> float | None:
        """Return the seconds between the edges, up to now while the region is open; None before it was entered."""
        if self._span is None:
            return None
        end_ns = self._span.end_ns if self._span.end_ns is not None else self._span.rig.clock.now_ns()
        return (end_ns - self._span.start_ns) / 1e9

    @property
    def span(self) -> Span | None:
        """Return the raw readings at both edges, gauge by gauge, from which everything else follows; None before it was entered."""
        return self._span

    @property
    def middle_s(self) -> float:
        """Return the middle of a closed region in seconds of its clock."""
        span = self._span
        return 0.0 if span is None else (span.start_ns + (span.end_ns or span.start_ns)) / 2e9

    def explain(self) -> str:
        """Return the line of `str()` with the uncertainty budget and every note below it."""
        from edgekit.region.line import page

        return page(self)

    def __str__(self) -> str:
        from edgekit.region.line import line

        return line(self)

    def _results(self) -> Outcome:
        from edgekit.region.outcome import Outcome, conclude

        if self._span is None:
            return Outcome.nothing("the region was not entered")
        if self._span.end_ns is None:
            reason = "the region's end was interrupted" if self._left else "the region is still open: m.running() tells the energy so far"
            return Outcome.nothing(reason)
        if self._outcome is None:
            settle(self._span)
            self._outcome = conclude(self._span, idle_w=self.idle_w, units=self.units, raised=self.raised, cut_short=self.cut_short)
        return self._outcome

    def _begin(self, rig: Rig, *, align: bool) -> None:
        if self._sync is not None:
            self._sync()
        self._span = begin(rig, align=align)

    def _end(self, *, align: bool, ridden: Mapping[Any, Edge] | None = None) -> None:
        if self._span is None:
            return
        try:
            if self._sync is not None:
                self._sync()
        finally:
            end(self._span, align=align, ridden=ridden)

    def _unwatch(self) -> None:
        if self._span is not None:
            self._span.rig.watch.remove(self)

    def _iterations(self, rig: Rig, at_least_ns: int) -> Iterator[int]:
        self._begin(rig, align=True)
        first = self.units
        spent_ns = 0
        while self._span is not None and self._span.end_ns is None:
            yield self.units - first
            self.units += 1
            spent_ns = rig.clock.now_ns() - self._span.start_ns
            if spent_ns >= at_least_ns:
                ridden = (yield from self._ride(rig, first)) if self._may_ride(rig, spent_ns / (self.units - first)) else {}
                self._end(align=True, ridden=ridden)

    def _may_ride(self, rig: Rig, iteration_ns: float) -> bool:
        """Return whether iterations are so short that they date a tick closely; with a framework to wait for they cannot."""
        ticks = [gauge.tick_ns for gauge in leading(rig) if gauge.tick_ns]
        return self._sync is None and bool(ticks) and iteration_ns <= _RIDE_SHARE * min(ticks)

    def _ride(self, rig: Rig, first: int) -> Generator[int, None, dict[Any, Edge]]:
        from edgekit.energy.windows.edges import tick_edge

        clock = rig.clock
        last: dict[Any, Look] = {gauge: gauge.look(clock) for gauge in leading(rig)}
        ticked: dict[Any, Edge] = {}
        give_up_ns = clock.now_ns() + 4 * max((gauge.tick_ns or 0.0 for gauge in last), default=0.0)
        while len(ticked) < len(last) and clock.now_ns() < give_up_ns:
            yield self.units - first
            self.units += 1
            for gauge, before in last.items():
                look = gauge.look(clock)
                if gauge not in ticked and look.value == look.value != before.value:
                    ticked[gauge] = tick_edge(before.before_ns, look.after_ns, look.value)
                last[gauge] = look
        return ticked
