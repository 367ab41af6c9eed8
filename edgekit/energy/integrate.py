r"""Integrate power samples over a window.

    power
      |      ___x___
      |  x__/       \__x        x = samples, | = window edges (interpolated)
      +----|----------|----> t

Samples are never de-duplicated: an unchanged reading is a reading. A gap longer than `max_gap_ns` is not bridged; it lowers the coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.core.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEnergy:
    """Hold the energy of one window in joules, the share of it that readings cover, and how uncertain its edges are in seconds."""

    joules: float
    coverage: float
    edge_s: float
    reason: str | None = None


def power_energy(trace: Trace, *, scale: float, start_ns: int, end_ns: int, hold: bool, max_gap_ns: int) -> WindowEnergy | None:
    """Return the energy of [start_ns, end_ns] on the trace's clock from power samples; None when fewer than two samples touch it.

    `scale` turns a raw value into watts. `hold` keeps each value until the next sample (for meters that deliver averages or step
    values); otherwise the trapezoid rule with interpolated edges is used. Energy over gaps is left out and the rest is not scaled up.
    """
    import numpy as np

    good = trace.flags == 0
    t = trace.t_ns[good]
    watts = trace.value[good] * scale
    if len(t) < 2 or t[0] >= end_ns or t[-1] <= start_ns:
        return None
    # `hold` values are known until the next sample, so the last one in the trace covers nothing after it.
    left = np.clip(t[:-1], start_ns, end_ns)
    right = np.clip(t[1:], start_ns, end_ns)
    length = (right - left).astype(np.float64)
    bridged = (np.diff(t) <= max_gap_ns) & (length > 0)
    if hold:
        mean_w = watts[:-1]
    else:
        span = np.diff(t).astype(np.float64)
        slope = np.divide(np.diff(watts), span, out=np.zeros_like(span), where=span > 0)
        mean_w = watts[:-1] + slope * ((left + right) / 2 - t[:-1])
    joules = float(np.sum(mean_w[bridged] * length[bridged])) / 1e9
    coverage = float(np.sum(length[bridged])) / (end_ns - start_ns)
    return WindowEnergy(joules=joules, coverage=coverage, edge_s=float(np.median(np.diff(t))) / 1e9)
