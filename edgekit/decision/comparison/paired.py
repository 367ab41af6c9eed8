"""Judge two artifacts by windows that took turns: what drifts slowly is in both windows of a pair, and cancels in their ratio.

A1 B1   A2 B2   A3 B3 ...     r_k = J(A_k) / J(B_k); the spread of the r_k stands for the spread of both
"""

from __future__ import annotations

from edgekit.core.quantity import BudgetTerm
from edgekit.core.run import RunRecord
from edgekit.decision.sides.choose import headline_channel
from edgekit.energy.conduct.enough import usable
from edgekit.energy.uncertainty.stats import repeatability

LEAST_PAIRS = 3
NAME = "repeatability (paired windows)"


def paired_term(run: RunRecord, baseline: RunRecord, ratio: float) -> BudgetTerm | None:
    """Return what repeatability leaves uncertain of `ratio`, baseline over run, from their pairs of windows.

    None where the two were not interleaved, were read at different channels, or share fewer than three windows. Errors that are new in each
    window are in the spread and have terms of their own as well: the interval is no narrower for it.
    """
    if run.session != baseline.session or run.id == baseline.id or "median" in (run.plan.statistic, baseline.plan.statistic):
        return None
    ours, theirs = _joules(run), _joules(baseline)
    pairs = [theirs[index] / ours[index] for index in sorted(ours.keys() & theirs.keys())]
    if len(pairs) >= LEAST_PAIRS and _channel(run) == _channel(baseline):
        spread = repeatability(pairs, [1.0] * len(pairs), bootstrap=False)
        if spread.u is not None and spread.mean > 0:
            return BudgetTerm(name=NAME, kind="A", u=spread.u / spread.mean * ratio, freedom=spread.freedom, shrink="measure more windows")
    return None


def _channel(run: RunRecord) -> str | None:
    return run.analysis.channel if run.analysis is not None else None


def _joules(run: RunRecord) -> dict[int, float]:
    """Return joules per inference by the index of the window, of the windows behind the headline."""
    channel = headline_channel(run)
    if channel is None:
        return {}
    windows = usable(run.windows)
    return {
        window.index: joules / window.inferences
        for window, joules in zip(windows, channel.window_j, strict=False)
        if joules is not None and joules > 0 and window.inferences
    }
