"""Measure how far two sets of outputs agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple


class Closeness(NamedTuple):
    """Hold how far an artifact's outputs are from the source's. `sqnr_db` is infinite where they are identical."""

    sqnr_db: float
    max_abs_error: float
    top1_agreement: float | None

    @property
    def finite_sqnr_db(self) -> float | None:
        """Return the SQNR where it is a number that JSON can hold."""
        return self.sqnr_db if math.isfinite(self.sqnr_db) else None


def sqnr_db(outputs: Sequence[Any], reference: Sequence[Any]) -> float:
    """Return the signal-to-noise ratio of the worst output in dB: 10 log10(sum(reference^2) / sum((output - reference)^2)).

    Infinite when every output is identical, minus infinite when an all-zero reference is missed.
    """
    ratios = []
    for output, expected in zip(outputs, reference, strict=True):
        signal = float((expected.astype("float64") ** 2).sum())
        noise = float(((output.astype("float64") - expected.astype("float64")) ** 2).sum())
        ratios.append(math.inf if noise == 0 else -math.inf if signal == 0 else 10 * math.log10(signal / noise))
    return min(ratios)


def max_abs_error(outputs: Sequence[Any], reference: Sequence[Any]) -> float:
    """Return the largest difference between any two values."""
    return max(float(abs(a.astype("float64") - b.astype("float64")).max()) for a, b in zip(outputs, reference, strict=True))


def finite(output: Any) -> bool:
    """Return True when no value is NaN or infinite."""
    import numpy as np

    return bool(np.isfinite(output).all())
