"""Solve for the values at which both sides take the same, in closed form and for all draws at once; nan where there is no such value.

Each form holds because joules per inference are linear in bytes, in joules per byte, in seconds between inferences and in seconds between
requests, and hyperbolic in the batch.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from edgekit.decision.accounts.energy import Convention, Drawn, Usage, cloud_slots, device_slots, total

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

MUCH = 1e15  # bytes; so many that the slope is not lost in the rounding of a difference
_FAR = 10.0  # times the joules of the smallest batch: there a GPU takes more than an idle server
SELDOM = 1e6  # seconds between two inferences or requests: so many that idle is nearly all there is


def sides(view: Convention, x: Drawn, use: Usage) -> tuple[FloatArray, FloatArray]:
    """Return joules per inference (device, cloud)."""
    return total(device_slots(view, x, use)), total(cloud_slots(view, x, use))


def margins(view: Convention, x: Drawn, use: Usage) -> FloatArray:
    """Return joules of the cloud less joules of the device, per inference."""
    device, cloud = sides(view, x, use)
    return cloud - device


def payload_bytes(view: Convention, x: Drawn, use: Usage) -> FloatArray:
    """Return bytes* = (device - cloud without payload) / joules per byte."""
    at_zero, at_much = (margins(view, x, replace(use, payload_bytes=size)) for size in (0.0, MUCH))
    per_byte = (at_much - at_zero) / MUCH
    return divided(-at_zero, per_byte, (per_byte > 0) & (at_zero < 0))


def network_j_per_byte(view: Convention, x: Drawn, use: Usage) -> FloatArray:
    """Return the network's joules per byte* = (device - cloud without network) / bytes."""
    name = f"network_{view.network}"
    without = margins(view, {**x, name: 0.0 * x[name]}, use)
    return divided(-without, 0.0 * without + use.payload_bytes, (without < 0) & (use.payload_bytes > 0))


def service_per_s(view: Convention, x: Drawn, use: Usage) -> FloatArray:
    """Return the requests per second on one reserved GPU, r* = bill / (device - busy cloud + bill t).

    With E(r) = E_busy + bill (1/r - t), bill being the joules of an idle second and t the GPU seconds of a request.
    """
    if not use.gpu_s > 0:
        return math.nan * margins(view, x, use)
    slow, fast = (margins(view, x, replace(use, service_rate_per_s=rate)) for rate in (1 / SELDOM, 1.0 / use.gpu_s))
    bill = (slow - fast) / (SELDOM - use.gpu_s)
    return divided(bill, bill * use.gpu_s - fast, (slow > 0) & (fast < 0))


def inferences_per_s(view: Convention, x: Drawn, use: Usage) -> FloatArray:
    """Return the inferences per second and device, r* = bill / (cloud - busy device + bill t), above which the device takes less.

    With E(r) = E_busy + bill (1/r - t): a device that is kept on spreads its idle power over its inferences.
    """
    busy_s = max(use.device_s, 1 / SELDOM**2)
    slow, fast = (margins(view, x, replace(use, rate_per_s=rate)) for rate in (1 / SELDOM, 1 / busy_s))
    bill = (fast - slow) / (SELDOM - busy_s)
    return divided(bill, fast + bill * busy_s, (slow < 0) & (fast > 0))


def batch(view: Convention, x: Drawn, use: Usage, loads: tuple[tuple[int, float], tuple[int, float]]) -> FloatArray:
    """Return b* = E_fixed / (E* - E_var), with E(b) = E_fixed / b + E_var through two measured (batch, joules), and E* the joules of the
    cloud run at which both sides take the same. The line is laid where the GPU decides: below, a kept server takes what it takes when idle.
    """
    (small, most_j), (large, least_j) = loads
    fixed = (most_j - least_j) / (1 / small - 1 / large)
    rest = most_j - fixed / small
    some, twice = (margins(view, {**x, "cloud_j": 0.0 * x["cloud_j"] + joules}, use) for joules in (_FAR * most_j, 2 * _FAR * most_j))
    equal = _FAR * most_j * (1 - some / (twice - some))
    return divided(0.0 * equal + fixed, equal - rest, (equal > rest) & (fixed > 0))


def cascade_share(small: FloatArray, cloud: FloatArray, device: FloatArray | None = None) -> FloatArray:
    """Return the share f* of inputs sent on at which E_small + f E_cloud is what the cheaper of both sides takes alone."""
    import numpy as np

    alone = cloud if device is None else np.minimum(cloud, device)
    return divided(alone - small, cloud, alone > small)


def divided(above: FloatArray, below: FloatArray, where: NDArray[np.bool_]) -> FloatArray:
    """Return above / below, nan elsewhere."""
    import numpy as np

    found: FloatArray = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=found, where=where)
    return found
