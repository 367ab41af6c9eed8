"""Hold what a counter says of a region against the power that the watch read at the same place meanwhile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from edgekit.core.channel import Channel
from edgekit.core.quantity import Estimate, Quality, Quantity
from edgekit.energy.boundaries.crosscheck import disagreement
from edgekit.region.figure import energy_at
from edgekit.region.gauge import Gauge, Look
from edgekit.region.instrument import Instrument
from edgekit.region.span import Reach, Span

_LEAST = 10  # readings of the power from which their scatter tells how well they state its mean


def held_against_power(found: Quantity, span: Span, instrument: Instrument, group: Sequence[Channel], *, units: int) -> Quantity:
    """Return a counter's energy with a note where it and the integral of the power lie outside each other's intervals.

    Both are taken over the part of the region between the first and the last reading of the watch.
    """
    counters = {gauge: reach for gauge, reach in span.reaches.items() if gauge.channel in group and gauge.beside is not None}
    if not isinstance(found, Estimate) or len(counters) < len(group):
        return found
    counts: dict[Gauge, list[Look]] = {gauge: _numbers(reach.between) for gauge, reach in counters.items()}
    powers: dict[Gauge, list[Look]] = {
        gauge.beside: _numbers(reach.beside) for gauge, reach in counters.items() if gauge.beside is not None
    }
    looks = [*counts.values(), *powers.values()]
    if min(map(len, looks)) < _LEAST:
        return found
    start_ns, end_ns = max(each[0].after_ns for each in looks), min(each[-1].before_ns for each in looks)
    share = round(units * (end_ns - start_ns) / max(1, (span.end_ns or end_ns) - span.start_ns))
    ours, theirs = (
        energy_at(
            Span(rig=span.rig, start_ns=start_ns, end_ns=end_ns, reaches={gauge: _reach(each) for gauge, each in read.items()}),
            instrument,
            [gauge.channel for gauge in read],
            units=share,
        )
        for read in (counts, powers)
    )
    names = [", ".join(gauge.channel.id for gauge in read) for read in (counts, powers)]
    note = disagreement(ours, theirs, counter=names[0], power=names[1], of=f"in {(end_ns - start_ns) / 1e9:.3g} s of the region")
    if note is None:
        return found
    return replace(found, quality=Quality.CAVEATS if found.quality is Quality.GOOD else found.quality, notes=(*found.notes, note))


def _numbers(looks: Sequence[Look]) -> list[Look]:
    return [look for look in looks if not math.isnan(look.value)]


def _reach(looks: Sequence[Look]) -> Reach:
    return Reach(first=looks[0], between=list(looks[1:-1]), last=looks[-1])
