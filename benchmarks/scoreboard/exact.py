r"""Say how narrow an interval could be: the 95 % interval of an observer who knows the instrument exactly.

He has the same readings as edgekit. He knows the true update period of the counter, its quantum, the share of the time at which the sensor
looks, and even the true power of the load, which is the mean of the window at its edges too. He does not know when between two readings
a tick came, and of the gain he knows what its maker or the literature states, as edgekit does. So the energy of his window is off by

    P (X1 + X2) + Q + g E

with X1, X2 rectangular over the bracket of each edge (between the last old and the first new reading where a tick was seen; else one
period and the time of the reading), Q triangular (the difference of two roundings), g normal. The half width returned holds 95 % of 200,000
seeded draws. Of a sensor that looks part of the time the energy of the rest may lie anywhere between nothing and the power limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DRAWS = 200_000


def half_width_j(
    *, mean_w: float, energy_j: float, dated: Sequence[Mapping[str, Any]], period_s: float, quantum_j: float, gain_rel: float
) -> float:
    """Return the half width in joules; `dated` has the brackets of both edges of each counter that the figure adds up."""
    import numpy as np

    draw = np.random.default_rng(0)
    error = gain_rel * energy_j * draw.standard_normal(DRAWS)
    for _ in dated:  # the counters tick together, but each rounds for itself
        error += quantum_j * (draw.random(DRAWS) - draw.random(DRAWS))
    for edge in ("first", "last"):
        width_s = max(edges[f"{edge}_ns"] / 1e9 + (0.0 if edges[f"{edge}_tick"] else period_s) for edges in dated)
        error += mean_w * width_s * (draw.random(DRAWS) - 0.5)
    return float(np.quantile(np.abs(error), 0.95))


def unseen_half_width_j(*, seconds: float, sampled_fraction: float, limit_w: float) -> float:
    """Return half of what a load may have drawn while a part-time sensor did not look."""
    return 0.95 * (1 - sampled_fraction) * seconds * limit_w / 2
