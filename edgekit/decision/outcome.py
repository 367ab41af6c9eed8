"""Work out what a pair of runs, or a single one, means: slots of the primary view, all views, flips and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgekit.core.decision import Constant, Flip, Influence, Option, Scenario, Side, SlotEntry, Verdict, View
from edgekit.core.quantity import Estimate, Origin, Quality, Quantity, Unknown, worst
from edgekit.core.run import RunRecord
from edgekit.core.weighing import Gate
from edgekit.decision import phrases, verdict
from edgekit.decision.accounting import Convention, NotComputable, Usage, bound, cloud_slots, conventions, device_slots, inputs_of, total
from edgekit.decision.alternatives import Pair
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
from edgekit.decision.gates import ruled_out
from edgekit.decision.gather import unseen, usage
from edgekit.decision.montecarlo import Inputs, central, draw, influences, summarise
from edgekit.decision.refused import without
from edgekit.decision.regime import regime_of
from edgekit.decision.slots import entries
from edgekit.decision.views import judge
from edgekit.decision.weigh import Weighed, weigh
from edgekit.decision.words import name_of
from edgekit.energy.validity import FLAWS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Drawn = Mapping[str, NDArray[np.float64]]


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
    weighed: Weighed | None = None


def two_sided(
    runs: Sequence[RunRecord],
    scenario: Scenario,
    constants: Mapping[str, Constant],
    inputs: Inputs,
    device: RunRecord,
    cloud: RunRecord,
    gates: Sequence[Gate],
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
    pair = Pair(view=primary, scenario=scenario, inputs=inputs, x=x, drawn=drawn, use=use, device=device, cloud=cloud, quality=quality)
    weighed = weigh(pair, known, runs, constants, around, _inside(primary, inputs, x, drawn, use, quality), draws=draws, seed=seed)
    views = tuple(
        replace(view, p_edge_carbon=chance, grid=_grid(scenario, chance)) for view, chance in zip(views, weighed.carbon, strict=True)
    )
    evidence = verdict.Evidence(
        model=model_name(runs),
        recipe=device.artifact.recipe,
        scenario=scenario,
        views=views,
        unseen=unseen(device, scenario.psu_efficiency),
        payload=next(flip for flip in weighed.flips if flip.name == "payload"),
        axis_flips=dict(weighed.axis_flips),
        influences=spread,
        gates=tuple(gates),
        regime=regime_of([view for view, _ in usable], drawn, use),
        carbon=weighed.criteria[0],
        disturbed=_disturbed((device, cloud)),
        worth=weighed.worth,
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
        flips=weighed.flips,
        influences=spread,
        weighed=weighed,
        evidence=tuple(dict.fromkeys(inputs[name].evidence for name in names)),
    )


def one_sided(
    runs: Sequence[RunRecord],
    scenario: Scenario,
    inputs: Inputs,
    device: RunRecord | None,
    candidates: Sequence[Option],
    gates: Sequence[Gate],
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
    known = f"The device takes {phrases.energy(energy)} per inference{'' if complete else ', its idle power not counted'}"
    out = ruled_out(gates, Side.CLOUD)
    answer = (
        verdict.only_side(model_name(runs), Side.DEVICE, out, known)
        if out and not ruled_out(gates, Side.DEVICE)
        else verdict.missing(model_name(runs), f"{left_out.why}. {known}", left_out.step, left_out.commands)
    )
    return Outcome(
        verdict=answer,
        sides={Side.DEVICE: found},
        slots=tuple(entries(Side.DEVICE, point, all_draws, inputs, use, quality)),
        evidence=tuple(dict.fromkeys(item.evidence for item in used)),
    )


def _influences(view: Convention, inputs: Inputs, drawn: Drawn, use: Usage) -> tuple[Influence, ...]:
    """Return what explains the spread of the difference between both sides, largest first; one line per thing that can be measured."""
    device, cloud = device_slots(view, drawn, use), cloud_slots(view, drawn, use)
    shares = influences(drawn, total(cloud) / total(device), (*inputs_of(device), *inputs_of(cloud)))
    groups: dict[str, Influence] = {}
    for name, share in shares.items():
        if inputs[name].group not in groups and share >= 0.01:
            groups[inputs[name].group] = Influence(input=name_of(name), share=share, shrink=inputs[name].shrink)
    return tuple(groups.values())


def _inside(view: Convention, inputs: Inputs, x: Drawn, drawn: Drawn, use: Usage, quality: Quality) -> Quantity:
    """Return what one inference takes inside the data centre: all that another region's grid would be charged with."""
    way = ("network", "radio")
    point, many = (
        {slot: amount for slot, amount in cloud_slots(view, values, use).items() if slot.value not in way} for values in (x, drawn)
    )
    names = [inputs[name] for name in inputs_of(point)]
    return summarise(total(point), total(many), unit="J", boundary=use.cloud_at, inputs=names, quality=quality)


def _grid(scenario: Scenario, chance: Quantity) -> str:
    return scenario.grid_view if isinstance(chance, Estimate) else ""


def _disturbed(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return the runs behind the verdict that something outside the model got into: "RUN (throttled)"."""
    found = []
    for run in runs:
        flaws = [FLAWS[note.code] for note in (run.analysis.notes if run.analysis is not None else ()) if note.code in FLAWS]
        if flaws:
            found.append(f"{run.id} ({', '.join(flaws)})")
    return tuple(found)


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
    return verdict.own_view_missing(views, model_name(runs), gap, name_of(name), _why_unknown(run, name), commands)


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
