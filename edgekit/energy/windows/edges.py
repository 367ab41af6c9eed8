r"""Date the edges of one window on an energy counter, and state the energy between them.

count            b2      A counter moves in ticks and stands still in between. At a tick it tells the true energy; a reading made at any
  |          b1 __|      other moment tells the energy of the last tick, up to one period ago.
  |        ____|
  |   ____|              read edge   the tick lies anywhere in the period before the reading: its middle, half a period to either side
  |__|a     : :          tick edge   the tick lies between the last reading of the old count and the first of the new one
  +--|------|-|---> t
     start  end          From `a` to `b1` the energy is exact. What lies between `end` and `b1` is taken off: at the mean power of the
                         window where the load went on, at the power from `b1` on where the program only waited.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgekit.energy.uncertainty.spread import Spread, added, bounded, normal, rectangle


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Hold one count that was the true energy at `t_ns`, known within `half_ns` to either side.

    `dated` says whether the tick was seen to come; otherwise the count was read some time after it. `passed` counts the ticks that were
    passed over since the edge before, because they could not be dated well.
    """

    t_ns: float
    half_ns: float
    value: float
    dated: bool = True
    passed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEnergy:
    """Hold the energy of [start, end], the mean power between its edges, and how far off the energy may be.

    `below_j` and `above_j` are limits: how much lower and higher it is if the load did at its edges what nobody saw. `taken_j` was taken
    off for what was drawn before the start, and may be too much by all of it. `uneven_j` is what an iteration that saw a tick may have
    drawn more or less before it than its mean power says. `dates` is the spread that the dates of ticks and the power of waiting add.
    """

    joules: float
    mean_w: float
    below_j: float
    above_j: float
    taken_j: float = 0.0
    uneven_j: float = 0.0
    dates: Spread

    @property
    def edge_u_j(self) -> float:
        """Return the standard uncertainty of all of it, in joules."""
        return math.hypot((self.below_j + self.above_j + self.taken_j + 2 * self.uneven_j) / 12**0.5, self.dates.u)


def reach(spans: Sequence[SpanEnergy], others: Sequence[Spread] = ()) -> tuple[float, float]:
    """Return how far below and above the sum of `spans` 95 % reach, with `others` that err independently; in joules.

    What the load did at the edges it did to all channels at once, so their limits are added; dates of ticks err for each channel alone.
    Power that was not drawn before the start is no chance: however the ticks fall, all of `taken_j` is missing, so it is added on top.
    So is `uneven_j`, for iterations are alike.
    """
    dates = added([*(span.dates for span in spans), *others])
    below, above = (rectangle(math.fsum(limits)) for limits in ([s.below_j for s in spans], [s.above_j for s in spans]))
    uneven_j, taken_j = math.fsum(span.uneven_j for span in spans), math.fsum(span.taken_j for span in spans)
    return added([below, dates]).half95 + uneven_j, added([above, dates]).half95 + uneven_j + taken_j


def read_edge(before_ns: int, after_ns: int, value: float, *, tick_ns: float) -> Edge:
    """Return the edge that a reading between two clock reads gives when the counter moved at any time in the `tick_ns` before it."""
    return Edge(t_ns=(before_ns + after_ns - tick_ns) / 2, half_ns=(after_ns - before_ns + tick_ns) / 2, value=value, dated=False)


def tick_edge(old_ns: int, new_ns: int, value: float, *, passed: int = 0) -> Edge:
    """Return the edge of a tick seen between the start of the last reading of the old count and the end of the first of the new one."""
    return Edge(t_ns=(old_ns + new_ns) / 2, half_ns=(new_ns - old_ns) / 2, value=value, passed=passed)


