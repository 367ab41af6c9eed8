"""Judge the same data under every accounting convention: both sides, their ratio, and the probability that the device takes less."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.decision import View
from edgekit.core.quantity import Quality, Quantity, Unknown, merge_origins
from edgekit.decision.accounting import Convention, NotComputable, Usage, bound, cloud_slots, device_slots, inputs_of, ratio_bound, total
from edgekit.decision.montecarlo import Inputs, probability, summarise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def judge(
    view: Convention,
    inputs: Inputs,
    point: Mapping[str, FloatArray],
    drawn: Mapping[str, FloatArray],
    use: Usage,
    *,
    primary: bool,
    quality: Quality,
) -> View:
    """Return the outcome under one convention; every figure is Unknown when an input that it needs is not known."""
    try:
        device, cloud = device_slots(view, point, use), cloud_slots(view, point, use)
    except NotComputable as missing:
        reason = f"needs the {missing}"
        energy = Unknown(reason=reason, unit="J", boundary=Boundary.GRID)
        ratio = Unknown(reason=reason, unit="1")
        return View(
            network=view.network,
            device=view.device,
            cloud=view.cloud,
            primary=primary,
            p_edge=ratio,
            edge_j=energy,
            cloud_j=energy,
            ratio=ratio,
        )
    device_all, cloud_all = total(device_slots(view, drawn, use)), total(cloud_slots(view, drawn, use))
    device_in, cloud_in = ([inputs[name] for name in inputs_of(slots)] for slots in (device, cloud))
    origins = merge_origins(*(item.origins for item in (*device_in, *cloud_in)))
    edge_j = summarise(
        total(device), device_all, unit="J", boundary=use.device_at, inputs=device_in, quality=quality, notes=bound(use.device_at)
    )
    cloud_j = summarise(
        total(cloud), cloud_all, unit="J", boundary=use.cloud_at, inputs=cloud_in, quality=quality, notes=bound(use.cloud_at)
    )
    ratio_q: Quantity = Unknown(reason="the device's energy cannot be told from zero in this view", unit="1")
    if edge_j.low > 0:
        ratio_q = summarise(
            total(cloud) / total(device),
            cloud_all / device_all,
            unit="1",
            inputs=[*device_in, *cloud_in],
            quality=quality,
            notes=ratio_bound(use),
        )
    return View(
        network=view.network,
        device=view.device,
        cloud=view.cloud,
        primary=primary,
        p_edge=probability(device_all < cloud_all, origins),
        edge_j=edge_j,
        cloud_j=cloud_j,
        ratio=ratio_q,
    )
