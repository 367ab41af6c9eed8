"""Summarise repeated windows. The window is the unit of repetition, never the sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

# Two-sided 95 % quantiles of Student's t by degrees of freedom (JCGM 100, table G.2).
_T95 = {
    1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23,
    12: 2.18, 15: 2.13, 20: 2.09, 30: 2.04, 50: 2.01, 100: 1.984,
}  # fmt: skip
_RESAMPLES = 2000


def t95(degrees_of_freedom: float) -> float:
    """Return the two-sided 95 % quantile of Student's t, interpolated over 1 / freedom, where it is nearly straight."""
    if degrees_of_freedom <= 1:
        return _T95[1]
    below = max(key for key in _T95 if key <= degrees_of_freedom)
    above = min((key for key in _T95 if key >= degrees_of_freedom), default=math.inf)
    if above == below:
        return _T95[below]
    share = (1 / below - 1 / degrees_of_freedom) / (1 / below - 1 / above)
    return _T95[below] + share * ((1.96 if above == math.inf else _T95[int(above)]) - _T95[below])


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatability:
    """Hold how well windows repeat: `mean` in joules per count, its standard uncertainty `u` with `freedom`, all from `n` windows.

    `n_effective` is how many independent windows the correlated ones are worth. `bootstrap` is a 95 % interval of the mean that does not
    take the windows for normal. Below three windows the spread says nothing: `u` and `bootstrap` are None.
    """

    mean: float
    u: float | None
    freedom: float
    n: int
    n_effective: float
    bootstrap: tuple[float, float] | None


def repeatability(joules: Sequence[float], counts: Sequence[float], *, bootstrap: bool = True) -> Repeatability:
    """Return the ratio of sums, joules per count, over windows in the order they were taken, with its uncertainty.

    The spread is that of the linearised ratio (Cochran 1977, Sampling Techniques, 6.4). It is divided by the effective number of windows
    as in Zieba 2010 (Metrology and Measurement Systems 17, 3-16): s^2 is corrected for what correlation takes from it, u = s / sqrt(n_eff),
    freedom n_eff - 1. The bootstrap is studentised (Hall 1988; DiCiccio and Efron 1996), because percentiles cover too little for few
    windows; u and freedom put the correlation into it, which resampling single windows loses. It may be left out to save its time.
    """
    n = len(joules)
    mean = math.fsum(joules) / math.fsum(counts)
    if n < 3:
        return Repeatability(mean=mean, u=None, freedom=float(n - 1), n=n, n_effective=float(n), bootstrap=None)
    per_window = math.fsum(counts) / n
    residuals = [(energy - mean * count) / per_window for energy, count in zip(joules, counts, strict=True)]
    n_effective = effective_n(residuals)
    u = math.sqrt(math.fsum(residual * residual for residual in residuals) / (n * (n_effective - 1)))
    stretched = u * t95(n_effective - 1) / t95(n - 1)
    return Repeatability(
        mean=mean,
        u=u,
        freedom=n_effective - 1,
        n=n,
        n_effective=n_effective,
        bootstrap=_bootstrap(joules, counts, mean=mean, u=stretched) if bootstrap else None,
    )


def effective_n(residuals: Sequence[float]) -> float:
    """Return how many independent values the residuals of a series (their mean is 0) are worth for their mean, at most their number.

    From 5 to 30 values an autocorrelation function cannot be estimated lag by lag, so a first-order autoregression stands for it:
    n_eff = n / (1 + 2 sum (1 - k/n) rho^k) (Bayley and Hammersley 1946). The lag-one estimate r falls short of rho by (1 + 4 rho)/n
    (Marriott and Pope 1954), which is put back. Too small a rho makes intervals too short, too large a one only longer, so another 4/n is
    added; n_eff stays at 3.75 or more, since an interval with less freedom says nothing. Both numbers are set by simulation: with 10
    windows and rho from 0 to 0.5, u and freedom cover 95 % (94 % at 0.6), at up to twice the width that knowledge of rho and s would allow.
    """
    n = len(residuals)
    square = math.fsum(residual * residual for residual in residuals)
    if n < 5 or square == 0:
        return float(n)
    lag_one = math.fsum(one * other for one, other in pairwise(residuals)) / square
    rho = min(max(lag_one + (5 + 4 * lag_one) / n, 0.0), 0.95)
    inflation = 1 + 2 * math.fsum((1 - k / n) * rho**k for k in range(1, n))
    return max(n / inflation, 3.75)


def _bootstrap(joules: Sequence[float], counts: Sequence[float], *, mean: float, u: float) -> tuple[float, float]:
    """Return the studentised bootstrap interval of the ratio of sums. The stream of RandomState is frozen: same data, same bytes."""
    import numpy as np

    n = len(joules)
    energy, count = np.asarray(joules, float), np.asarray(counts, float)
    random = np.random.RandomState(0)
    found = []
    for rows in _batches(_RESAMPLES, n):
        chosen = (random.random_sample((rows, n)) * n).astype(np.intp)
        drawn_j, drawn_n = energy[chosen], count[chosen]
        ratio = drawn_j.sum(1) / drawn_n.sum(1)
        error = np.sqrt(np.square(drawn_j - ratio[:, None] * drawn_n).sum(1) / (n * (n - 1))) / drawn_n.mean(1)
        kept = error > 1e-12 * abs(mean)  # one window drawn n times says nothing about the spread
        found.append((ratio[kept] - mean) / error[kept])
    deviates = np.concatenate(found)
    if u == 0 or not len(deviates):
        return mean, mean
    low, high = np.quantile(deviates, [0.025, 0.975])
    return min(mean, mean - float(high) * u), max(mean, mean - float(low) * u)


def _batches(rows: int, width: int) -> list[int]:
    """Return how many resamples to draw at a time, so that a batch holds about a million values."""
    most = max(1, 1_000_000 // width)
    return [min(most, rows - start) for start in range(0, rows, most)]


def outliers(values: Sequence[float]) -> tuple[int, ...]:
    """Return the indices whose modified z-score exceeds 3.5 (Iglewicz and Hoaglin 1993). They are shown, never dropped."""
    if len(values) < 5:
        return ()
    middle = median(values)
    mad = median(abs(value - middle) for value in values)
    if mad == 0:
        return ()
    return tuple(index for index, value in enumerate(values) if 0.6745 * abs(value - middle) / mad > 3.5)
