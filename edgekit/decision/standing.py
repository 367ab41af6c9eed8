"""Say how each option stands against the chosen one of its side: two runs whose ratio holds 1 cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgekit.core.decision import Option
from edgekit.core.quantity import Unknown
from edgekit.core.run import RunRecord
from edgekit.decision.ratio import energy_ratio


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
    return replace(option, reason="cannot be told apart from the chosen one: their difference is within noise")
