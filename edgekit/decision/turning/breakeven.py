"""Find the values at which the answer turns: in closed form with the band of all draws, and by bisection through the accounting itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgekit.core.decision import Flip
from edgekit.core.units import format_number, format_scaled
from edgekit.decision.accounts.energy import Convention, Drawn, Usage
from edgekit.decision.numerals import count, multiple
from edgekit.decision.turning import roots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_LOWEST, _HIGHEST = 1e-9, 1e15
_DAY_S = 86_400.0
_AGREE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Hold the 95 % of the draws that turn at all, and which share of them does."""

    low: float | None = None
    high: float | None = None
    share: float | None = None


def margin(view: Convention, x: Drawn, use: Usage) -> float:
    """Return joules of the cloud less joules of the device, per inference, at the stated values."""
    return float(roots.margins(view, x, use)[0])


def band(found: FloatArray | None, scale: float = 1.0) -> Band:
    """Return the band of the roots of all draws; nan counts as none."""
    import numpy as np

    if found is None:
        return Band()
    real = found[np.isfinite(found)] * scale
    if not len(real):
        return Band(share=0.0)
    low, high = np.percentile(real, (2.5, 97.5))
    return Band(low=float(low), high=float(high), share=len(real) / len(found))


def cloud_factor(view: Convention, x: Drawn, use: Usage, drawn: Drawn | None = None) -> Flip:
    """Return by how much all cloud figures would have to be multiplied for both sides to be equal."""
    device, cloud = (float(side[0]) for side in roots.sides(view, x, use))
    closed = device / cloud if cloud > 0 and device > 0 else None
    numeric = bisect(lambda factor: factor * cloud - device)
    words = f"a cloud side that took {times(closed)} stated, at the central values" if closed else "no factor on the cloud side"
    around = None
    if drawn is not None and closed is not None:
        devices, clouds = roots.sides(view, drawn, use)
        around = roots.divided(devices, clouds, clouds > 0)
    return flip_at("cloud factor", closed, numeric, "1", words, band(around), stated=1.0)


def payload(view: Convention, x: Drawn, use: Usage, drawn: Drawn | None = None) -> Flip:
    """Return the bytes per inference at which both sides are equal.

    None when the device wins at any payload (it takes less than the cloud with an empty payload), or when no network is counted.
    """
    closed = first(roots.payload_bytes(view, x, use))
    numeric = bisect(lambda size: margin(view, x, replace(use, payload_bytes=size))) if closed is not None else None
    if closed is not None:
        if numeric is not None and abs(numeric / closed - 1) > _AGREE:  # frames of a radio are filled one by one: no straight line
            closed = numeric
        text = f"a payload of more than {format_scaled(closed, 'B')} per inference"
    elif margin(view, x, replace(use, payload_bytes=0.0)) >= 0:
        text = "no payload size: the device takes less even when nothing is sent"
    else:
        text = "no payload size: the network is not counted"
    around = band(roots.payload_bytes(view, drawn, use)) if drawn is not None else Band()
    return flip_at("payload", closed, numeric, "B", text, around, stated=use.payload_bytes)


def service_rate(view: Convention, x: Drawn, use: Usage, drawn: Drawn | None = None) -> Flip:
    """Return the requests per second at which one reserved GPU equals the device.

    None when there is no such rate on one GPU: then the device wins at any load, or the cloud does.
    """
    closed = first(roots.service_per_s(view, x, use))
    if closed is None:
        busy = margin(view, x, replace(use, service_rate_per_s=1.0 / use.gpu_s)) if use.gpu_s > 0 else 0.0
        text = "no load: the device takes less than one busy GPU" if busy >= 0 else "no load: the cloud takes less even when idle"
        return flip_at("service rate", None, None, "1/s", text, Band(), stated=use.service_rate_per_s)
    numeric = bisect(lambda rate: -margin(view, x, replace(use, service_rate_per_s=rate)), low=1 / roots.SELDOM, high=1.0 / use.gpu_s)
    text = f"a cloud service with more than {multiple(closed, 3)} requests/s"
    around = band(roots.service_per_s(view, drawn, use)) if drawn is not None else Band()
    return flip_at("service rate", closed, numeric, "1/s", text, around, stated=use.service_rate_per_s)


