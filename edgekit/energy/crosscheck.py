"""Hold a counter against the power readings of the same place: for some boards the two do not agree, and nobody knows which is right."""

from __future__ import annotations

from dataclasses import replace

from edgekit.core.quantity import Estimate, Note, Quality
from edgekit.core.run import ChannelAnalysis


def crosschecked(counted: ChannelAnalysis, sampled: ChannelAnalysis) -> ChannelAnalysis:
    """Return the counter's analysis with a note where its energy and the integral of the power lie outside each other's intervals."""
    ours, theirs = counted.energy_j_per_inference, sampled.energy_j_per_inference
    if not isinstance(ours, Estimate) or not isinstance(theirs, Estimate):
        return counted
    if ours.low <= theirs.high and theirs.low <= ours.high:
        return counted
    note = Note(
        code="counter.disagrees",
        text=(
            f"counter {counted.channel} says {ours.value:.3g} J per inference, the integral of {sampled.channel} {theirs.value:.3g} J: "
            f"{theirs.value / ours.value:.2f} times as much, beyond what either states"
        ),
        advice="hold both against an external meter before you rely on either",
    )
    quality = Quality.CAVEATS if ours.quality is Quality.GOOD else ours.quality
    return replace(counted, energy_j_per_inference=replace(ours, quality=quality, notes=(*ours.notes, note)))
