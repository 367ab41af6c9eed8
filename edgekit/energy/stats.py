"""Summarise repeated windows. The window is the unit of repetition, never the sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median, stdev

# Two-sided 95 % quantiles of Student's t by degrees of freedom (JCGM 100, table G.2).
_T95 = {
    1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23,
    12: 2.18, 15: 2.13, 20: 2.09, 30: 2.04, 50: 2.01, 100: 1.984,
}  # fmt: skip


def t95(degrees_of_freedom: float) -> float:
    """Return the two-sided 95 % quantile of Student's t, taking the next smaller tabulated degrees of freedom."""
    if degrees_of_freedom < 1:
        return _T95[1]
    return _T95[max(key for key in _T95 if key <= degrees_of_freedom)] if degrees_of_freedom < 1000 else 1.96


def standard_error(values: Sequence[float]) -> float | None:
    """Return the standard error of the mean of independent windows; None below three windows, where it says nothing."""
    return stdev(values) / math.sqrt(len(values)) if len(values) >= 3 else None


def outliers(values: Sequence[float]) -> tuple[int, ...]:
    """Return the indices whose modified z-score exceeds 3.5 (Iglewicz and Hoaglin 1993). They are shown, never dropped."""
    if len(values) < 5:
        return ()
    middle = median(values)
    mad = median(abs(value - middle) for value in values)
    if mad == 0:
        return ()
    return tuple(index for index, value in enumerate(values) if 0.6745 * abs(value - middle) / mad > 3.5)


def weighted_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the mean of `values` weighted by `weights`: joules over inferences, so that a ratio of sums is kept."""
    return math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / math.fsum(weights)


def relative_drift(values: Sequence[float]) -> float:
    """Return the change over the run that a straight line through the windows implies, relative to their mean (least squares)."""
    if len(values) < 3:
        return 0.0
    centre = (len(values) - 1) / 2
    mean = fmean(values)
    slope = sum((i - centre) * (value - mean) for i, value in enumerate(values)) / sum((i - centre) ** 2 for i in range(len(values)))
    return slope * (len(values) - 1) / mean if mean else 0.0
