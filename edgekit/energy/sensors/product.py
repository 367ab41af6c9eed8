"""Form the power of instruments that send volts and amperes: the product of readings that were taken at the same moment.

    P(t) = V(t) I(t)      u(P)/P = hypot(u(V)/V, u(I)/I) for the gains, u(P) = hypot(I u0(V), V u0(I)) for the zeros   (JCGM 100, 5.1.2)

Amperes without volts of their moment are left out, and the other way round: nothing is interpolated and no voltage is assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import trust
from edgekit.core.trace import ChunkedTrace, Trace
from edgekit.energy.sensors.readings import chunks_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    AnyTrace = Trace | ChunkedTrace


def multiplied(spec: MeterSpec, traces: Mapping[str, AnyTrace]) -> tuple[MeterSpec, dict[str, AnyTrace]]:
    """Return the spec with a power channel for each current that has a voltage of its own, and the traces with their products in watts.

    The channels that were multiplied stay as they are. A spec without any is returned unchanged.
    """
    by_id = {channel.id: channel for channel in spec.channels}
    pairs = [
        (channel, by_id[channel.times])
        for channel in spec.channels
        if channel.measurand is Measurand.CURRENT and channel.times is not None and channel.times in by_id
    ]
    if not pairs:
        return spec, dict(traces)
    names = {amperes.id: _name(amperes, by_id) for amperes, _ in pairs}
    made = dict(traces)
    powers, levels = [], []
    for amperes, volts in pairs:
        level = (_level(volts, traces.get(volts.id)), _level(amperes, traces.get(amperes.id)))
        levels.append((volts, amperes, *level))
        powers.append(_power(amperes, volts, names, level))
        if amperes.id in traces and volts.id in traces:
            made[names[amperes.id]] = _product(names[amperes.id], traces[volts.id], volts.scale, traces[amperes.id], amperes.scale)
    return replace(spec, channels=(*spec.channels, *powers), accuracy=_accuracy(spec, levels)), made


def _name(amperes: Channel, known: Mapping[str, Channel]) -> str:
    place = amperes.id.rpartition(".")[0]
    name = f"{place}.power" if place else f"{amperes.id}.power"
    return name if name not in known else f"{amperes.id}.power"


def _power(amperes: Channel, volts: Channel, names: Mapping[str, str], level: tuple[float, float]) -> Channel:
    """Return the channel of the product; what is known of its two factors holds for it as far as it holds for both."""
    mean_v, mean_a = level
    steps = ((volts.quantum or 0.0) * volts.scale * mean_a, (amperes.quantum or 0.0) * amperes.scale * mean_v)
    periods = [period for period in (volts.update_period_s, amperes.update_period_s) if period is not None]
    return replace(
        amperes,
        id=names[amperes.id],
        measurand=Measurand.POWER,
        unit="W",
        scale=1.0,
        wrap=None,
        times=None,
        gain_rel=None,
        zero=None,
        origin=max((volts.origin, amperes.origin), key=lambda origin: trust((origin,))),
        parent=names.get(amperes.parent or "", amperes.parent),
        quantum=math.hypot(*steps) or None,
        update_period_s=max(periods, default=None),
    )


def _accuracy(spec: MeterSpec, levels: Sequence[tuple[Channel, Channel, float, float]]) -> Accuracy:
    """Return what the spec states, with the gains and zeros of volts and amperes where their channels state them: the largest of all."""
    gains = [
        math.hypot(volts.gain_rel, amperes.gain_rel)
        for volts, amperes, *_ in levels
        if volts.gain_rel is not None and amperes.gain_rel is not None
    ]
    zeros = [
        math.hypot((volts.zero or 0.0) * mean_a, (amperes.zero or 0.0) * mean_v)
        for volts, amperes, mean_v, mean_a in levels
        if volts.zero is not None or amperes.zero is not None
    ]
    stated = spec.accuracy
    return replace(stated, gain_rel=max(gains, default=stated.gain_rel), offset_w=max(zeros, default=stated.offset_w))


def _level(channel: Channel, trace: AnyTrace | None) -> float:
    """Return the usual size of what a channel read, in its unit; 0 without readings."""
    import numpy as np

    if trace is None:
        return 0.0
    total, count = 0.0, 0
    for chunk in chunks_of(trace):
        good = (chunk.flags == 0) & np.isfinite(chunk.value)
        total += float(np.abs(chunk.value[good]).sum())
        count += int(good.sum())
    return abs(channel.scale) * total / count if count else 0.0


def _product(name: str, volts: AnyTrace, v_scale: float, amperes: AnyTrace, a_scale: float) -> AnyTrace:
    scale = v_scale * a_scale

    def chunks() -> Iterator[Trace]:
        yield from _pieces(name, volts, amperes, scale)

    if isinstance(volts, ChunkedTrace) or isinstance(amperes, ChunkedTrace):
        return ChunkedTrace(channel=name, clock=amperes.clock, rows=min(len(volts), len(amperes)), chunks=chunks)
    here, there = common(volts.t_ns, amperes.t_ns)
    return _joined(name, volts, here, amperes, there, scale)


def _pieces(name: str, volts: AnyTrace, amperes: AnyTrace, scale: float) -> Iterator[Trace]:
    """Yield products piece by piece; of each trace no more than two pieces are held."""
    rights = chunks_of(amperes)
    right = next(rights, None)
    for left in chunks_of(volts):
        while right is not None and len(left):
            here, there = common(left.t_ns, right.t_ns)
            if len(here):
                yield _joined(name, left, here, right, there, scale)
            if len(right) and right.t_ns[-1] > left.t_ns[-1]:
                break  # the rest of this piece goes with the next one of the other
            if len(right) and right.t_ns[-1] == left.t_ns[-1]:
                right = next(rights, None)
                break
            right = next(rights, None)


def common(left: NDArray[np.int64], right: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of equal times in two ascending columns."""
    import numpy as np

    if len(left) == len(right) and np.array_equal(left, right):
        every = np.arange(len(left))
        return every, every
    _, here, there = np.intersect1d(left, right, return_indices=True)
    return here, there


def _joined(name: str, volts: Trace, here: NDArray[np.int64], amperes: Trace, there: NDArray[np.int64], scale: float) -> Trace:
    import numpy as np

    return Trace(
        channel=name,
        clock=amperes.clock,
        t_ns=amperes.t_ns[there],
        bracket_ns=np.maximum(amperes.bracket_ns[there], volts.bracket_ns[here]),
        value=volts.value[here] * amperes.value[there] * scale,
        flags=volts.flags[here] | amperes.flags[there],
    )
