r"""Notice that a meter that takes single looks at its power keeps step with a load that comes in bursts, or takes too few looks at it.

power                            a look every half second, bursts once a second: every second look meets the same part of a burst,
  |  __      __      __          the readings repeat, and nobody knows what lies between them
  |_|  |____|  |____|  |____
  +--x---x---x---x---x------> t

What repeats exactly is not the scatter of independent looks, by which the interval is made: readings that repeat are remarked. A load that
repeats with every reading, or between two of them, gives readings that are all alike: nothing in them can tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgekit.core.quantity import Note
from edgekit.core.units import counted, format_scaled
from edgekit.core.window import Window
from edgekit.energy.windows.effects import SAMPLING
from edgekit.energy.windows.window_energy import WindowEnergy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 6  # readings to a repetition: of more, each misses so little that the looks tell the mean
_FEWEST, _MOST = 16, 4096  # readings that tell whether they repeat
_ALIKE, _DIP = 0.4, 0.3  # of the autocorrelation at one, two and three repetitions, and how far it falls in between
LEAST_LOOKS = 30
_BURSTY = 0.05  # of the mean power: readings that spread by more are of bursts, not noise


def repeats_after(values: NDArray[np.float64]) -> int:
    """Return after how many readings (2 to 6) readings repeat themselves; 0 where they do not, or too few tell."""
    import numpy as np

    values = np.asarray(values[:_MOST], float)
    if len(values) < _FEWEST:
        return 0
    off = values - values.mean()
    square = float(off @ off)
    if square <= (_BURSTY * abs(float(values.mean()))) ** 2 * len(values):
        return 0

    def alike(lag: int) -> float:
        return float(off[:-lag] @ off[lag:]) / square * len(off) / (len(off) - lag)

    for lag in range(2, LONGEST + 1):
        between = min(alike(shorter) for shorter in range(1, lag))
        if 3 * lag < len(off) and min(alike(times * lag) for times in (1, 2, 3)) >= max(_ALIKE, between + _DIP):
            return lag
    return 0


def in_step(measured: Sequence[WindowEnergy], idle: Sequence[WindowEnergy]) -> Note | None:
    """Return the remark that the looks of a meter keep step with its load, where most windows say so."""
    windows = [energy for energy in (*measured, *idle) if _looked(energy)]
    found = [energy for energy in windows if energy.repeats_after]
    if not found or 2 * len(found) < len(windows):
        return None
    each = max(found, key=lambda energy: energy.repeats_after)
    period = format_scaled(each.repeats_after * each.cell_s, "s")
    return Note(
        code="readings.in_step",
        text=f"the meter's readings repeat every {each.repeats_after} ({period}): the load's bursts keep step with it, so that it sees the "
        "same part of each, and figures may be off by more than their intervals say",
        advice="use a meter that reads more often or averages, or give the load another period",
    )


def few_looks(energies: Sequence[WindowEnergy], windows: Sequence[Window], *, what: str, option: str) -> Note | None:
    """Return the remark that few looks carry the mean of power in bursts, over all of these windows together."""
    pairs = [(energy, window) for energy, window in zip(energies, windows, strict=True) if _looked(energy)]
    looks = sum(energy.ticks for energy, _ in pairs)
    if not pairs or looks >= LEAST_LOOKS:
        return None
    bursts = max(energy.spread_w * window.duration_s / energy.joules if energy.joules > 0 else 0.0 for energy, window in pairs)
    if bursts <= _BURSTY:
        return None
    longer_s = math.ceil(LEAST_LOOKS / len(pairs) * max(energy.cell_s for energy, _ in pairs)) + 1
    return Note(
        code="readings.few",
        text=f"{what} rests on {counted(looks, 'reading')} of power that varies by {100 * bursts:.0f} % from one to another: bursts "
        "between them may be missed, and its interval may be too narrow",
        advice=f"measure longer, {option} {longer_s} or more, or use a meter that reads more often",
    )


def _looked(energy: WindowEnergy) -> bool:
    return energy.reason is None and any(effect.name == SAMPLING for effect in energy.effects)
