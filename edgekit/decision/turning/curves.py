"""Draw both sides over one input: joules per inference with the band that holds 95 % of the draws."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edgekit.core.weighing import Curve
from edgekit.decision.accounts.energy import Convention, Drawn, Usage
from edgekit.decision.turning import roots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

POINTS = 25
DRAWN = 2_000  # draws behind a band that is drawn and not printed
_DECADES = 2.0


def curves(view: Convention, x: Drawn, drawn: Drawn, use: Usage) -> tuple[Curve, ...]:
    """Return the curves that mean something in this view: over payload, inferences of a device, and requests of a reserved GPU."""
    few = {name: values[:DRAWN] for name, values in drawn.items()}
    found = []
    if view.network != "none":
        found.append(_curve("payload", "B", use.payload_bytes or 1e4, view, x, few, use, "payload_bytes", use.payload_bytes))
    if view.device == "dedicated":
        most = 1 / use.device_s if use.device_s > 0 else None
        found.append(_curve("inferences", "1/s", use.rate_per_s, view, x, few, use, "rate_per_s", use.rate_per_s, most))
    if view.cloud == "dedicated":
        stated = use.service_rate_per_s
        found.append(_curve("requests", "1/s", stated, view, x, few, use, "service_rate_per_s", stated))
    return tuple(found)


def _curve(
    name: str,
    unit: str,
    middle: float,
    view: Convention,
    x: Drawn,
    drawn: Drawn,
    use: Usage,
    attribute: str,
    stated: float,
    most: float | None = None,
) -> Curve:
    import numpy as np

    ends = middle / 10**_DECADES, min(middle * 10**_DECADES, most) if most is not None else middle * 10**_DECADES
    places = [float(place) for place in np.geomspace(*ends, POINTS)]
    edge, cloud = [], []
    for place in places:
        at = replace(use, **{attribute: place})  # type: ignore[arg-type]
        point, band = roots.sides(view, x, at), roots.sides(view, drawn, at)
        edge.append(_three(point[0], band[0]))
        cloud.append(_three(point[1], band[1]))
    return Curve(name=name, unit=unit, x=tuple(places), edge_j=tuple(edge), cloud_j=tuple(cloud), stated=stated)


def _three(point: FloatArray, band: FloatArray) -> tuple[float, float, float]:
    import numpy as np

    low, high = np.percentile(band, (2.5, 97.5))
    return float(point[0]), min(float(low), float(point[0])), max(float(high), float(point[0]))
