"""Count values in bins as they come, in bounded memory, so that a share of the extremes can be cut off."""

from __future__ import annotations

import math
from typing import Any, Final

BINS: Final = 4096
_FINEST: Final = -149  # the exponent of float32's smallest step
_FARTHEST: Final = 2.0**40  # in bins from zero: beyond it a bin's number and a float's digits end


class Histogram:
    """Count values in bins of a width that is a power of two, on a grid through zero.

    When values span more than `BINS` bins, the width doubles and neighbours merge, which is exact: the result depends on the values
    and not on their order, and an edge is known to 1/2048 of the whole range or better.
    """

    def __init__(self) -> None:
        self._exponent = _FINEST
        self._first = 0
        self._counts: Any = None

    def add(self, values: Any) -> None:
        """Count an array of finite values, at least one."""
        import numpy as np

        low, high = float(values.min()), float(values.max())
        if self._counts is not None:
            width = self._width
            low, high = min(low, self._first * width), max(high, (self._first + len(self._counts) - 1) * width)
        while not _fits(low, high, self._exponent):
            self._widen()
        first, last = math.floor(low / self._width), math.floor(high / self._width)
        counts = np.bincount(np.floor(values.astype("float64") / self._width).astype("int64").ravel() - first, minlength=last - first + 1)
        if self._counts is not None:
            at = self._first - first
            counts[at : at + len(self._counts)] += self._counts
        self._first, self._counts = first, counts

    def inner(self, share: float, lowest: float, highest: float) -> tuple[float, float]:
        """Return the narrowest range of whole bins that cuts off at most half of `1 - share` of the values at each end.

        `lowest` and `highest` are the extremes, which it never leaves.
        """
        import numpy as np

        cut = self._counts.sum() * (1 - share) / 2
        below = int(np.argmax(np.cumsum(self._counts) > cut))
        above = len(self._counts) - int(np.argmax(np.cumsum(self._counts[::-1]) > cut))
        return max(lowest, (self._first + below) * self._width), min(highest, (self._first + above) * self._width)

    @property
    def _width(self) -> float:
        return math.ldexp(1.0, self._exponent)

    def _widen(self) -> None:
        import numpy as np

        self._exponent += 1
        if self._counts is not None:
            places = (self._first + np.arange(len(self._counts))) >> 1
            self._counts = np.bincount(places - places[0], weights=self._counts).astype("int64")
            self._first = int(places[0])


def _fits(low: float, high: float, exponent: int) -> bool:
    width = math.ldexp(1.0, exponent)
    return max(-low, high) / width <= _FARTHEST and math.floor(high / width) - math.floor(low / width) < BINS
