"""Set the figures of several meters on one run side by side, by boundary: never averaged, their difference explained."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgekit.core.boundary import between, contains
from edgekit.core.quantity import Estimate, Note
from edgekit.core.run import ChannelAnalysis
from edgekit.core.units import format_scaled, format_with_interval


def side_by_side(headline: ChannelAnalysis | None, others: Sequence[ChannelAnalysis]) -> tuple[Note, ...]:
    """Return one remark for each figure of another meter: where it was counted, and what lies between it and the headline."""
    if headline is None or not isinstance(headline.energy_j_per_inference, Estimate):
        return ()
    known = [item for item in others if isinstance(item.energy_j_per_inference, Estimate)]
    return tuple(_one(headline, headline.energy_j_per_inference, item, item.energy_j_per_inference) for item in known)  # type: ignore[arg-type]


def _one(headline: ChannelAnalysis, ours: Estimate, item: ChannelAnalysis, theirs: Estimate) -> Note:
    text = f"{item.channel} ({item.boundary}, {'+'.join(theirs.origins)}): {_shown(theirs)} per inference, "
    text += f"beside {_shown(ours)} of {headline.channel} ({headline.boundary}, {'+'.join(ours.origins)})"
    if not contains(headline.boundary, item.boundary):
        if headline.boundary is not item.boundary:
            return Note(code="meters.beside", text=f"{text}: neither place contains the other")
        agree = ours.low <= theirs.high and theirs.low <= ours.high
        state = "they agree within what both state" if agree else "they do not agree within what both state"
        return Note(code="meters.beside" if agree else "meters.disagree", text=f"{text}: {state}", advice=None if agree else _CHECK)
    difference = ours.value - theirs.value
    half = math.hypot((ours.high - ours.low) / 2, (theirs.high - theirs.low) / 2)  # instruments of their own err independently
    if difference + half < 0:
        return Note(code="meters.disagree", text=f"{text}: a part cannot take more than the whole", advice=_CHECK)
    rest = format_with_interval(difference, difference - half, difference + half, "J")
    return Note(code="meters.beside", text=f"{text}; the difference, {rest}, is {between(headline.boundary, item.boundary)}")


_CHECK = "check that both meters see the machine that computes, and hold both against a third"


def _shown(energy: Estimate) -> str:
    return format_scaled(energy.value, energy.unit, energy.low, energy.high)
