r"""Bound what a sensor that looks at a part of the time only may miss of a periodic load.

power
  |  __    __    __    __        load, period T
  |_|  |__|  |__|  |__|  |
  +----------------------> t
   ##      ##      ##            sensor: of every update period U it sees the fraction f (#)

A load between P_lo and P_hi is a Fourier series whose k-th amplitude is at most 2 (P_hi - P_lo) / (pi k) for a rectangle. The sensor's mean
keeps of it

    |sinc(k f U / T)|     from averaging over one look, times
    C_k                   from averaging over m looks: |sin(pi m x) / (m sin(pi x))| <= 1 / (2 m d), where d is
          the distance of x = k U / T to an integer

and where x is within its own uncertainty of an integer the looks may all meet the load at the same phase: C_k = 1, unless the load's own
jitter moves the phase about, by sigma cycles from one look to the next: then C_k^2 = (1 + r) / (1 - r) / m with r = exp(-2 pi^2 sigma^2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from edgekit.core.window import Latency
from edgekit.energy.latency import bin_edges_ns

HARMONICS = 12
PERIOD_REL = 0.02  # neither the sensor's period nor the load's is known, or constant, to better than this
BIN_REL = 0.022  # two neighbouring bins of the latency histogram may be all the spread there is


def missed_share(*, period_s: float, update_s: float, fraction: float, looks: float, jitter: float) -> float:
    """Return how much of a load's peak-to-peak power may stay in a sensor's mean over `looks` updates: a half-width between 0 and 1.

    `period_s` is the time of one repetition of the load and `jitter` its relative standard deviation.
    """
    if fraction >= 1 or looks < 1 or period_s <= 0:
        return 0.0
    ratio = update_s / period_s
    kept = (
        2 / (math.pi * k) * abs(_sinc(k * fraction * ratio)) * _coherence(k * ratio, looks=looks, jitter=k * jitter * math.sqrt(ratio))
        for k in range(1, HARMONICS + 1)
    )
    return min(1 - fraction, math.hypot(*kept))


def _sinc(x: float) -> float:
    """Return sin(pi x) / (pi x), at its largest between x less and x plus what is not known of it."""
    width = PERIOD_REL * x
    if x - width <= 0 or math.floor(x + width + 0.5) != math.floor(x - width + 0.5):  # a maximum of the sine lies in between
        return 1.0 if x < 0.5 else 1 / (math.pi * x)
    ends = (abs(math.sin(math.pi * end)) / (math.pi * end) for end in (x - width, x + width))
    return max(ends)


def _coherence(x: float, *, looks: float, jitter: float) -> float:
    distance = max(0.0, abs(x - round(x)) - PERIOD_REL * x)
    beat = 1 / (2 * looks * distance) if distance > 0 else 1.0
    correlation = math.exp(-2 * math.pi**2 * jitter**2)
    scatter = math.sqrt((1 + correlation) / (1 - correlation) / looks) if correlation < 1 else 1.0
    return min(1.0, beat, scatter)


def jitter_of(latencies: Sequence[Latency]) -> float:
    """Return the relative standard deviation of the time of one inference, from the histograms; 0 where they cannot tell."""
    spread = 0.0
    seen = [latency for latency in latencies if latency.histogram]
    for latency in seen:
        counts = [(math.sqrt(math.prod(bin_edges_ns(index))), count) for index, count in latency.histogram]
        number = sum(count for _, count in counts)
        mean = sum(value * count for value, count in counts) / number
        variance = sum((value / mean - 1) ** 2 * count for value, count in counts) / number
        spread += max(0.0, variance - BIN_REL**2) * latency.group_size
    return min(0.3, math.sqrt(spread / len(seen))) if seen else 0.0


def beats_differ(starts_ns: Sequence[int], *, period_s: float) -> bool:
    """Return whether windows began at different phases of a sensor's period: the scatter of the windows then shows what it misses."""
    if len(starts_ns) < 3:
        return False
    phases = sorted((start / 1e9 / period_s) % 1 for start in starts_ns)
    gaps = [*(b - a for a, b in pairwise(phases)), 1 - phases[-1] + phases[0]]
    return max(gaps) < 0.5
