r"""Say how narrow an interval could be: the 95 % interval of an observer who knows the instrument exactly.

*He knows* the counter's period with its jitter, its quantum, that it errs in nothing else but its gain (of which he knows what is stated,
as edgekit does), and how long each reading took; the mean power of the region, and the power from tick to tick while the program waited,
both from the plant itself.

*He does not know* more than edgekit's readings can tell: not when within its bracket a tick came, for a tick's jitter is chance and no
property of an instrument; and not what the load drew within a tick. A counter tells one number per tick. What was drawn before and after
an edge in the tick that straddles it is told by no reading, however well the instrument is known: a load that began at the edge and one
that ran before give the same counts. So with P the mean power of the region and w the bracket of an edge (between the last old and the
first new reading where a tick was seen; else one period with its jitter and the time of the reading), the energy of his region is off by

    H + D + T + Q + g E

    H  no tick was seen at the edge: what the load drew in the bracket is anything from nothing to P w. The interval has to hold the truth
       in 95 % of all phases for every such load, also for one that began at the first edge and ended after the last. That one errs one
       way only, rectangular up to P w; its mirror image the other way. No interval narrower than the rectangle of half-width
       P (w1 + w2) / 2 holds both.
    D  a tick was seen: rectangular over the bracket, at the power of waiting; each edge for itself
    T  what was drawn between the end and the tick after it: the power of waiting, as few ticks predict it (Student's t, white noise from
       tick to tick), but no less than nothing and no more than was counted since the reading at the end (and drawn until that reading).
       Where that cuts the 95 % interval of t off, anything in what is left: where a load lies between bounds is no chance, as in H
    Q  triangular (the difference of two roundings),  g normal

The half-width returned holds 95 % of 200,000 seeded draws. Power samples show the power on both sides of an edge, so there D at the mean
power stands for H. Of a sensor that looks part of the time the energy of the rest may lie anywhere between nothing and the power limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

DRAWS = 200_000


@dataclass(frozen=True, kw_only=True)
class Bracket:
    """Hold the width of one edge's bracket in seconds, whether a tick was seen in it, and the watts that an error of its date costs."""

    width_s: float
    tick: bool
    watts: float


@dataclass(frozen=True, kw_only=True)
class Waited:
    """Hold the wait after a region: true watts from tick to tick, and the seconds these ticks took.

    `tail_s` is the time from the end to the first of them, `most_j` what was counted since the reading at the end.
    """

    watts: Sequence[float]
    seconds: float
    tail_s: float
    most_j: float


def half_width_j(
    *,
    energy_j: float,
    brackets: Sequence[Bracket],
    quantum_j: Sequence[float],
    gain_rel: float,
    waited: Waited | None = None,
    samples: bool = False,
) -> float:
    """Return the half-width in joules; `brackets` and `quantum_j` have those of each counter that the figure adds up."""
    import numpy as np

    draw = np.random.default_rng(0)
    error = gain_rel * energy_j * draw.standard_normal(DRAWS)
    for quantum in quantum_j:
        error += quantum * (draw.random(DRAWS) - draw.random(DRAWS))
    unseen_j = 0.0
    for bracket in brackets:
        if bracket.tick or samples:
            error += bracket.watts * bracket.width_s * (draw.random(DRAWS) - 0.5)
        else:
            unseen_j += bracket.watts * bracket.width_s / 2
    error += unseen_j * (2 * draw.random(DRAWS) - 1)
    if waited and len(waited.watts) > 1:
        error += tail_j(waited, draw)
    return float(np.quantile(np.abs(error), 0.95))


def tail_j(waited: Waited, draw: np.random.Generator) -> np.ndarray:
    """Return draws of how far the energy after the end may be off its mean: Student's t of the waits, cut off at what can be."""
    import numpy as np

    n = len(waited.watts)
    mean_w, cell_s = math.fsum(waited.watts) / n, waited.seconds / n
    spread_w = float(np.std(waited.watts, ddof=1))
    scale_j = spread_w * math.sqrt(waited.tail_s * cell_s * (1 + waited.tail_s / waited.seconds))
    centre_j = mean_w * waited.tail_s
    drawn = scale_j * draw.standard_t(n - 1, DRAWS)
    reach_j = float(np.quantile(np.abs(drawn), 0.95))
    low, high = max(0.0, centre_j - reach_j), min(waited.most_j, centre_j + reach_j)
    if high - low >= 2 * reach_j * (1 - 1e-9):
        return drawn
    return max(0.0, high - low) / 0.95 * (draw.random(DRAWS) - 0.5)


def unseen_half_width_j(*, seconds: float, sampled_fraction: float, limit_w: float) -> float:
    """Return half of what a load may have drawn while a part-time sensor did not look."""
    return 0.95 * (1 - sampled_fraction) * seconds * limit_w / 2
