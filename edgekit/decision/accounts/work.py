"""Keep a verdict from resting on different work: a side that counts fewer steps of one inference only seems to take less. Pure.

Whoever counts more and wins all the same wins; any other answer waits until both sides count the same steps.
"""

from __future__ import annotations

from edgekit.core.decision import Side, Verdict, VerdictKind
from edgekit.core.quantity import Note
from edgekit.core.run import RunRecord
from edgekit.decision.sides.commands import Commands
from edgekit.decision.verdict.answer import RULED_OUT, missing

_STEPS = {"pre": "pre-processing", "post": "post-processing"}


def same_work(device: RunRecord, cloud: RunRecord, found: Verdict, model: str, commands: Commands) -> Verdict:
    """Return the verdict, or one that says which steps a side leaves out where that could have made it."""
    fewer = _left_out(device, cloud)
    winner = {VerdictKind.EDGE: Side.DEVICE, VerdictKind.CLOUD: Side.CLOUD}.get(found.kind)
    if found.kind is VerdictKind.INCONCLUSIVE or found.regime == RULED_OUT or not any(fewer.values()):
        return found
    if winner is not None and not fewer[winner]:
        return found
    why = f"the two sides count different work: {_words(fewer)}"
    return missing(model, why, "bench both sides with the same --pre and --post", commands, regime="the two sides do not do the same")


def work_notes(device: RunRecord, cloud: RunRecord) -> list[Note]:
    """Return the remark where one side counts steps that the other leaves out."""
    fewer = _left_out(device, cloud)
    if not any(fewer.values()):
        return []
    text = f"the two sides count different work: {_words(fewer)}; such a side takes more than its figures say"
    return [Note(code="work.differs", text=text, advice="bench both sides with the same --pre and --post")]


def _left_out(device: RunRecord, cloud: RunRecord) -> dict[Side, list[str]]:
    """Return the steps that each side leaves out and the other one counts."""
    counted = {
        side: {step for step in _STEPS if getattr(run.plan, step) is not None} for side, run in ((Side.DEVICE, device), (Side.CLOUD, cloud))
    }
    return {
        Side.DEVICE: sorted(counted[Side.CLOUD] - counted[Side.DEVICE], reverse=True),
        Side.CLOUD: sorted(counted[Side.DEVICE] - counted[Side.CLOUD], reverse=True),
    }


def _words(fewer: dict[Side, list[str]]) -> str:
    return " and ".join(
        f"the {side.value} run leaves out {' and '.join(_STEPS[step] for step in steps)}" for side, steps in fewer.items() if steps
    )
