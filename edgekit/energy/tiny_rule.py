"""State a board's energy by the rule of MLPerf Tiny too: the median of five windows. edgekit's own figure stays the headline."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from edgekit.core.quantity import Note
from edgekit.core.run import ChannelAnalysis
from edgekit.core.units import format_scaled
from edgekit.core.window import Window

WINDOWS, LEAST_S, LEAST_INFERENCES = 5, 10.0, 10  # of the benchmark's energy test


def by_tiny_rule(windows: Sequence[Window], best: ChannelAnalysis | None) -> Note | None:
    """Return the median joules per inference of the first five of the measured `windows`; None where fewer have an energy.

    The rule asks for windows of 10 s and 10 inferences; the note says where they are shorter.
    """
    if best is None or len(best.window_j) != len(windows):
        return None
    pairs = [(window, joules) for window, joules in zip(windows, best.window_j, strict=True) if joules is not None and window.inferences]
    if len(pairs) < WINDOWS:
        return None
    used = pairs[:WINDOWS]
    middle = median(joules / (window.inferences or 1) for window, joules in used)
    short = any(window.duration_s < LEAST_S or (window.inferences or 0) < LEAST_INFERENCES for window, _ in used)
    but = f", though windows are shorter than {LEAST_S:g} s or {LEAST_INFERENCES} inferences" if short else ""
    text = f"by the rule of MLPerf Tiny, the median of {WINDOWS} windows{but}: {format_scaled(middle, 'J')}; not verified by MLCommons"
    return Note(code="board.tiny_rule", text=text)
