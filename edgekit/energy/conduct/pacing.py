"""Judge windows in which inferences came at a rate: whether the schedule was kept, and how much of the time was work.

power
  |   __        __        __          duty = time of the invocations / time of the window
  |__|  |______|  |______|  |__       the mean power holds the idle between invocations
  +--------------------------> t
  0         T        2 T     3 T
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgekit.core.quantity import Note
from edgekit.core.units import format_scaled
from edgekit.core.window import Window

KEPT = 0.01  # a window that takes this much longer than its periods did not keep its rate


def busy_s(window: Window) -> float:
    """Return the time in which a window inferred, in seconds: all of it where inferences ran back to back."""
    return window.duration_s if window.pacing is None else window.pacing.busy_ns / 1e9


def duty_of(windows: Sequence[Window]) -> float:
    """Return the share of the time of `windows` in which they inferred; 1 where they ran back to back."""
    length_s = math.fsum(window.duration_s for window in windows)
    return math.fsum(busy_s(window) for window in windows) / length_s if length_s else 1.0


def not_kept(window: Window) -> str | None:
    """Return why a window's rate is not the one asked for, with what the device makes; None where it is, or none was asked."""
    pacing = window.pacing
    if pacing is None or window.duration_s <= (1 + KEPT) * pacing.invocations * pacing.period_ns / 1e9:
        return None
    each_s = pacing.busy_ns / pacing.invocations / 1e9
    most_hz = (window.inferences or 0) / (pacing.busy_ns / 1e9)
    return (
        f"the device did not keep up: an invocation took {format_scaled(each_s, 's')} of a period of "
        f"{format_scaled(pacing.period_ns / 1e9, 's')}, {most_hz:.3g} inferences a second are the most it makes"
    )


def pacing_notes(windows: Sequence[Window]) -> list[Note]:
    """Return what is to be said of how well measured windows kept their schedule."""
    paced = [window.pacing for window in windows if window.pacing is not None]
    total, late = sum(pacing.invocations for pacing in paced), sum(pacing.late for pacing in paced)
    if not late:
        return []
    latest_s = max(pacing.latest_ns for pacing in paced) / 1e9
    text = (
        f"{late} of {total} invocations began more than a tenth of their period after they were due, "
        f"the latest {format_scaled(latest_s, 's')} after: their energy is there, their spacing is not what was asked"
    )
    return [Note(code="rate.late", text=text, advice="close other programs, or ask for a lower rate")]