def per_day(view: Convention, x: Drawn, use: Usage, drawn: Drawn | None = None) -> Flip:
    """Return the inferences a day and device above which a device that is kept on for them takes less than the cloud."""
    closed = first(roots.inferences_per_s(view, x, use))
    numeric = None
    if closed is not None:
        numeric = bisect(
            lambda rate: margin(view, x, replace(use, rate_per_s=rate)), low=1 / roots.SELDOM, high=1 / max(use.device_s, 1e-12)
        )
        text = f"more than {count(round(closed * _DAY_S))} inferences a day on each device"
    else:
        busiest = margin(view, x, replace(use, rate_per_s=1 / max(use.device_s, 1e-12)))
        text = f"no number of inferences a day: the {'device' if busiest >= 0 else 'cloud'} takes less at any"
    around = band(roots.inferences_per_s(view, drawn, use), _DAY_S) if drawn is not None else Band()
    return flip_at("inferences per day", _daily(closed), _daily(numeric), "1/day", text, around, stated=use.rate_per_s * _DAY_S)


def network_rate(view: Convention, x: Drawn, use: Usage, drawn: Drawn | None = None) -> Flip:
    """Return the network's joules per byte at which both sides are equal."""
    name = f"network_{view.network}"
    closed = first(roots.network_j_per_byte(view, x, use))
    numeric = bisect(lambda rate: margin(view, {**x, name: rate + 0.0 * x[name]}, use)) if closed is not None else None
    text = f"{format_number((closed or 0.0) / 3.6e-3)} kWh/GB" if closed is not None else "no network factor"
    around = band(roots.network_j_per_byte(view, drawn, use)) if drawn is not None else Band()
    return flip_at("network factor", closed, numeric, "J/B", text, around, stated=float(x[name][0]))


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
    return flip_at("idle share", closed, numeric, "1", text, Band())


def batch(
    view: Convention, x: Drawn, use: Usage, loads: tuple[tuple[int, float], tuple[int, float]], stated: int, drawn: Drawn | None = None
) -> Flip:
    """Return the batch above which the cloud takes less, from two measured (batch, joules per inference of the cloud run)."""
    (small, most_j), (large, least_j) = loads
    closed = first(roots.batch(view, x, use, loads))
    fixed = (most_j - least_j) / (1 / small - 1 / large)

    def short(size: float) -> float:
        joules = fixed / size + most_j - fixed / small
        return -margin(view, {**x, "cloud_j": joules + 0.0 * x["cloud_j"]}, use)

    numeric = bisect(short, low=1e-6) if closed is not None else None
    if closed is not None and (numeric is None or abs(numeric / closed - 1) > _AGREE):  # an idle server is the least: no straight line
        closed = numeric
    if closed is None:
        text = f"no batch: the {'device' if short(1e12) < 0 else 'cloud'} takes less at any"
    elif closed <= 1:
        closed, numeric, text = None, None, "no batch: the cloud takes less even one at a time"
    else:
        far = f", which is beyond the largest that was measured ({large})" if closed > large else ""
        text = f"a batch of {count(math.ceil(closed))} or more on the GPU{far}"
    around = band(roots.batch(view, drawn, use, loads)) if drawn is not None else Band()
    return flip_at("batch", closed, numeric, "1", text, around, stated=float(stated))


def cascade(view: Convention, x: Drawn, use: Usage, drawn: Drawn | None = None) -> Flip:
    """Return the share of inputs the device may send on before asking the cloud alone takes less."""
    device, cloud = roots.sides(view, x, use)
    closed = first(roots.cascade_share(device, cloud))
    numeric = None
    if closed is not None:
        numeric = bisect(lambda share: float(device[0]) + share * float(cloud[0]) - float(cloud[0]), high=1.0)
        text = f"more than {100 * closed:.3g} % of all inputs sent on from the device"
    else:
        text = "no share: the cloud alone takes less than a look on the device"
    around = Band()
    if drawn is not None:
        around = band(roots.cascade_share(*roots.sides(view, drawn, use)))
    return flip_at("cascade share", closed, numeric, "1", text, around)


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


def _daily(per_s: float | None) -> float | None:
    return None if per_s is None else per_s * _DAY_S


def first(found: FloatArray) -> float | None:
    """Return the root at the stated values, None where there is none."""
    return float(found[0]) if math.isfinite(found[0]) else None


def flip_at(
    name: str, closed: float | None, numeric: float | None, unit: str, text: str, around: Band, *, stated: float | None = None
) -> Flip:
    """Return a flip with its band; `numeric` is what bisection through the accounting found."""
    return Flip(
        name=name,
        value=closed,
        numeric=numeric,
        unit=unit,
        text=text,
        low=around.low,
        high=around.high,
        share=around.share,
        stated=stated,
    )
