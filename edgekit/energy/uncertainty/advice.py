"""Say in one sentence what would bring a term of the budget down, with a number where the term follows a law."""

from __future__ import annotations

import math
from dataclasses import replace

from edgekit.core.quantity import BudgetTerm

GOAL = 0.01  # half-width of the 95 % interval, relative to the figure, that the advice aims at
MOST_WINDOWS = 100  # to ask for more is no advice

# How a term falls: with the length of a window, or with the square root of the number of windows.
_BY_LENGTH = {
    "edge bracket": "or use a meter that updates faster",
    "part of an inference": "",
    "clock map": "or read the clocks more often",
    "quantum": "",
}
_BY_NUMBER = {"repeatability": "or find what disturbs the machine", "sampling": "or sample faster"}
_OTHERWISE = {
    "coverage": "find out why readings are missing, or use a meter that looks all the time",
}


def advised(term: BudgetTerm, *, value: float, windows: int, window_s: float) -> BudgetTerm:
    """Return a term with a sentence on how to shrink it; a term that carries one keeps it."""
    if term.shrink is not None:
        return term
    ratio = 1.96 * (term.u or 0.0) / (GOAL * abs(value)) if value else 0.0
    if term.name in _BY_LENGTH:
        sentence = f"measure longer windows{_length(ratio, window_s)}"
    elif term.name in _BY_NUMBER and _needed(ratio, windows) > MOST_WINDOWS:
        instead = _BY_NUMBER[term.name].removeprefix("or ")
        return replace(term, shrink=f"{instead}: more windows alone would not bring this term down")
    elif term.name in _BY_NUMBER:
        sentence = f"measure more windows{_number(ratio, windows)}"
    else:
        return replace(term, shrink=_OTHERWISE.get(term.name))
    rest = (_BY_LENGTH | _BY_NUMBER)[term.name]
    return replace(term, shrink=f"{sentence}, {rest}" if rest else sentence)


def _length(ratio: float, window_s: float) -> str:
    return f": {_rounded(window_s * ratio):g} s instead of {window_s:.3g} s bring this term below {GOAL:.0%}" if ratio > 1 else ""


def _number(ratio: float, windows: int) -> str:
    return f": {_needed(ratio, windows)} instead of {windows} bring this term below {GOAL:.0%}" if ratio > 1 else ""


def _needed(ratio: float, windows: int) -> int:
    return math.ceil(windows * ratio**2)


def _rounded(seconds: float) -> float:
    """Return the next larger number with two digits."""
    step = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return math.ceil(seconds / step) * step
