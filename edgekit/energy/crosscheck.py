"""Hold a counter against the power readings of the same place: for some boards the two do not agree, and nobody knows which is right."""

from __future__ import annotations

from dataclasses import replace

from edgekit.core.quantity import Estimate, Note, Quality, Quantity
from edgekit.core.run import ChannelAnalysis


def crosschecked(counted: ChannelAnalysis, sampled: ChannelAnalysis) -> ChannelAnalysis:
    """Return the counter's analysis with a note where its energy and the integral of the power lie outside each other's intervals."""
    ours, theirs = counted.energy_j_per_inference, sampled.energy_j_per_inference
    note = disagreement(ours, theirs, counter=counted.channel, power=sampled.channel, of="per inference")
    if note is None or not isinstance(ours, Estimate):
        return counted
    quality = Quality.CAVEATS if ours.quality is Quality.GOOD else ours.quality
    return replace(counted, energy_j_per_inference=replace(ours, quality=quality, notes=(*ours.notes, note)))


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
