"""Work out what a pair of runs, or a single one, means: slots of the primary view, all views, flips and the verdict."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.decision import Flip, Influence, Option, Scenario, Side, SlotEntry, Verdict, View
from edgekit.core.quantity import Estimate, Origin, Quality, Quantity, Unknown, worst
from edgekit.core.run import RunRecord
from edgekit.decision import breakeven, verdict
from edgekit.decision.accounting import Convention, NotComputable, Usage, bound, cloud_slots, conventions, device_slots, inputs_of, total
from edgekit.decision.choose import energy_of, headline_channel
from edgekit.decision.commands import (
    Commands,
    Surroundings,
    better_device,
    measure_idle,
    model_cloud,
    model_name,
    record_cloud,
    record_device,
)
from edgekit.decision.coverage import declared_gap
from edgekit.decision.gather import unseen, usage
from edgekit.decision.montecarlo import Inputs, central, draw, influences, summarise
from edgekit.decision.refused import without
from edgekit.decision.slots import entries
from edgekit.decision.views import judge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Drawn = Mapping[str, NDArray[np.float64]]

WORDS = {
    "device_j": "the energy of the device run",
    "device_net_j": "the net energy of the device run",
    "device_idle_w": "the idle power of the device",
    "cloud_j": "the energy of the cloud run",
    "cloud_idle_w": "the idle power of the cloud GPU",
    "pue": "the data centre's PUE",
    "cloud_total": "the host and idle share of the cloud",
    "network_marginal": "the network's energy per byte",
    "network_average": "the network's energy per byte",
    "radio_ble": "the radio's energy per byte",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hold what the arithmetic gives; `sides` are joules per inference at the grid in the primary view."""

    verdict: Verdict
    sides: Mapping[Side, Quantity]
    slots: tuple[SlotEntry, ...] = ()
    views: tuple[View, ...] = ()
    flips: tuple[Flip, ...] = ()
    influences: tuple[Influence, ...] = ()
    evidence: tuple[str, ...] = ()


def two_sided(
    runs: Sequence[RunRecord],
    scenario: Scenario,
    inputs: Inputs,
    device: RunRecord,
    cloud: RunRecord,
    around: Surroundings,
    *,
    draws: int,
    seed: int,
) -> Outcome:
    """Return the comparison of the two chosen runs under every accounting convention."""
    use, x, drawn = usage(scenario, device, cloud), central(inputs), draw(inputs, draws=draws, seed=seed)
    quality = _quality((device, cloud), scenario)
    known = list(conventions(scenario))
    views = tuple(judge(view, inputs, x, drawn, use, primary=view is known[0], quality=quality) for view in known)
    usable = [pair for pair in zip(known, views, strict=True) if isinstance(pair[1].p_edge, Estimate)]
    gap = declared_gap(views)
    unanswered = _unanswered(gap, known[views.index(gap)], views, runs, device, cloud, x, use, around) if gap is not None else None
    if not usable:
        assert unanswered is not None, "without any view, the scenario's own is missing too"
        return Outcome(verdict=unanswered, sides={}, views=views)
    primary, shown = usable[0]
    spread = _influences(primary, inputs, drawn, use)
    flips, axis_flips = _flips(primary, known, x, use)
    evidence = verdict.Evidence(
        model=model_name(runs),
        recipe=device.artifact.recipe,
        scenario=scenario,
        views=views,
        unseen=unseen(device, scenario.psu_efficiency),
        payload=flips[1],
        axis_flips=axis_flips,
        influences=spread,
        commands=(*better_device(device), *_better_cloud(runs, cloud, around)),
    )
    counted = (
        *entries(Side.DEVICE, device_slots(primary, x, use), device_slots(primary, drawn, use), inputs, use, quality),
        *entries(Side.CLOUD, cloud_slots(primary, x, use), cloud_slots(primary, drawn, use), inputs, use, quality),
    )
    names = [name for view, _ in usable for slots in (device_slots(view, x, use), cloud_slots(view, x, use)) for name in inputs_of(slots)]
    return Outcome(
        verdict=unanswered or verdict.judge(evidence),
        sides={
            Side.DEVICE: shown.edge_j if shown.device == known[0].device else _without_idle(shown.edge_j),
            Side.CLOUD: shown.cloud_j if shown.cloud == known[0].cloud else _without_idle(shown.cloud_j),
        },
        slots=counted,
        views=views,
        flips=flips,
        influences=spread,
        evidence=tuple(dict.fromkeys(inputs[name].evidence for name in names)),
    )