def step_j(before: float, after: float, seconds: float, *, scale: float, wrap: int | None, max_power_w: float) -> float | None:
    """Return the joules between two counts, or None where nobody knows: reset, impossible, or perhaps wrapped more than once.

    The rule of `edgekit.energy.sensors.counter.classify` for one pair of readings, without numpy. `seconds` holds the time between the
    readings and the update period before the first of them.
    """
    step, most = after - before, max_power_w * seconds / scale
    if step < 0 and wrap is not None:
        step += wrap
    if step < 0 or step > most + 1 or (wrap is not None and step + wrap <= most):
        return None
    return step * scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Hold what was drawn while a program waited for ticks: watts, the most, their spread from tick to tick; a tick, the longest one.

    The spread is a standard deviation with so many degrees of `freedom`. All ticks took `length_s`, and the dates of the first and
    the last are known within `ends_s`.
    """

    watts: float
    most_w: float
    spread_w: float
    freedom: float
    cell_s: float
    longest_s: float
    length_s: float
    ends_s: float
    quantum_j: float


def waiting(ticks: Sequence[Edge], joules: Sequence[float], *, quantum_j: float = 0.0) -> Waiting | None:
    """Return the power over successive ticks with the `joules` between them; None for fewer than two ticks.

    The spread is the standard deviation, less what the dates and the quantum of the counts make of it (both are counted at the edges); two
    ticks do not say it, and the power itself stands for it. The most power and the longest tick are those that the dates prove.
    """
    from statistics import fmean, variance  # here, for a program that opens a region needs neither

    if len(ticks) < 2:
        return None
    pairs = list(pairwise(ticks))
    cells_s = [(late.t_ns - early.t_ns) / 1e9 for early, late in pairs]
    halves_s = [math.hypot(early.half_ns, late.half_ns) / 1e9 for early, late in pairs]
    watts = [energy / cell_s for energy, cell_s in zip(joules, cells_s, strict=True)]
    mean = math.fsum(joules) / math.fsum(cells_s)
    spread, freedom = mean, math.inf
    if len(watts) > 1:
        freedom = len(watts) - 1.0
        dating = fmean(
            ((w * half_s) ** 2 / 3 + quantum_j**2 / 6) / cell_s**2 for w, half_s, cell_s in zip(watts, halves_s, cells_s, strict=True)
        )
        spread = math.sqrt(max(0.0, variance(watts) - dating))
    proven_s = [(late.t_ns - early.t_ns - early.half_ns - late.half_ns) / 1e9 for early, late in pairs if not late.passed]
    return Waiting(
        watts=mean,
        most_w=max(mean, *(energy / (cell_s + half_s) for energy, cell_s, half_s in zip(joules, cells_s, halves_s, strict=True))),
        spread_w=spread,
        freedom=freedom,
        cell_s=math.fsum(cells_s) / math.fsum(1 + late.passed for _, late in pairs),
        longest_s=max(proven_s, default=0.0),
        length_s=math.fsum(cells_s),
        ends_s=max(ticks[0].half_ns, ticks[-1].half_ns) / 1e9,
        quantum_j=quantum_j,
    )


def span_energy(
    first: Edge,
    last: Edge,
    *,
    joules: float,
    start_ns: int,
    end_ns: int,
    before: Waiting | None = None,
    wait: Waiting | None = None,
    last_j: float = math.inf,
    read_s: float = 0.0,
    astray_s: float = 0.0,
) -> SpanEnergy | None:
    """Return the energy of [start_ns, end_ns] from the exact `joules` between two edges; None when the edges are not in order.

    What lies between `first` and the start and between the end and `last` is taken off: at the power of waiting seen `before` the start
    and after the end (`wait`), or, where nobody waited, at the mean power. What is uncertain of it is of three kinds; docs/method.md
    derives them.

    *Nobody knows the load.* A tick that was not dated lies anywhere in its bracket, and the load may have drawn there anything from
    nothing (it began, or ended, at the edge) to the mean power of the region. Which of the two holds at one edge is no chance, so the
    limits of both edges are added. So for the `astray_s` in which a program went on by itself before it waited; and before the start,
    where a tick was waited for but the power was not seen, up to the most that was drawn while waiting later.
    *Dates.* The program waited outside of a dated tick: its half-width counts at the power of waiting, which rests on the dates of its
    own first and last tick as well. That adds the share that what is taken off has of the time of waiting. A tick that an iteration saw,
    while the load went on, counts with its half-width at the mean power: an iteration may draw more before it and less after it.
    *Power of waiting.* Power that varies from tick to tick as white noise leaves s * sqrt(time * cell) of what is taken off, and its mean
    is known no better than the ticks tell it; but after the end it is no less than nothing, and no more than was counted from the reading
    there to `last`, `last_j`, and drawn in the `read_s` from the end to that reading, in which a tick may have come.
    """
    seconds = (last.t_ns - first.t_ns) / 1e9
    if seconds <= 0 or last.t_ns <= start_ns:
        return None
    lead_s, tail_s = (start_ns - first.t_ns) / 1e9, (last.t_ns - end_ns) / 1e9
    first_s, last_s = first.half_ns / 1e9, last.half_ns / 1e9
    mean_w = joules / seconds
    if wait is None:  # how much the power of waiting varies was not seen, so that of one tick before the start says little
        hidden_s = first_s + max(0.0, lead_s) if first.dated else first_s
        hidden_s += max(0.0, tail_s) if last.dated else last_s
        found_j = joules - mean_w * (lead_s + tail_s)
        return SpanEnergy(
            joules=found_j,
            mean_w=mean_w,
            below_j=mean_w * hidden_s,
            above_j=found_j * hidden_s / max(seconds - hidden_s, seconds / 4),
            uneven_j=mean_w * last_s if last.dated else 0.0,
            dates=Spread(),
        )
    most_w = max(mean_w, wait.most_w)
    tail_j, tail = bounded(wait.watts * max(0.0, tail_s), _wander_j(wait, tail_s), last_j + most_w * read_s, freedom=wait.freedom)
    dates = [tail, *_dating(wait, max(0.0, tail_s), last_s)]
    below_j, above_j, taken_j = (most_w - wait.watts) * astray_s, wait.watts * astray_s, 0.0
    if before is not None:
        lead_j = before.watts * lead_s
        dates += [normal(_wander_j(wait, lead_s)), *_dating(before, lead_s, first_s)]
    else:
        before_w = wait.most_w if first.dated else most_w
        lead_j = taken_j = wait.watts * max(0.0, lead_s)
        below_j += before_w * (lead_s + first_s) - lead_j
        above_j += max(0.0, before_w * (first_s - lead_s))
    return SpanEnergy(joules=joules - lead_j - tail_j, mean_w=mean_w, below_j=below_j, above_j=above_j, taken_j=taken_j, dates=added(dates))


def _dating(wait: Waiting, time_s: float, half_s: float) -> list[Spread]:
    """Return what the dates of the edge beside which somebody waited, and of the far end of the wait, do to the energy of `time_s`.

    So does the quantum of the counts at both ends of the wait.
    """
    share = time_s / wait.length_s
    dates = [rectangle(wait.watts * half_s * (1 + share)), rectangle(wait.watts * wait.ends_s * share)]
    return [*dates, normal(wait.quantum_j / 6**0.5 * share)]


def _wander_j(wait: Waiting, time_s: float) -> float:
    """Return the standard deviation of the energy of waiting for so long, when the mean power over some ticks stands for it."""
    time_s = max(0.0, time_s)
    return wait.spread_w * math.sqrt(time_s * wait.cell_s * (1 + time_s / wait.length_s))
