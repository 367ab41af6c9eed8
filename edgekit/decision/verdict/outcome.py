"""Work out what a pair of runs, or a single one, means: slots of the primary view, all views, flips and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgekit.core.decision import Constant, Flip, Influence, Option, Side, SlotEntry, Verdict, View
from edgekit.core.quantity import Estimate, Note, Origin, Quality, Quantity, Unknown, worst
from edgekit.core.run import RunRecord
from edgekit.core.scenario import Scenario
from edgekit.core.weighing import Gate
from edgekit.decision.accounts.energy import ON_THE_WAY, Convention, NotComputable, Usage, cloud_slots, conventions, device_slots, way
from edgekit.decision.accounts.ledger import Ledger
from edgekit.decision.accounts.slots import entries
from edgekit.decision.accounts.work import same_work, work_notes
from edgekit.decision.draws.gather import unseen, usage
from edgekit.decision.draws.montecarlo import Inputs, central, draw, influences, summarise
from edgekit.decision.draws.role import unstated_role
from edgekit.decision.draws.views import judge
from edgekit.decision.draws.words import name_of
from edgekit.decision.sides.choose import energy_of, headline_channel
from edgekit.decision.sides.commands import (
    Commands,
    Surroundings,
    better_device,
    measure_idle,
    model_cloud,
    model_name,
    record_cloud,
    record_device,
)
from edgekit.decision.sides.gates import ruled_out
from edgekit.decision.sides.refused import without
from edgekit.decision.verdict import answer as verdict
from edgekit.decision.verdict import phrases
from edgekit.decision.verdict.alternatives import Pair
from edgekit.decision.verdict.coverage import declared_gap
from edgekit.decision.verdict.regime import regime_of
from edgekit.decision.verdict.weigh import Weighed, weigh
from edgekit.energy.conduct.validity import FLAWS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Drawn = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hold what the arithmetic gives; `sides` are joules per inference at the grid in the primary view.

    `ledger` holds the draws behind them, `view` is the one that is shown; both are None where nothing was computed.
    """

    verdict: Verdict
    sides: Mapping[Side, Quantity]
    slots: tuple[SlotEntry, ...] = ()
    views: tuple[View, ...] = ()
    flips: tuple[Flip, ...] = ()
    influences: tuple[Influence, ...] = ()
    evidence: tuple[str, ...] = ()
    weighed: Weighed | None = None
    ledger: Ledger | None = None
    view: Convention | None = None
    notes: tuple[Note, ...] = ()


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
    ledger = Ledger(inputs=inputs, x=x, drawn=drawn, use=use, quality=quality)
    known = list(conventions(scenario))
    views = tuple(judge(view, ledger, primary=view is known[0]) for view in known)
    usable = [pair for pair in zip(known, views, strict=True) if isinstance(pair[1].p_edge, Estimate)]
    gap = declared_gap(views)
    unanswered = _unanswered(gap, known[views.index(gap)], views, runs, device, cloud, x, use, around) if gap is not None else None
    if not usable:
        assert unanswered is not None, "without any view, the scenario's own is missing too"
        return Outcome(verdict=unanswered, sides={}, views=views)
    primary, shown = usable[0]
    spread = _influences(primary, ledger)
    pair = Pair(view=primary, scenario=scenario, inputs=inputs, x=x, drawn=drawn, use=use, device=device, cloud=cloud, quality=quality)
    weighed = weigh(pair, known, runs, constants, around, ledger, _inside(primary, ledger), draws=draws, seed=seed)
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
        criteria=weighed.criteria,
        disturbed=_disturbed((device, cloud)),
        worth=weighed.worth,
        commands=(*better_device(device), *_better_cloud(runs, cloud, around)),
    )
    counted = (
        *entries(Side.DEVICE, ledger.device(primary), use, quality),
        *entries(Side.CLOUD, ledger.cloud(primary), use, quality),
    )
    answer = verdict.judge(evidence) if unanswered is None or any(gate.passed is False for gate in gates) else unanswered
    used = [item for view, _ in usable for page in (ledger.device(view), ledger.cloud(view)) for item in page.inputs]
    return Outcome(
        verdict=same_work(device, cloud, answer, model_name(runs), record_cloud(runs, around)),
        sides={
            Side.DEVICE: shown.edge_j if shown.device == known[0].device else _without_idle(shown.edge_j),
            Side.CLOUD: shown.cloud_j if shown.cloud == known[0].cloud else _without_idle(shown.cloud_j),
        },
        slots=counted,
        views=views,
        flips=weighed.flips,
        influences=spread,
        weighed=weighed,
        evidence=tuple(dict.fromkeys(item.evidence for item in used)),
        ledger=ledger,
        view=primary,
        notes=(*work_notes(device, cloud), *unstated_role(primary, ledger, scenario)),
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
    use, quality = usage(scenario, device, None), _quality((device,), scenario)
    drawn = draw(inputs, draws=draws, seed=seed)
    ledger = Ledger(inputs=inputs, x=central(inputs), drawn=drawn, use=use, quality=quality)
    view = next(view for view in conventions(scenario) if view.device == "gross" or "device_idle_w" in inputs)
    complete = view.device == next(conventions(scenario)).device
    page = ledger.device(view)
    energy = page.energy_j
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
        slots=tuple(entries(Side.DEVICE, page, use, quality)),
        evidence=tuple(dict.fromkeys(item.evidence for item in page.inputs)),
        ledger=ledger,
        view=view,
    )


def _influences(view: Convention, ledger: Ledger) -> tuple[Influence, ...]:
    """Return what explains the spread of the comparison, largest first; one line per thing that can be measured."""
    device, cloud = ledger.device(view), ledger.cloud(view)
    sure = float(device.drawn_j.min()) > 0  # else a ratio means nothing: it changes its sign
    outcome = cloud.drawn_j / device.drawn_j if sure else cloud.drawn_j - device.drawn_j
    names = dict.fromkeys(item.name for item in (*device.inputs, *cloud.inputs))
    groups: dict[str, Influence] = {}
    for name, share in influences(ledger.drawn, outcome, names).items():
        item = ledger.inputs[name]
        if item.group not in groups and share >= 0.01:
            groups[item.group] = Influence(input=name_of(name), share=share, shrink=item.shrink)
    return tuple(groups.values())


def _inside(view: Convention, ledger: Ledger) -> Quantity:
    """Return what one inference takes inside the data centre: all that another region's grid would be charged with."""
    page = ledger.cloud(view)
    names = dict.fromkeys(name for slot, amount in page.stated.items() if slot not in ON_THE_WAY for name in amount.inputs)
    used = [ledger.inputs[name] for name in names]
    stated, drawn = page.stated_j - way(page.stated), page.drawn_j - way(page.drawn)
    return summarise(stated, drawn, unit="J", boundary=ledger.use.cloud_at, inputs=used, quality=ledger.quality)


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