def one_sided(
    runs: Sequence[RunRecord],
    scenario: Scenario,
    inputs: Inputs,
    device: RunRecord | None,
    candidates: Sequence[Option],
    around: Surroundings,
    *,
    draws: int,
    seed: int,
) -> Outcome:
    """Return what can be said when one side has no run that qualifies: the device's own figures, and the command that fills the gap."""
    lacking = Side.DEVICE if device is None else Side.CLOUD
    record = record_device(runs) if device is None else (*record_cloud(runs, around), *model_cloud(runs, around))
    left_out = without(lacking, [option for option in candidates if option.side is lacking], runs, scenario, record)
    if device is None:
        return Outcome(verdict=verdict.missing(model_name(runs), left_out.why, left_out.step, left_out.commands), sides={})
    use, x, drawn = usage(scenario, device, None), central(inputs), draw(inputs, draws=draws, seed=seed)
    quality = _quality((device,), scenario)
    view = next(view for view in conventions(scenario) if view.device == "gross" or "device_idle_w" in inputs)
    complete = view.device == next(conventions(scenario)).device
    point, all_draws = device_slots(view, x, use), device_slots(view, drawn, use)
    used = [inputs[name] for name in inputs_of(point)]
    energy = summarise(
        total(point), total(all_draws), unit="J", boundary=use.device_at, inputs=used, quality=quality, notes=bound(use.device_at)
    )
    found = energy if complete else _without_idle(energy)
    known = f"The device takes {verdict.energy(energy)} per inference{'' if complete else ', its idle power not counted'}"
    return Outcome(
        verdict=verdict.missing(model_name(runs), f"{left_out.why}. {known}", left_out.step, left_out.commands),
        sides={Side.DEVICE: found},
        slots=tuple(entries(Side.DEVICE, point, all_draws, inputs, use, quality)),
        evidence=tuple(dict.fromkeys(item.evidence for item in used)),
    )


def _flips(primary: Convention, known: Sequence[Convention], x: Drawn, use: Usage) -> tuple[tuple[Flip, ...], dict[str, Flip]]:
    """Return all flip values in the primary view, and which of them belongs to which axis of convention."""
    general = [breakeven.cloud_factor(primary, x, use), breakeven.payload(primary, x, use)]
    axes: dict[str, Flip] = {}
    if primary.network != "none":
        axes["network"] = breakeven.network_rate(primary, x, use)
    for axis, flip in (("device", breakeven.idle_share), ("cloud", _load)):
        other = next((view for view in known if getattr(view, axis) != getattr(primary, axis) and _same_but(axis, view, primary)), None)
        if other is not None:
            with contextlib.suppress(NotComputable):
                axes[axis] = flip(primary, other, x, use)
    return (*general, *axes.values()), axes


def _load(primary: Convention, other: Convention, x: Drawn, use: Usage) -> Flip:
    return breakeven.service_rate(primary if primary.cloud == "dedicated" else other, x, use)


def _same_but(axis: str, one: Convention, other: Convention) -> bool:
    return all(getattr(one, item) == getattr(other, item) for item in ("network", "device", "cloud") if item != axis)


def _influences(view: Convention, inputs: Inputs, drawn: Drawn, use: Usage) -> tuple[Influence, ...]:
    """Return what explains the spread of the difference between both sides, largest first; one line per thing that can be measured."""
    device, cloud = device_slots(view, drawn, use), cloud_slots(view, drawn, use)
    shares = influences(drawn, total(cloud) / total(device), (*inputs_of(device), *inputs_of(cloud)))
    groups: dict[str, Influence] = {}
    for name, share in shares.items():
        if inputs[name].group not in groups and share >= 0.01:
            groups[inputs[name].group] = Influence(input=WORDS[name], share=share, shrink=inputs[name].shrink)
    return tuple(groups.values())


def _better_cloud(runs: Sequence[RunRecord], cloud: RunRecord, around: Surroundings) -> Commands:
    return () if set(energy_of(cloud).origins) == {Origin.MEASURED} else record_cloud(runs, around)


def _unanswered(
    gap: View,
    convention: Convention,
    views: Sequence[View],
    runs: Sequence[RunRecord],
    device: RunRecord,
    cloud: RunRecord,
    x: Drawn,
    use: Usage,
    around: Surroundings,
) -> Verdict:
    """Return the verdict where the scenario's own view needs an input that nobody knows, with the commands that measure it."""
    try:
        device_slots(convention, x, use)
        cloud_slots(convention, x, use)
    except NotComputable as missing:
        name = missing.name
    run = device if name.startswith("device_") else cloud
    commands = measure_idle(device) if run is device else record_cloud(runs, around)
    return verdict.own_view_missing(views, model_name(runs), gap, WORDS[name], _why_unknown(run, name), commands)


def _why_unknown(run: RunRecord, name: str) -> str:
    """Return the run's own reason for a figure that is unknown."""
    channel = headline_channel(run)
    if channel is None:
        return "the run was not analysed"
    quantity = channel.idle_w if name.endswith("_idle_w") else channel.net_j_per_inference
    return quantity.reason if isinstance(quantity, Unknown) else "the run does not say"


def _without_idle(energy: Quantity) -> Unknown:
    """Return the joules of a side whose own accounting needs an idle power that nobody knows: not the part that is known."""
    reason = "the scenario's own accounting charges idle power, which is unknown"
    return Unknown(reason=reason, unit="J", boundary=energy.boundary, origins=energy.origins)


def _quality(runs: Sequence[RunRecord], scenario: Scenario) -> Quality:
    """Return the least of the runs' qualities, and CAVEATS at best when a device's meter misses part of what is bought."""
    bought = Quality.CAVEATS if unseen(runs[0], scenario.psu_efficiency) is not None else Quality.GOOD
    return worst(bought, *(energy_of(run).quality for run in runs))
