"""Judge the same data under every accounting convention: both sides, their ratio, and the probability that the device takes less."""

from __future__ import annotations

from edgekit.core.boundary import Boundary
from edgekit.core.decision import View
from edgekit.core.quantity import Quantity, Unknown, merge_origins
from edgekit.decision.accounts.energy import Convention, NotComputable, ratio_bound
from edgekit.decision.accounts.ledger import Ledger
from edgekit.decision.draws.montecarlo import probability, summarise


def judge(view: Convention, ledger: Ledger, *, primary: bool) -> View:
    """Return the outcome under one convention; every figure is Unknown when an input that it needs is not known."""
    import numpy as np

    try:
        device, cloud = ledger.device(view), ledger.cloud(view)
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
    inputs = (*device.inputs, *cloud.inputs)
    ratio_q: Quantity = Unknown(reason="the device's energy cannot be told from zero in this view", unit="1")
    if device.energy_j.low > 0:
        fewest = device.drawn_j[device.drawn_j > 0].min()  # stands for the few draws that come out at nothing or less
        ratio_q = summarise(
            cloud.stated_j / device.stated_j,
            cloud.drawn_j / np.maximum(device.drawn_j, fewest),
            unit="1",
            inputs=inputs,
            quality=ledger.quality,
            notes=ratio_bound(ledger.use),
        )
    return View(
        network=view.network,
        device=view.device,
        cloud=view.cloud,
        primary=primary,
        p_edge=probability(device.drawn_j < cloud.drawn_j, merge_origins(*(item.origins for item in inputs))),
        edge_j=device.energy_j,
        cloud_j=cloud.energy_j,
        ratio=ratio_q,
    )
