"""Measure how far two sets of outputs agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


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


def finite(output: Any) -> bool:
    """Return True when no value is NaN or infinite."""
    import numpy as np

    return bool(np.isfinite(output).all())
