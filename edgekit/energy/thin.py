"""Thin out a trace for drawing: few points that keep the shape, from any number of readings in one pass."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgekit.core.channel import Measurand
from edgekit.energy.sensors.counter import CounterSeries
from edgekit.energy.sensors.readings import blocks_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.channel import Channel
    from edgekit.core.trace import ChunkedTrace, Trace

_MOST_W = 1e5  # more than any machine that edgekit measures takes


def thinned(trace: Trace | ChunkedTrace, channel: Channel, most: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (t_ns, watts) of at most `most` points: the smallest and the largest reading of equal stretches of readings, in their order.

    Of an energy counter, each point is the mean power since the point before it. Raises ValueError for a channel of neither kind.
    """
    import numpy as np

    if channel.measurand is Measurand.ENERGY_COUNTER:
        return _counted(CounterSeries(trace, channel, max_power_w=_MOST_W), most)
    if channel.measurand is not Measurand.POWER:
        raise ValueError(f"channel {channel.id} holds {channel.measurand.value}, not power")
    stretch = max(1, -(-2 * len(trace) // most))
    times, values = [np.zeros(0, np.int64)], [np.zeros(0)]
    for t, y in _stretches(((t, y) for t, y, _ in blocks_of(trace)), stretch):
        places = _extremes(y, stretch) if stretch > 2 else np.arange(len(y))
        times.append(t[places])
        values.append(y[places] * channel.scale)
    t_ns, watts = np.concatenate(times), np.concatenate(values)
    return t_ns[:most], watts[:most]


def _stretches(
    blocks: Iterable[tuple[NDArray[np.int64], NDArray[np.float64]]], stretch: int
) -> Iterable[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield the readings in blocks of whole stretches; the last one may be shorter."""
    import numpy as np

    held_t, held_y = np.zeros(0, np.int64), np.zeros(0)
    for t, y in blocks:
        held_t, held_y = np.concatenate([held_t, t]), np.concatenate([held_y, y])
        whole = len(held_y) // stretch * stretch
        if whole:
            yield held_t[:whole], held_y[:whole]
            held_t, held_y = held_t[whole:], held_y[whole:]
    if len(held_y):
        yield held_t, held_y


def _extremes(y: NDArray[np.float64], stretch: int) -> NDArray[np.int64]:
    """Return the places of the smallest and the largest value of each stretch, in order."""
    import numpy as np

    starts = np.arange(0, len(y), stretch)
    pairs = [(start + int(np.argmin(part)), start + int(np.argmax(part))) for start in starts if len(part := y[start : start + stretch])]
    return np.unique(np.array(pairs).ravel())


def _counted(series: CounterSeries, most: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    import numpy as np

    ticks = np.flatnonzero(series.moved)
    places = ticks[np.unique(np.linspace(0, len(ticks) - 1, min(len(ticks), most + 1)).astype(np.int64))] if len(ticks) else ticks
    if len(places) < 2:
        return np.zeros(0, np.int64), np.zeros(0)
    t, joules = series.t_ns[places], series.joules[places]
    known = np.array([not (series.kinds[a:b] > 1).any() for a, b in itertools.pairwise(places)])
    span = np.diff(t)
    good = known & (span > 0)
    return t[1:][good], (np.diff(joules)[good] / span[good]) * 1e9
