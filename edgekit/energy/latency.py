"""Read quantiles out of the latency histograms that windows carry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edgekit.core.window import Latency

BINS_PER_OCTAVE = 16


def bin_edges_ns(index: int) -> tuple[float, float]:
    """Return the interval [low, high) in nanoseconds that histogram bin `index` covers."""
    return 2 ** (index / BINS_PER_OCTAVE), 2 ** ((index + 1) / BINS_PER_OCTAVE)


def quantile_ns(latencies: Sequence[Latency], q: float) -> tuple[float, float, float]:
    """Return (value, low, high) of quantile `q` over all windows, in nanoseconds: the geometric middle and the edges of its bin.

    An observation counts as many times as there are inferences in its group, so that windows with long groups weigh no less. Nothing
    beyond the fastest and slowest observation is stated.
    """
    if not latencies:
        raise ValueError("no latencies were recorded")
    least, most = min(latency.min_ns for latency in latencies), max(latency.max_ns for latency in latencies)
    counts: Counter[int] = Counter()
    for latency in latencies:
        for index, count in latency.histogram:
            counts[index] += count * latency.group_size
    remaining = q * counts.total()
    for index in sorted(counts):
        remaining -= counts[index]
        if remaining <= 0:
            low, high = bin_edges_ns(index)
            low, high = min(max(low, least), most), max(min(high, most), least)
            return (low * high) ** 0.5, low, high
    raise ValueError("no latencies were recorded")
