"""Decide: from runs, a scenario and constants to a Decision. Pure: same input, same bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgekit.core.decision import Constant, Decision, Scenario, Side, Slot, SlotEntry
from edgekit.core.quantity import Estimate
from edgekit.core.run import RunRecord, TrainingRecord
from edgekit.decision.accounts import Books, accounts, making_of
from edgekit.decision.assumptions import assumptions, used_constants
from edgekit.decision.choose import options, require_one_family, service_rate, side_of
from edgekit.decision.commands import Surroundings, model_name
from edgekit.decision.constants import aged
from edgekit.decision.gates import gates
from edgekit.decision.gather import inputs_from, usage
from edgekit.decision.montecarlo import DRAWS, SEED
from edgekit.decision.outcome import one_sided, two_sided
from edgekit.decision.overrides import with_overrides
from edgekit.decision.remarks import remarks
from edgekit.decision.slots import manufacturing, not_included, retraining_slot, training_slot
from edgekit.decision.standing import noise_notes, with_standing
from edgekit.decision.totals import totals
from edgekit.decision.weigh import Weighed


def decide(
    runs: Sequence[RunRecord],
    scenario: Scenario,
    constants: Mapping[str, Constant],
    *,
    training: TrainingRecord | None = None,
    cloud_ids: frozenset[str] = frozenset(),
    around: Surroundings | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Decision:
    """Return the decision over `runs` of one model family; `cloud_ids` names runs that are the cloud side whatever their device is.

    `around` is what the commands of the verdict need to know beyond the records.

    Raises:
        UsageError: the runs are of different model families.
    """
    around = around or Surroundings()
    constants = aged(with_overrides(constants, scenario), max((run.created[:10] for run in runs), default=None))
    require_one_family(runs, around.folders)
    sides = {run.id: Side.CLOUD if run.id in cloud_ids else side_of(run) for run in runs}
    device_options, device = options([run for run in runs if sides[run.id] is Side.DEVICE], Side.DEVICE, scenario)
    cloud_options, cloud = options([run for run in runs if sides[run.id] is Side.CLOUD], Side.CLOUD, scenario)
    candidates = (*with_standing(device_options, runs, device), *with_standing(cloud_options, runs, cloud))
    inputs = inputs_from(scenario, constants, device, cloud)
    passed = gates(scenario, device, cloud)
    if device is not None and cloud is not None:
        outcome = two_sided(runs, scenario, constants, inputs, device, cloud, passed, around, draws=draws, seed=seed)
    else:
        outcome = one_sided(runs, scenario, inputs, device, candidates, passed, around, draws=draws, seed=seed)
    weighed = outcome.weighed or Weighed(axis_flips={})
    books = Books(
        scenario=scenario,
        constants=constants,
        use=usage(scenario, device, cloud) if device is not None else None,
        slots=outcome.slots,
        device=device,
        cloud=cloud,
        gpu_s_paid=_gpu_s_paid(scenario, constants, cloud),
    )
    kept = accounts(books, outcome.sides)
    retraining = retraining_slot(scenario)
    slots = (
        *outcome.slots,
        *(manufacturing(side, making_of(side, books)) for side in (Side.DEVICE, Side.CLOUD)),
        training_slot(training, scenario),
        *((retraining,) if retraining is not None else ()),
        *not_included(
            {side: _counted(outcome.slots, side) for side in (Side.DEVICE, Side.CLOUD)},
            scenario,
            device_known=device is not None,
            cloud_known=cloud is not None,
        ),
    )
    return Decision(
        model=model_name(runs),
        family=runs[0].artifact.family,
        scenario=scenario,
        verdict=outcome.verdict,
        options=candidates,
        slots=slots,
        views=outcome.views,
        flips=outcome.flips,
        totals=totals(scenario, kept),
        influences=outcome.influences,
        assumptions=assumptions(scenario, constants, device),
        constants=used_constants(constants, (*outcome.evidence, *(name for entry in slots for name in entry.evidence)), scenario),
        evidence=outcome.evidence,
        draws=draws,
        seed=seed,
        notes=(*remarks(runs, scenario, device, cloud, training), *noise_notes(candidates)),
        accounts=kept,
        gates=passed,
        tornado=weighed.tornado,
        worth=weighed.worth,
        advice=weighed.advice,
        alternatives=weighed.alternatives,
        curves=weighed.curves,
        criteria=weighed.criteria,
    )


def _counted(slots: Sequence[SlotEntry], side: Side) -> frozenset[Slot]:
    return frozenset(entry.slot for entry in slots if entry.side is side)


def _gpu_s_paid(scenario: Scenario, constants: Mapping[str, Constant], cloud: RunRecord | None) -> Estimate | None:
    """Return the GPU seconds one inference pays for: its own on a shared GPU, its share of all time on reserved ones."""
    time = cloud.analysis.time_s_per_inference if cloud is not None and cloud.analysis is not None else None
    if cloud is None or not isinstance(time, Estimate) or time.value <= 0:
        return None
    if scenario.cloud_shape == "shared":
        return time
    if scenario.cloud_shape == "serverless":
        cold_s = (scenario.cold_share or 0.0) * (scenario.cold_start_s or 0.0)
        return replace(time, value=time.value + cold_s, low=time.low + cold_s, high=time.high + cold_s, budget=())
    if scenario.cloud_shape == "autoscaled":
        busy = scenario.cloud_utilisation or constants["cloud_pool_utilisation"].value
        return replace(time, value=time.value / busy, low=time.low / busy, high=time.high / busy, budget=())
    rate = service_rate(cloud, scenario)
    value, low, high = (max(1, math.ceil(rate * seconds)) / rate for seconds in (time.value, time.low, time.high))
    return replace(time, value=value, low=low, high=high, budget=())
