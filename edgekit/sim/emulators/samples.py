"""Sample loads at many moments at once, for instruments of many samples a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.sim.curve import Curve, Load, Sum
from edgekit.sim.trail import Trail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def powers_w(load: Load, t_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the watts of a load at each of `t_ns`, counted from its own beginning."""
    import numpy as np

    if isinstance(load, Sum):
        return sum((powers_w(part, t_ns) for part in load.parts), np.zeros(len(t_ns)))
    if isinstance(load, Trail):
        return load.powers(t_ns)
    if not isinstance(load, Curve):
        return np.array([load.power(t) for t in t_ns.tolist()])
    if len(load.times_ns) == 1:
        return np.full(len(t_ns), load.power_w[0])
    folded = t_ns % load.period_ns if load.period_ns else t_ns
    found: NDArray[np.float64] = np.interp(folded, np.array(load.times_ns), np.array(load.power_w))
    return found
