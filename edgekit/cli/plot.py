"""Draw watts over time in characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def columns(points: Sequence[tuple[float, float]], *, width: int, span_s: float) -> list[float | None]:
    """Return the mean of the points in each of `width` columns that cover the last `span_s` seconds; None where there is none."""
    if not points:
        return [None] * width
    end_s = points[-1][0]
    sums, counts = [0.0] * width, [0] * width
    for second, value in points:
        place = width - 1 - int((end_s - second) / span_s * width)
        if place >= 0:
            sums[place] += value
            counts[place] += 1
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]


def chart(values: Sequence[float | None], *, height: int, top: float) -> list[str]:
    """Return `height` lines of bars, each from 0 to `top`; a column without a value is blank, a value of 0 a base line."""
    eighths = [None if value is None else max(1, round(8 * height * max(0.0, value) / top)) for value in values]
    return [
        "".join(" " if count is None else _EIGHTHS[min(8, max(0, count - 8 * row))] for count in eighths) for row in reversed(range(height))
    ]


def round_top(most: float) -> float:
    """Return the least of 1, 2 and 5 times a power of ten that is not below `most`."""
    if not 0 < most < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= most * (1 - 1e-12))
