"""Refuse numbers that cannot be meant when they are given: asked for later, the whole result would fail for one of them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgekit.core.errors import UsageError

if TYPE_CHECKING:
    from edgekit.core.quantity import Quantity

    IdleWatts = float | tuple[float, float] | Quantity

_MOST = 1e12


def amount(value: object, what: str) -> float:
    """Return a number from 0 up; raise UsageError for anything else, NaN and infinity too."""
    if not isinstance(value, (str, bytes)):
        with contextlib.suppress(TypeError, ValueError, OverflowError):  # numbers of other packages are welcome
            if 0 <= (found := float(value)) <= _MOST:  # type: ignore[arg-type]
                return found
    raise UsageError(f"{what} {repr(value)[:40]} cannot be meant", code="measure.number", why=f"it is a number from 0 to {_MOST:g}")


def idle_power(idle_w: IdleWatts | Mapping[str, IdleWatts] | None) -> IdleWatts | Mapping[str, IdleWatts] | None:
    """Return idle watts as given; raise UsageError for a figure that cannot be meant or a boundary that nobody knows."""
    if idle_w is None:
        return None
    if not isinstance(idle_w, Mapping):
        return _watts(idle_w, "idle_w")
    from edgekit.core.boundary import Boundary
    from edgekit.core.errors import unknown_name

    for place in idle_w:
        if place not in set(Boundary):
            raise unknown_name("boundary", str(place), tuple(map(str, Boundary)), list_command="edgekit meters")
    return {place: _watts(watts, f"idle_w at {place}") for place, watts in idle_w.items()}


def _watts(given: IdleWatts, what: str) -> IdleWatts:
    """Return one figure: watts, watts with the half-width of their 95 % interval, or what `measure.idle` found."""
    if getattr(given, "unit", None) == "W":
        return given
    if isinstance(given, tuple) and len(given) == 2:
        return amount(given[0], what), amount(given[1], f"the half-width of {what}")
    return amount(given, what)


def words(error: BaseException) -> str:
    """Return an exception's name and message; one whose message cannot be asked for is the program's affair, not ours to raise."""
    try:
        said = str(error)
    except Exception:
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
