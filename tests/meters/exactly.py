r"""Say how narrow a meter's interval could be: that of an observer with exact knowledge of the instrument.

The observer is that of benchmarks/scoreboard/exact.py, moved from a region to the windows of a benchmark (docs/method.md):

*He knows* when each value was made on the host's clock, over which time it is the mean, its last digit, and that it errs in nothing else
but its gain and its zero, of which he knows what is stated, as edgekit does. He knows that inferences run back to back in a window.

*He does not know* more than the values can tell: not what the load drew within one of them. So of his joules are off

    g E        what is stated of the gain: normal, or rectangular where a limit is stated
    z T        what is stated of the zero, over the time of all windows
    P          at the edges, the better of two ways. He takes the values that lie wholly inside a window for all of it: what the phases
               leave open is found by drawing them. Or he cuts the value that straddles an edge: rectangular over its length at the mean
               power of the window, for each edge. Of an instrument that looks at points, each step of the load is rectangular over the
               time between two points. Of one that looks part of the time he knows no law of the load: the looks are a sample of it.
    Q          the last digit: rectangular, anew in each value where they differ by more than it, else alike in all

The half-width returned holds 95 % of 4,000 seeded draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tests.meters.rehearsed import Timetable

if TYPE_CHECKING:
    import numpy as np

DRAWS, PHASES = 4000, 24


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """Hold an instrument as it is: seconds between its values, seconds that each is a mean of (0: points), its digit, and what is stated.

    `gain_limit` is a limit where one is stated, `gain_rel` a standard uncertainty.
    """

    update_s: float
    mean_s: float = 0.0
    digit_w: float = 0.0
    gain_rel: float = 0.0
    gain_limit: float = 0.0
    zero_w: float = 0.0


def half_width_j(known: Knowledge, table: Timetable, truth_j: float) -> float:
    """Return the half-width in joules per inference."""
    import numpy as np

    spans = [end - start for start, end in table.windows]
    seconds, count = sum(spans), len(spans) * table.inferences
    energy_j = truth_j * count
    normal, flat = _draws(len(spans))
    error = energy_j * (known.gain_rel * normal[0] + 2 * known.gain_limit * flat[0]) + seconds * known.zero_w * normal[1]
    cut = energy_j / seconds * max(known.update_s, known.mean_s) * flat[2:].sum(axis=0)
    if known.mean_s:
        phases = math.sqrt(sum(_phases_j(known, table, window) ** 2 for window in table.windows))
        error += phases * normal[2] if known.mean_s < known.update_s else min(phases * normal[2], cut, key=np.std)
    else:
        steps = 2 * len(spans) * table.inferences
        error += cut + table.step_w * known.update_s * math.sqrt(steps / 12) * normal[2]
    digit_j = known.digit_w * seconds
    error += digit_j * flat[1] / (math.sqrt(seconds / known.update_s) if _differ(known, table) else 1.0)
    return float(np.quantile(np.abs(error), 0.95)) / count


@cache
def _draws(windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what is drawn, normal and rectangular from -0.5 to 0.5."""
    import numpy as np

    draw = np.random.default_rng(windows)
    return draw.standard_normal((3, DRAWS)), draw.random((2 + 2 * windows, DRAWS)) - 0.5


def _phases_j(known: Knowledge, table: Timetable, window: tuple[float, float]) -> float:
    """Return the root mean square of what the mean of the values inside a window leaves open, over 24 phases."""
    import numpy as np

    start_s, end_s = window
    number = math.floor((end_s - start_s - known.mean_s) / known.update_s)
    first = start_s + known.mean_s + (np.arange(PHASES) + 0.5) / PHASES * known.update_s
    ends = first[:, None] + known.update_s * np.arange(number)
    looks_w = (table.joules(ends) - table.joules(ends - known.mean_s)) / known.mean_s
    if known.mean_s < known.update_s:
        return float(looks_w.std()) * (end_s - start_s) * math.sqrt((1 - known.mean_s / known.update_s) / number)
    true_j = float(table.joules(np.array(end_s)) - table.joules(np.array(start_s)))
    return float(np.sqrt(np.mean((looks_w.mean(axis=1) * (end_s - start_s) - true_j) ** 2)))


def _differ(known: Knowledge, table: Timetable) -> bool:
    """Return whether the load moves values by more than their digit."""
    longest = max(known.mean_s, known.update_s)
    return table.step_w * min(1.0, table.period_s / longest) / 4 > known.digit_w
