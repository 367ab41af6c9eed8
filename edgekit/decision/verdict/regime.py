"""Name the regime a model is in: what decides between device and cloud, before any figure is read.

upload       sending the input alone takes more than the inference: the device wins even if the cloud computed for nothing
small model  the device takes less than the data centre needs to answer an empty request
like cost    both sides compute at like cost, and what network and data centre add decides
convention   the answer turns with what is charged to whom
shared       the cloud spreads its cost over so many requests that the device cannot follow
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.decision.accounts.energy import Convention, Drawn, Usage, cloud_slots, device_slots, total, way
from edgekit.decision.draws.montecarlo import RANKED, SURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """Hold whether the way to the cloud alone takes more than the inference, in every view, and how many times (least view, median)."""

    upload_alone: bool
    times: float


def regime_of(known: Sequence[Convention], drawn: Drawn, use: Usage) -> Regime:
    """Return what the way to the cloud takes against the whole inference on the device, over all views that can be computed."""
    import numpy as np

    drawn = {name: values[:RANKED] for name, values in drawn.items()}
    chances, factors = [], []
    for view in known:
        device, cloud = total(device_slots(view, drawn, use)), cloud_slots(view, drawn, use)
        between = way(cloud)
        chances.append(float(np.mean(between > device)))
        factors.append(float(np.median(between) / np.median(device)))
    return Regime(upload_alone=min(chances) >= SURE, times=min(factors))
