"""Know what a flashed board cannot be told: pure, so that it is said before a port is opened."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.errors import UsageError
from edgekit.core.run import RunPlan


def require_plain(plan: RunPlan, name: str, device: str) -> None:
    """Raise UsageError for what a flashed model cannot be told; `device` is what was written after --device."""
    asked = {
        "--batch": plan.batch != 1,
        "--threads": plan.threads != 1,
        "--engine": plan.engine is not None,
        "--delegate": plan.delegate is not None,
        "--rate": plan.rate_hz is not None,
        "--pre": plan.pre is not None,
        "--post": plan.post is not None,
    }
    for option, given in asked.items():
        if given:
            raise UsageError(
                f"board {name} takes no {option}",
                code="board.option",
                why="the model and how it runs are part of its firmware; it infers back to back, one input at a time",
                do=[("benchmark without it:", f"edgekit bench ARTIFACT --device {device}")],
            )


def require_one(artifacts: Sequence[str], name: str) -> None:
    """Raise UsageError where several artifacts are to be measured on a board, which runs the one that is flashed."""
    different = list(dict.fromkeys(artifacts))
    if len(different) > 1:
        raise UsageError(
            f"board {name} runs the one model that is flashed",
            code="board.one_model",
            why=f"{different[0]} and {different[1]} cannot both be it, and neither can be uploaded",
            do=[("benchmark one, flash the other, then compare:", "edgekit compare RUN RUN")],
        )
