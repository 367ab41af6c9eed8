"""Weigh two ways beside device and cloud: a small model that sends on what it is unsure of, and features that are computed before sending.

    cascade    E = E_small + f E_cloud                  f: share of inputs sent on; E_cloud with network and data centre
    split      E = share E_device + E_cloud(bytes)      share of the device's work before the cut; bytes that cross it

A cascade takes less than the cheaper of both sides alone for f < f* = (min(E_cloud, E_device) - E_small) / E_cloud.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Estimate, Note, Quality
from edgekit.core.run import RunRecord
from edgekit.core.scenario import Scenario
from edgekit.core.weighing import Alternative
from edgekit.decision.accounts.energy import Convention, Drawn, NotComputable, Usage, cloud_slots, device_slots, inputs_of, total
from edgekit.decision.draws.gather import payload_bytes, run_inputs, usage
from edgekit.decision.draws.montecarlo import Inputs, central, draw, summarise
from edgekit.decision.numerals import amount, size
from edgekit.decision.sides.choose import energy_of
from edgekit.decision.turning import roots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_SENT_ON = 0.2  # share of inputs a cascade is shown with where nobody knows its own; the band says what holds for others


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Hold what both sides are made of: the view, its inputs at their values and drawn, and the two runs behind them."""

    view: Convention
    scenario: Scenario
    inputs: Inputs
    x: Drawn
    drawn: Drawn
    use: Usage
    device: RunRecord
    cloud: RunRecord
    quality: Quality


def alternatives(pair: Pair, runs: Sequence[RunRecord], *, draws: int, seed: int) -> tuple[Alternative, ...]:
    """Return the cascade and the split that the runs at hand allow."""
    found = [_cascade(pair, runs, draws=draws, seed=seed), _features(pair)]
    return tuple(item for item in found if item is not None)


def split(view: Convention, x: Drawn, use: Usage, *, before: float, cut_bytes: float) -> FloatArray:
    """Return joules per inference where `before` of the device's work is done there and `cut_bytes` go up to the cloud.

    The cloud is charged with the whole model: a part of it was not measured. That is the upper end of what the split takes.
    """
    device, cloud = total(device_slots(view, x, use)), total(cloud_slots(view, x, replace(use, payload_bytes=cut_bytes)))
    return before * device + cloud


def _cascade(pair: Pair, runs: Sequence[RunRecord], *, draws: int, seed: int) -> Alternative | None:
    """Return the cascade whose first look is the cheapest run of the same device and meter place, the chosen one where none is cheaper."""
    place = energy_of(pair.device).boundary
    near = [run for run in runs if run.device == pair.device.device and isinstance(energy_of(run), Estimate)]
    near = [run for run in near if energy_of(run).boundary == place and run.plan.rate_hz is None and run.artifact.status == "verified"]
    small = min(near, key=lambda run: (energy_of(run).value or math.inf, run.id), default=pair.device)
    ours = {name: item for name, item in pair.inputs.items() if not name.startswith("device_")}
    ours |= {item.name: item for item in run_inputs("device", small)}
    use = usage(pair.scenario, small, pair.cloud)
    try:
        look, looks = (total(device_slots(pair.view, x, use)) for x in (central(ours), draw(ours, draws=draws, seed=seed)))
        names = inputs_of(device_slots(pair.view, central(ours), use))
    except NotComputable:
        return None
    device, cloud = roots.sides(pair.view, pair.x, pair.use)
    _, clouds = roots.sides(pair.view, pair.drawn, pair.use)
    bigger = None if small is pair.device else device
    most = float(roots.cascade_share(look, cloud, bigger)[0])
    used = [*(ours[name] for name in names), *(pair.inputs[name] for name in inputs_of(cloud_slots(pair.view, pair.x, pair.use)))]
    energy = summarise(
        look + _SENT_ON * cloud,
        looks + _SENT_ON * clouds,
        unit="J",
        boundary=pair.use.device_at,
        inputs=used,
        quality=pair.quality,
        notes=_lower(pair.use),
    )
    alone = float(cloud[0]) if bigger is None else min(float(cloud[0]), float(device[0]))
    band = (0.0, min(1.0, most)) if math.isfinite(most) else None
    against = "the cloud alone" if bigger is None else "either side alone"
    text = (
        f"{small.artifact.recipe} on the device first, and on to the cloud what it is unsure of: less than {against} while at most "
        f"{100 * band[1]:.3g} % of all inputs are sent on"
        if band is not None
        else f"a first look with {small.artifact.recipe} on the device takes more than {against}, however little is sent on"
    )
    return Alternative(
        kind="cascade",
        name=f"{small.artifact.recipe} on the device, then the cloud",
        energy_j=energy,
        value=_SENT_ON,
        unit="1",
        band=band,
        best=energy.value < alone and bigger is not None,
        text=f"{text}; shown for {100 * _SENT_ON:.0f} % sent on",
        evidence=(small.id, pair.cloud.id),
    )


def _features(pair: Pair) -> Alternative | None:
    """Return the split before the model: its own input goes up in place of raw data; None where that is not smaller."""
    raw = pair.scenario.payload_up_bytes
    features, down = payload_bytes(replace(pair.scenario, payload_up_bytes=None), pair.device)
    if raw is None or pair.view.network == "none" or features >= raw:
        return None
    up = replace(pair.use, payload_bytes=features + down)
    device, cloud = roots.sides(pair.view, pair.x, pair.use)
    point, drawn = (split(pair.view, x, up, before=0.0, cut_bytes=features + down) for x in (pair.x, pair.drawn))
    names = inputs_of(cloud_slots(pair.view, pair.x, up))
    note = Note(code="lower_bound", text="what computing the features takes on the device is not metered apart, and not counted")
    energy = summarise(
        point,
        drawn,
        unit="J",
        boundary=pair.use.cloud_at,
        inputs=[pair.inputs[name] for name in names],
        quality=Quality.CAVEATS,
        notes=(note,),
    )
    equal = float(roots.payload_bytes(pair.view, pair.x, pair.use)[0])
    empty = float(roots.margins(pair.view, pair.x, replace(pair.use, payload_bytes=0.0))[0])
    band = (0.0, min(equal, pair.use.payload_bytes)) if math.isfinite(equal) else None if empty >= 0 else (0.0, pair.use.payload_bytes)
    best = energy.value < min(float(device[0]), float(cloud[0]))
    verb = "less than either side alone" if best else "more than the cheaper side alone"
    text = (
        f"features of {size(features)} sent up in place of {size(raw)}: {amount(energy.value, 'J')} per inference and what computing "
        f"them takes, {verb}"
    )
    return Alternative(
        kind="split",
        name="features up",
        energy_j=energy,
        value=features,
        unit="B",
        band=band,
        best=best,
        text=text,
        evidence=(pair.device.id, pair.cloud.id),
    )


def _lower(use: Usage) -> tuple[Note, ...]:
    if Boundary.GRID is use.device_at and Boundary.GRID is use.cloud_at:
        return ()
    return (Note(code="lower_bound", text="part of what is bought was not metered: the true figure is larger"),)
