"""Tell the beginning of a run from its steady state, and a run that drifts from one that does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations

from edgekit.core.quantity import Note

DRIFT_P = 0.01  # a trend less likely than this by chance is remarked
SETTLED_P = 0.05
NEGLIGIBLE = 1e-3  # a change smaller than this over what follows a start is not worth waiting for
LEAST = 6  # the fewest values of which a trend can be called unlikely at all: 2 / 6! is 0.3 %
_EXACT_TO = 40
_MOST = 400  # values of which all pairs are compared


def steady_from(values: Sequence[float]) -> int | None:
    """Return the index at which the steady state of a series begins, None when the series ends before it is seen.

    MSER (White 1997, Simulation 69, 323-334): the start that gives the mean of what follows its smallest standard error,
    sum (x - mean)^2 / (n - d)^2. A start in the second half, or less than 6 values after it, shows no steady state (White, Cobb and
    Spratt 2000). What follows the start must not have a trend either (`trend_p`), which a slow drift has wherever one begins, unless that
    comes to less than 0.1 %.
    """
    n = len(values)
    if n < LEAST:
        return None
    start = min(range(n - LEAST + 1), key=lambda place: (_squared_error(values[place:]), place))
    rest = values[start:]
    settled = trend_p(rest) >= SETTLED_P or abs(theil_sen(rest)) * (len(rest) - 1) < NEGLIGIBLE
    return start if start <= n / 2 and settled else None


def trend_p(values: Sequence[float]) -> float:
    """Return the two-sided p-value of a monotonic trend: how likely independent values in random order look as ordered as these.

    Mann 1945 and Kendall's S: rising minus falling pairs, exact to 40 values, normal with correction for continuity beyond. Equal values
    count for neither, which only makes a trend harder to see. 1 for fewer than three values. Neighbours of long series are averaged first.
    """
    values = _batched(values)
    n = len(values)
    if n < 3:
        return 1.0
    score = abs(sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2)))
    if n > _EXACT_TO:
        deviate = max(0, score - 1) / math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
        return math.erfc(deviate / math.sqrt(2))
    pairs = n * (n - 1) // 2
    orders = _orders(n)
    falling = (pairs - score) // 2  # S = pairs - 2 * falling pairs: at least `score` means at most this many
    return min(1.0, 2 * sum(orders[: falling + 1]) / math.factorial(n))


def drift_note(values: Sequence[float], *, of: str = "time per inference") -> Note | None:
    """Return what is to be said of windows that rise or fall over a run (p < 0.01), with how far they went; None for steady ones."""
    p = trend_p(values)
    if p >= DRIFT_P:
        return None
    values = _batched(values)
    change = theil_sen(values) * (len(values) - 1)
    return Note(
        code="run.drift",
        text=f"{of} drifted by {100 * change:+.2g} % over the run (p = {p:.1g}): its mean holds for this run, not for a longer one",
        advice="warm up longer, or look for throttling and background load",
    )


def theil_sen(values: Sequence[float]) -> float:
    """Return the median slope of all pairs (Sen 1968), per step and relative to the median: what outliers cannot bend."""
    slopes = sorted((values[j] - values[i]) / (j - i) for i, j in combinations(range(len(values)), 2))
    middle = sorted(values)[len(values) // 2]
    return slopes[len(slopes) // 2] / middle if middle else 0.0


def _batched(values: Sequence[float]) -> Sequence[float]:
    size = -(-len(values) // _MOST)
    return values if size <= 1 else [math.fsum(values[at : at + size]) / len(values[at : at + size]) for at in range(0, len(values), size)]


def _squared_error(values: Sequence[float]) -> float:
    """Return the squared standard error of the mean, of values that differ by 0.1 % at least: less never puts a start off."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 + (NEGLIGIBLE * mean) ** 2 for value in values) / len(values) ** 2


@cache
def _orders(n: int) -> tuple[int, ...]:
    """Return how many orders of n values have 0, 1, 2, ... falling pairs (Mahonian numbers)."""
    counts = [1]
    for size in range(2, n + 1):
        longer = [0] * (len(counts) + size - 1)
        for falling, count in enumerate(counts):
            for added in range(size):
                longer[falling + added] += count
        counts = longer
    return tuple(counts)
