"""Say how each option stands against the chosen one of its side: two runs whose ratio holds 1 cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgekit.core.decision import Option
from edgekit.core.quantity import Note, Unknown
from edgekit.core.run import RunRecord
from edgekit.decision.comparison.ratio import energy_ratio

WITHIN_NOISE = "cannot be told apart from the chosen one: their difference is within noise"


def with_standing(options: Sequence[Option], runs: Sequence[RunRecord], chosen: RunRecord | None) -> tuple[Option, ...]:
    """Return the options of one side; an eligible one within noise of `chosen` says so instead of claiming that it takes more."""
    if chosen is None:
        return tuple(options)
    by_id = {run.id: run for run in runs}
    return tuple(_stood(option, by_id[option.run], chosen) for option in options)


def _stood(option: Option, run: RunRecord, chosen: RunRecord) -> Option:
    if option.chosen or not option.eligible:
        return option
    ratio, _ = energy_ratio(run, chosen)
    if isinstance(ratio, Unknown) or not ratio.low <= 1 <= ratio.high:
        return option
    return replace(option, reason=WITHIN_NOISE)


def noise_notes(options: Sequence[Option]) -> tuple[Note, ...]:
    """Return a remark for each side whose chosen run is not clearly the best: the verdict names one of several equals."""
    notes = []
    for chosen in (option for option in options if option.chosen):
        equals = [option.artifact for option in options if option.side is chosen.side and option.reason == WITHIN_NOISE]
        if equals:
            text = (
                f"{', '.join(equals)} cannot be told apart from {chosen.artifact}, which the verdict names: the difference is within noise"
            )
            advice = "choose among them by accuracy, size and latency, or measure longer"
            notes.append(Note(code="options.within_noise", text=text, advice=advice))
    return tuple(notes)
