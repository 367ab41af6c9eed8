"""Say which accounting views could not be computed, and whether the scenario's own is among them."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.decision import View
from edgekit.core.quantity import Estimate, Unknown

AXIS_WORDS = {"network": "{} network", "device": "{} device", "cloud": "{} cloud"}


def computed(views: Sequence[View]) -> list[View]:
    """Return the views that have an answer."""
    return [view for view in views if isinstance(view.p_edge, Estimate)]


def declared_gap(views: Sequence[View]) -> View | None:
    """Return the first view of the scenario's own role and cloud that cannot be computed, None when all of them can.

    The network axis is not declared: both of its conventions hold for any network that the scenario names.
    """
    own = next(view for view in views if view.primary)
    return next(
        (view for view in views if isinstance(view.p_edge, Unknown) and (view.device, view.cloud) == (own.device, own.cloud)),
        None,
    )


def shown(views: Sequence[View]) -> View | None:
    """Return the view whose figures are shown: the primary one, else the first that can be computed."""
    return next(iter(computed(views)), None)


def stand_in(views: Sequence[View]) -> str:
    """Return which view is shown in place of a primary one that cannot be computed; "" when the primary one is shown."""
    found = shown(views)
    return "" if found is None or found.primary else f"{name(found)}; the primary view of this scenario cannot be computed"


def name(view: View) -> str:
    """Return a view in words."""
    network = "no network" if view.network == "none" else f"{view.network} network"
    return f"{network}, {view.device} device, {view.cloud} cloud"


def robust_in(views: Sequence[View]) -> str:
    """Return "robust in 8 of 8 accounting views", or how many there are and which of them are not covered and why."""
    text = f"robust in {len(computed(views))} of {len(views)} accounting views"
    left_out = _left_out(views)
    return f"{text}; not covered: {left_out}" if left_out else text


def _left_out(views: Sequence[View]) -> str:
    """Return the views that cannot be computed, by what they need: "the 4 with an incremental device (needs the net joules ...)"."""
    groups: dict[str, list[View]] = {}
    for view in views:
        if isinstance(view.p_edge, Unknown):
            groups.setdefault(view.p_edge.reason, []).append(view)
    return "; ".join(f"the {len(group)} with {_common(group)} ({reason})" for reason, group in groups.items())


def _common(group: Sequence[View]) -> str:
    """Return the conventions that all views of a group share, in words."""
    shared = [words.format(getattr(group[0], axis)) for axis, words in AXIS_WORDS.items() if len({getattr(v, axis) for v in group}) == 1]
    return " and ".join(f"{'an' if words[0] in 'aeiou' else 'a'} {words}" for words in shared) or "several conventions"
