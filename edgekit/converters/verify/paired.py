"""Compare how often two models are right on the same samples: what counts is only where one is right and the other is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from edgekit.core.quantity import Estimate, Origin

_Z95: Final = 1.959963984540054
_HALVINGS: Final = 60  # of an interval of length 1: beyond the precision of a float


def accuracy_change(right: Any, right_before: Any) -> Estimate:
    """Return accuracy minus accuracy before, as shares, with a 95 % interval; both arguments are truth values by sample.

    The interval is the score interval of T. Tango (Stat. Med. 17 (1998) 891), which keeps inside [-1, 1] and its length above zero
    even where no sample differs.
    """
    gained, lost = _discordant(right, right_before)
    low, high = tango(gained, lost, len(right))
    return Estimate(value=(gained - lost) / len(right), low=low, high=high, unit="1", origins=(Origin.MEASURED,), n=len(right))


def mcnemar_p(right: Any, right_before: Any) -> float:
    """Return the two-sided exact p of Q. McNemar (Psychometrika 12 (1947) 153) that both models are right equally often."""
    gained, lost = _discordant(right, right_before)
    differing = gained + lost
    ways, tail = 1, 1  # of choosing 0 of the differing samples, and of choosing no more than that
    for count in range(min(gained, lost)):
        ways = ways * (differing - count) // (count + 1)
        tail += ways
    return min(1.0, 2 * tail / (1 << differing))


def tango(gained: int, lost: int, count: int) -> tuple[float, float]:
    """Return the 95 % score interval of (gained - lost) / count, two counts of the same `count` pairs."""
    value = (gained - lost) / count
    low = -1.0 if lost == count else _bisect(lambda at: _score(gained, lost, count, at) - _Z95, -1.0, value)
    high = 1.0 if gained == count else _bisect(lambda at: _score(gained, lost, count, at) + _Z95, value, 1.0)
    return low, high


def _score(gained: int, lost: int, count: int, difference: float) -> float:
    """Return how many standard errors the counts lie above `difference`, its variance taken under that difference."""
    spread = difference * (1 - difference)
    linear = (2 * count - gained + lost) * difference - gained - lost
    share_lost = (math.sqrt(max(0.0, linear**2 + 8 * count * lost * spread)) - linear) / (4 * count)
    variance = count * (2 * share_lost + spread)
    distance = gained - lost - count * difference
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)


def _bisect(falling: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def _discordant(right: Any, right_before: Any) -> tuple[int, int]:
    return int((right & ~right_before).sum()), int((~right & right_before).sum())
