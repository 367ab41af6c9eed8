"""Find the values at which the answer turns: in closed form, and by bisection through the accounting itself as a cross-check."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from edgekit.core.decision import Flip
from edgekit.core.units import format_number, format_scaled
from edgekit.decision.accounting import Convention, Drawn, Usage, cloud_slots, device_slots, total
from edgekit.decision.numerals import multiple

_LOWEST, _HIGHEST = 1e-9, 1e15
_MUCH = 1e15  # bytes; so many that the slope is not lost in the rounding of a difference


def margin(view: Convention, x: Drawn, use: Usage) -> float:
    """Return joules of the cloud less joules of the device, per inference, at the stated values."""
    return float(total(cloud_slots(view, x, use))[0] - total(device_slots(view, x, use))[0])


def cloud_factor(view: Convention, x: Drawn, use: Usage) -> Flip:
    """Return by how much all cloud figures would have to be multiplied for both sides to be equal."""
    device, cloud = float(total(device_slots(view, x, use))[0]), float(total(cloud_slots(view, x, use))[0])
    closed = device / cloud if cloud > 0 and device > 0 else None
    numeric = bisect(lambda factor: factor * cloud - device)
    words = f"a cloud side that took {times(closed)} stated, at the central values" if closed else "no factor on the cloud side"
    return Flip(name="cloud factor", value=closed, numeric=numeric, unit="1", text=words)


def payload(view: Convention, x: Drawn, use: Usage) -> Flip:
    """Return the bytes per inference at which both sides are equal: (device - cloud without payload) / joules per byte.

    None when the device wins at any payload (it takes less than the cloud with an empty payload), or when no network is counted.
    """
    at_zero, at_much = (margin(view, x, replace(use, payload_bytes=size)) for size in (0.0, _MUCH))
    per_byte = (at_much - at_zero) / _MUCH
    closed = -at_zero / per_byte if per_byte > 0 and at_zero < 0 else None
    numeric = bisect(lambda size: margin(view, x, replace(use, payload_bytes=size))) if closed is not None else None
    if closed is None:
        text = (
            "no payload size: the device takes less even when nothing is sent"
            if at_zero >= 0
            else "no payload size: the network is not counted"
        )
    else:
        text = f"a payload of more than {format_scaled(closed, 'B')} per inference"
    return Flip(name="payload", value=closed, numeric=numeric, unit="B", text=text)


def service_rate(view: Convention, x: Drawn, use: Usage) -> Flip:
    """Return the requests per second at which one dedicated GPU equals the device: idle bill / (device - busy cloud).

    With E(r) = E_busy + E_idle_second * (1/r - t), the root is r = E_idle_second / (device - E_busy + E_idle_second * t).
    None when there is no such rate on one GPU: then the device wins at any load, or the cloud does.
    """
    capacity = 1.0 / use.gpu_s if use.gpu_s > 0 else math.inf
    slow, fast = (margin(view, x, replace(use, service_rate_per_s=rate)) for rate in (1e-6, capacity))
    if not (math.isfinite(capacity) and slow > 0 > fast):
        text = "no load: the device takes less than one busy GPU" if fast >= 0 else "no load: the cloud takes less even when idle"
        return Flip(name="service rate", value=None, numeric=None, unit="1/s", text=text)
    idle_bill = (slow - fast) / (1e6 - use.gpu_s)  # E(1e-6/s) - E(capacity) = bill * (1e6 s - t), and the busy margin is `fast`
    closed = idle_bill / (idle_bill * use.gpu_s - fast)
    numeric = bisect(lambda rate: -margin(view, x, replace(use, service_rate_per_s=rate)), low=1e-6, high=capacity)
    return Flip(
        name="service rate",
        value=closed,
        numeric=numeric,
        unit="1/s",
        text=f"a cloud service with more than {multiple(closed, 3)} requests/s",
    )


def network_rate(view: Convention, x: Drawn, use: Usage) -> Flip:
    """Return the network's joules per byte at which both sides are equal: (device - cloud without payload) / payload."""
    name = f"network_{view.network}"
    at_zero = margin(view, x, replace(use, payload_bytes=0.0))
    radio = margin(view, {**x, name: 0.0 * x[name]}, use) - at_zero
    missing = -at_zero - radio
    closed = missing / use.payload_bytes if missing > 0 and use.payload_bytes > 0 else None
    numeric = bisect(lambda rate: margin(view, {**x, name: rate + 0.0 * x[name]}, use)) if closed is not None else None
    text = f"{format_number((closed or 0.0) / 3.6e-3)} kWh/GB" if closed is not None else "no network factor"
    return Flip(name="network factor", value=closed, numeric=numeric, unit="J/B", text=text)


def idle_share(one: Convention, other: Convention, x: Drawn, use: Usage) -> Flip:
    """Return the share of the device's idle power charged to the model at which both sides are equal, between two conventions."""
    high, low = sorted((margin(one, x, use), margin(other, x, use)))
    closed = low / (low - high) if low > 0 > high else None
    numeric = bisect(lambda share: -(low + share * (high - low)), high=1.0) if closed is not None else None
    text = (
        f"{100 * closed:.0f} % of the device's idle power charged to the model"
        if closed is not None
        else "no share of the device's idle power"
    )
    return Flip(name="idle share", value=closed, numeric=numeric, unit="1", text=text)


def bisect(f: Callable[[float], float], *, low: float = _LOWEST, high: float = _HIGHEST) -> float | None:
    """Return the root of an increasing function between two positive bounds, to 1e-12 relative; None when there is none."""
    if f(low) > 0 or f(high) < 0:
        return None
    while high / low > 1 + 1e-12:
        middle = math.sqrt(low * high)
        if middle in (low, high):
            break
        low, high = (low, middle) if f(middle) > 0 else (middle, high)
    return math.sqrt(low * high)


def times(factor: float) -> str:
    """Return a factor in words: 0.02 is "50 times less than", 3 is "3.0 times more than"."""
    return f"{multiple(1 / factor)} times less than" if factor < 1 else f"{multiple(factor)} times more than"
