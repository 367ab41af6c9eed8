"""Tell a run that measured as much as the method asks for from a quick one, by its windows and not by its plan."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.run import RunRecord
from edgekit.core.units import counted
from edgekit.core.window import Phase, Window

LEAST_WINDOWS = 3
LEAST_S = 100.0  # of measured time for each artifact


def usable(windows: Sequence[Window]) -> list[Window]:
    """Return the measured windows that a figure can rest on."""
    return [window for window in windows if window.phase is Phase.MEASURE and window.invalid is None and window.inferences]


def is_quick(windows: Sequence[Window]) -> bool:
    """Return whether what was measured is less than the method asks for, whatever was planned."""
    measured = usable(windows)
    return len(measured) < LEAST_WINDOWS or sum(window.duration_s for window in measured) < LEAST_S


def measured_s(record: RunRecord) -> float:
    """Return how long a run measured, in seconds; what it planned where it holds no windows."""
    return sum(window.duration_s for window in usable(record.windows)) if record.windows else record.plan.windows * record.plan.window_s


def how_quick(record: RunRecord) -> str:
    """Return what a quick run measured, in words, and what the method's plan measures."""
    count = len(usable(record.windows)) if record.windows else record.plan.windows
    each = f" of {measured_s(record) / count:.3g} s" if count else ""
    return f"{counted(count, 'window')}{each} instead of 10 windows of 10 s"
