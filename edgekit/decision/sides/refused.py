"""Say why a side has no run that qualifies: the reason that leaves out most of its runs, and the step that removes it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.decision import Option, Side
from edgekit.core.run import RunRecord
from edgekit.core.scenario import Scenario
from edgekit.decision.sides.commands import Commands, somewhere

_STEPS = {
    "accuracy unknown": "remove accuracy_floor, or give --eval labels to convert",
    "below accuracy_floor": "lower accuracy_floor, or convert with another recipe",
    "artifact failed": "convert again with another recipe, for artifacts that failed their gate are not used",
    "artifact unverified": "convert again, for only verified artifacts are used",
    "artifact unseen": "convert and benchmark the model yourself, for a published measurement comes without the file to verify",
    "too slow": "lower the rate of the scenario, or use a faster artifact",
    "at a rate": "benchmark back to back, without --rate",
    "above latency_limit": "raise latency_limit, or use a faster artifact",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Hold why a side is empty, the step that fills it, and its commands."""

    why: str
    step: str
    commands: Commands


def without(side: Side, refused: Sequence[Option], runs: Sequence[RunRecord], scenario: Scenario, record: Commands) -> LeftOut:
    """Return why `side` has no usable run; `record` are the commands that record one where none was named."""
    step = next(advice for advice, _ in record if "record a" in advice).rstrip(":").removeprefix("then ")
    if not refused:
        return LeftOut(why=f"no {side.value} run of this model is at hand", step=step, commands=record)
    cause, count = Counter(option.cause for option in refused).most_common(1)[0]
    first = next(option for option in refused if option.cause == cause)
    against = (
        f" against accuracy_floor = {100 * scenario.accuracy_floor:g} %" if cause == "accuracy unknown" and scenario.accuracy_floor else ""
    )
    which = f"{count} of {len(refused)} runs" if len(refused) > 1 else first.artifact
    others = f", for example {first.artifact}" if len(refused) > 1 else ""
    return LeftOut(
        why=f"no {side.value} run qualifies ({which}: {first.reason}{against}{others})",
        step=_STEPS.get(cause, step),
        commands=_convert(cause, runs) or record,
    )


def _convert(cause: str, runs: Sequence[RunRecord]) -> Commands:
    if cause == "artifact unseen":
        return (("once you have a file of this model, convert it, then benchmark:", "edgekit convert MODEL"),)
    source = somewhere(runs[0].artifact.source.path)
    again = shlex.join(["edgekit", "convert", source])
    if cause == "accuracy unknown":
        return (("verify with labels, then benchmark again:", f"{again} --eval PATH/TO/LABELS.npz"),)
    return (("convert again, then benchmark:", again),) if cause.startswith("artifact ") else ()
