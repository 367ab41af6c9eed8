"""Take numbers out of files that others wrote: one that cannot be meant is none, so that no arithmetic overflows on it."""

from __future__ import annotations

import math

MOST = 10**15  # of anything that a benchmark counts or states in the units of its logs


def count(value: object) -> int | None:
    """Return a count (a whole number, as JSON or as digits) above 0; None for anything else."""
    if isinstance(value, str):
        value = int(value) if value.isdecimal() and len(value) <= len(str(MOST)) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST else None


def positive(text: str | None) -> float | None:
    """Return a written number above 0; None for anything else, 0 and below included: nothing in these logs costs nothing."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 1 / MOST <= value <= MOST else None


def finite(value: object, most: float = math.inf) -> float | None:
    """Return a finite number of JSON of at most `most` either way; None for anything else."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:  # JSON bounds no integer
        return None
    return found if math.isfinite(found) and abs(found) <= most else None
