"""Hold a counter against the power readings of the same place: for some boards the two do not agree, and nobody knows which is right."""

from __future__ import annotations

import math
from dataclasses import replace

from edgekit.core.quantity import Estimate, Note, Quality, Quantity
from edgekit.core.run import ChannelAnalysis


def crosschecked(counted: ChannelAnalysis, sampled: ChannelAnalysis, *, coarse: bool = False) -> ChannelAnalysis:
    """Return the counter's analysis with a note where its energy and the integral of the power lie outside each other's intervals.

    Of a `coarse` counter and the integral, the one that states the narrower interval stands, and says how the other compares.
    """
    ours, theirs = counted.energy_j_per_inference, sampled.energy_j_per_inference
    kept = sampled if coarse and _width(theirs) < _width(ours) else counted
    figure = kept.energy_j_per_inference
    note = disagreement(ours, theirs, counter=counted.channel, power=sampled.channel, of="per inference")
    if not isinstance(figure, Estimate):
        return kept
    if note is None:
        return replace(kept, energy_j_per_inference=_noted(figure, _agreement(counted, sampled))) if coarse else kept
    quality = Quality.CAVEATS if figure.quality is Quality.GOOD else figure.quality
    return replace(kept, energy_j_per_inference=replace(figure, quality=quality, notes=(*figure.notes, note)))


def _width(energy: Quantity) -> float:
    return energy.high - energy.low if isinstance(energy, Estimate) else math.inf


def _agreement(counted: ChannelAnalysis, sampled: ChannelAnalysis) -> Note | None:
    """Return what a counter of coarse steps and the integral of the power say of the same windows; None where one says nothing."""
    ours, theirs = counted.energy_j_per_inference, sampled.energy_j_per_inference
    if not isinstance(ours, Estimate) or not isinstance(theirs, Estimate) or not theirs.value:
        return None
    text = (
        f"counter {counted.channel} and the integral of {sampled.channel} agree: {ours.value / theirs.value:.3g} times as much is counted"
    )
    return Note(code="counter.agrees", text=f"{text}, within what both state")


def _noted(figure: Estimate, note: Note | None) -> Estimate:
    return figure if note is None else replace(figure, notes=(*figure.notes, note))


def disagreement(ours: Quantity, theirs: Quantity, *, counter: str, power: str, of: str) -> Note | None:
    """Return what to say of a counter's energy and the integral of a power; None where their intervals meet or one is unknown."""
    if not isinstance(ours, Estimate) or not isinstance(theirs, Estimate) or (ours.low <= theirs.high and theirs.low <= ours.high):
        return None
    times = f": {theirs.value / ours.value:.2f} times as much" if ours.value else ""
    return Note(
        code="counter.disagrees",
        text=(
            f"counter {counter} says {ours.value:.3g} J {of}, the integral of {power} {theirs.value:.3g} J{times}, "
            "beyond what either states"
        ),
        advice="hold both against an external meter before you rely on either",
    )
