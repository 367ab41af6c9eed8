"""Fill batches from requests that arrive evenly: how long the first one waits, and whether it is answered in time.

    wait = (b - 1) / rate           a batch of b is begun when its last request has come
    answered = wait + invocation    seconds after the first request of the batch arrived

Requests that come in bursts wait longer; who expects them states a shorter limit or a higher rate.
"""

from __future__ import annotations

import math


def wait_s(batch: int, rate_per_s: float) -> float:
    """Return the seconds that the first request of a batch waits for the last one."""
    return (batch - 1) / rate_per_s


def answered_s(batch: int, rate_per_s: float, invocation_s: float) -> float:
    """Return the seconds after which the first request of a batch is answered, one invocation taking `invocation_s`."""
    return wait_s(batch, rate_per_s) + invocation_s


def fills(batch: int, rate_per_s: float, limit_s: float, invocation_s: float) -> bool:
    """Return whether a batch fills in time for its first request to be answered within `limit_s`."""
    return answered_s(batch, rate_per_s, invocation_s) <= limit_s


def largest_batch(rate_per_s: float, limit_s: float, invocation_s: float) -> int:
    """Return the largest batch that fills in time, 0 where one invocation alone takes longer than the limit."""
    spare_s = limit_s - invocation_s
    return 0 if spare_s < 0 else math.floor(rate_per_s * spare_s) + 1
