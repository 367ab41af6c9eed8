"""Turn the times of a profiled window into shares of a measured inference.

A profiler takes time itself. How much is known in total (a profiled inference minus a measured one), where it went is not: at one end all
of it lies outside the operators, at the other each call of an operator holds its part of it, or each operator ran slower by the same factor
(a busier machine). The share is stated for the first, or scaled down where the operators alone take longer than a measured inference; the
bounds reach to the others. Where a profiled inference was the faster one, the machine was busier before, and its own time is the whole.
A clock that counts in steps may also have cut up to one step off each call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgekit.core.quantity import Estimate, Quantity
from edgekit.core.run import Profile
from edgekit.core.window import Window

OUTSIDE = "outside operators"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Hold the part of an inference's time that one operator takes, with bounds; shares add up to 1 with what is outside, the last one."""

    name: str
    kind: str
    value: float
    low: float
    high: float


def slowdown(window: Window, time_s: Quantity) -> float | None:
    """Return by how much a profiled inference took longer than a measured one, relative; None where nothing was measured."""
    if not isinstance(time_s, Estimate) or not window.inferences or time_s.value <= 0:
        return None
    return window.duration_s / window.inferences / time_s.value - 1


def time_shares(profile: Profile, window: Window, time_s: Quantity) -> list[Share]:
    """Return the share of every operator in the order of the profile, then what is outside.

    `time_s` is the seconds of one measured inference; where it is unknown, shares are of the profiled time.
    """
    inferences = window.inferences or 1
    profiled_s = window.duration_s / inferences
    measured_s = time_s.value if isinstance(time_s, Estimate) and time_s.value > 0 else profiled_s
    each_s = [operator.time_s / inferences for operator in profile.operators]
    calls = sum(operator.calls for operator in profile.operators)
    cost_s = max(0.0, profiled_s - measured_s) / calls * inferences if calls else 0.0  # of timing one call, if all of it lies inside
    whole_s = max(min(measured_s, profiled_s), math.fsum(each_s))
    shares = []
    for operator, time in zip(profile.operators, each_s, strict=True):
        share, called = time / whole_s, operator.calls / inferences
        low = max(0.0, min((time - called * cost_s) / measured_s, time / profiled_s))
        high = (time + called * profile.resolution_s) / min(measured_s, profiled_s)
        shares.append(Share(name=operator.name, kind=operator.kind, value=share, low=min(low, share), high=max(share, min(1.0, high))))
    rest = max(0.0, 1 - math.fsum(share.value for share in shares))
    low = max(0.0, 1 - math.fsum(share.high for share in shares))
    high = 1 - math.fsum(share.low for share in shares)
    shares.append(Share(name=OUTSIDE, kind="outside", value=rest, low=min(low, rest), high=max(high, rest)))
    return shares
