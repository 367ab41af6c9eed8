"""Name the axes along which accounting conventions differ, and find the one that turns an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from edgekit.core.quantity import Estimate, Quantity
from edgekit.decision.accounts.energy import Convention

AXES = {
    "network": ("how the network is charged", {"marginal": "what one more byte adds", "average": "the average of all traffic"}),
    "device": (
        "whether the device's idle power is charged",
        {
            "incremental": "only what the inference adds",
            "gross": "all power while it infers",
            "dedicated": "all power, idle time included",
            "shared": "this model's share of the idle time",
            "woken": "waking up for it, and all power while it infers",
            "duty_cycled": "waking up, all power while it infers, and sleep",
        },
    ),
    "cloud": (
        "whether the cloud's GPUs are shared",
        {
            "shared": "a shared pool",
            "serverless": "rent by the request",
            "autoscaled": "machines started and stopped for this service",
            "dedicated": "GPUs reserved for this service",
        },
    ),
    "grid": (
        "which grid factor counts the carbon",
        {"average": "the mean of the grid", "marginal": "what one more joule causes"},
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold the chance of the device under one convention and one view of the grid."""

    view: Convention
    grid: str
    p_edge: Quantity

    def level(self, axis: str) -> str:
        """Return where the answer stands on an axis."""
        return self.grid if axis == "grid" else str(getattr(self.view, axis))


def turning(answers: Sequence[Answer]) -> str:
    """Return the axis along which the chance moves farthest while all others stay."""
    known = [answer for answer in answers if isinstance(answer.p_edge, Estimate)]
    return max(AXES, key=lambda axis: _swing(axis, known))


def _swing(axis: str, known: Sequence[Answer]) -> float:
    groups: dict[tuple[str, ...], list[float]] = {}
    for answer in known:
        groups.setdefault(tuple(answer.level(other) for other in AXES if other != axis), []).append(answer.p_edge.value or 0.0)
    return fmean(max(group) - min(group) for group in groups.values())
