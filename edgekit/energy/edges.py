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


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Hold one count that was the true energy at `t_ns`, known within `half_ns` to either side."""

    t_ns: float
    half_ns: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEnergy:
    """Hold the energy of [start, end], the mean power between its edges, and the standard uncertainty `edge_u_j` that its edges leave."""

    joules: float
    mean_w: float
    edge_u_j: float


def read_edge(before_ns: int, after_ns: int, value: float, *, tick_ns: float) -> Edge:
    """Return the edge that a reading between two clock reads gives when the counter moved at any time in the `tick_ns` before it."""
    return Edge(t_ns=(before_ns + after_ns - tick_ns) / 2, half_ns=(after_ns - before_ns + tick_ns) / 2, value=value)


def tick_edge(old_ns: int, new_ns: int, value: float) -> Edge:
    """Return the edge of a tick seen between the start of the last reading of the old count and the end of the first of the new one."""
    return Edge(t_ns=(old_ns + new_ns) / 2, half_ns=(new_ns - old_ns) / 2, value=value)


def step_j(before: float, after: float, seconds: float, *, scale: float, wrap: int | None, max_power_w: float) -> float | None:
    """Return the joules between two counts, or None where nobody knows: reset, impossible, or perhaps wrapped more than once.

    The rule of `edgekit.energy.counter.classify` for one pair of readings, without numpy. `seconds` holds the time between the readings and
    the update period before the first of them.
    """
    step, most = after - before, max_power_w * seconds / scale
    if step < 0 and wrap is not None:
        step += wrap
    if step < 0 or step > most + 1 or (wrap is not None and step + wrap <= most):
        return None
    return step * scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Hold what was drawn while a program waited for ticks: watts, the most, their spread from tick to tick; a tick, the longest one."""

    watts: float
    most_w: float
    spread_w: float
    cell_s: float
    longest_s: float


def waiting(ticks: Sequence[Edge], joules: Sequence[float]) -> Waiting | None:
    """Return the power over successive ticks with the `joules` between them; None for fewer than two ticks.

    The spread is the standard deviation, enlarged by Student's t where few ticks say it (JCGM 100, G.3); two ticks do not say it, and the
    power itself stands for it.
    """
    from statistics import fmean, stdev  # here, for a program that opens a region needs neither

    from edgekit.energy.stats import t95

    if len(ticks) < 2:
        return None
    cells_s = [(late.t_ns - early.t_ns) / 1e9 for early, late in pairwise(ticks)]
    watts = [energy / cell_s for energy, cell_s in zip(joules, cells_s, strict=True)]
    mean = math.fsum(joules) / math.fsum(cells_s)
    spread = stdev(watts) * t95(len(watts) - 1) / t95(math.inf) if len(watts) > 1 else mean
    return Waiting(watts=mean, most_w=max(watts), spread_w=spread, cell_s=fmean(cells_s), longest_s=max(cells_s))


def span_energy(
    first: Edge, last: Edge, *, joules: float, start_ns: int, end_ns: int, wait: Waiting | None = None, last_j: float = math.inf
) -> SpanEnergy | None:
    """Return the energy of [start_ns, end_ns] from the exact `joules` between two edges; None when the edges are not in order.

    What lies between `first` and the start and between the end and `last` is taken off: at the power of waiting, or, where the load went
    on, at the mean power. Each edge may be wrong by its half width at the power there, for which the largest mean that the brackets allow
    stands, or what was drawn while waiting. Both may err in the same direction, for the load changes at the edges of a window, so the half
    widths are added before they are taken as one rectangular distribution (JCGM 100, 4.3.7). Power that varies from tick to tick as white
    noise leaves s * sqrt(time * cell) of what is taken off, but after the end no more than was counted from the reading there to `last`:
    `last_j`.
    """
    seconds = (last.t_ns - first.t_ns) / 1e9
    if seconds <= 0:
        return None
    mean_w = joules / seconds
    lead_s, tail_s = (start_ns - first.t_ns) / 1e9, (last.t_ns - end_ns) / 1e9
    bracket_s = (first.half_ns + last.half_ns) / 1e9
    edge_j = max(joules / max(seconds - bracket_s, seconds / 4), wait.most_w if wait else 0.0) * bracket_s
    outside_j = (wait.watts if wait else mean_w) * (lead_s + tail_s)
    vague_j = 0.0
    if wait is not None:
        lead_j, tail_j = (wait.spread_w * math.sqrt(max(0.0, time_s) * wait.cell_s) for time_s in (lead_s, tail_s))
        vague_j = math.hypot(lead_j, min(tail_j, last_j / 3**0.5))
    return SpanEnergy(joules=joules - outside_j, mean_w=mean_w, edge_u_j=math.hypot(edge_j / 3**0.5, vague_j))
