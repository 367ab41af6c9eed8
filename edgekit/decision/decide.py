"""Decide: from runs, a scenario and constants to a Decision. Pure: same input, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.core.decision import Constant, Decision, Side, Slot, SlotEntry
from edgekit.core.run import RunRecord, TrainingRecord
from edgekit.core.scenario import Scenario
from edgekit.decision.accounts.accounts import Books, accounts, making_of
from edgekit.decision.accounts.slots import manufacturing, not_included, retraining_slot, training_slot
from edgekit.decision.accounts.totals import totals
from edgekit.decision.assumptions import assumptions, used_constants
from edgekit.decision.constants.overrides import with_overrides
from edgekit.decision.constants.pack import aged
from edgekit.decision.draws.gather import inputs_from, usage
from edgekit.decision.draws.montecarlo import DRAWS, SEED
from edgekit.decision.remarks import remarks
from edgekit.decision.sides.choose import options, require_one_family, side_of
from edgekit.decision.sides.commands import Surroundings, model_name
from edgekit.decision.sides.gates import gates
from edgekit.decision.sides.standing import noise_notes, with_standing
from edgekit.decision.verdict.outcome import one_sided, two_sided
from edgekit.decision.verdict.weigh import Weighed


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
    use = usage(scenario, device, cloud) if device is not None and cloud is not None else None
    making = {side: making_of(side, scenario, constants, use, draws=draws, seed=seed) for side in (Side.DEVICE, Side.CLOUD)}
    books = Books(
        scenario=scenario,
        constants=constants,
        device=device,
        cloud=cloud,
        making=making,
        ledger=outcome.ledger,
        view=outcome.view,
    )
    kept = accounts(books, outcome.sides)
    retraining = retraining_slot(scenario)
    slots = (
        *outcome.slots,
        *(manufacturing(side, made) for side, made in making.items()),
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
        notes=(*remarks(runs, scenario, device, cloud, training), *outcome.notes, *noise_notes(candidates)),
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
