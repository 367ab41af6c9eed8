"""Collect the remarks that belong to a decision: what limits it and what the reader must not overlook."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.boundary import sees
from edgekit.core.quantity import Estimate, Note, Origin
from edgekit.core.run import RunRecord, RunStatus, TrainingRecord
from edgekit.core.scenario import Scenario
from edgekit.decision.cloud.batching import fills
from edgekit.decision.draws.gather import unseen
from edgekit.decision.numerals import multiple
from edgekit.decision.sides.choose import energy_of, invocation_of, is_other_model, service_rate
from edgekit.energy.conduct.enough import how_quick, measured_s
from edgekit.energy.conduct.validity import FLAWS

_MOST_NAMED = 3


def remarks(
    runs: Sequence[RunRecord], scenario: Scenario, device: RunRecord | None, cloud: RunRecord | None, training: TrainingRecord | None
) -> tuple[Note, ...]:
    """Return the remarks, those that weigh most first."""
    found = [*_imported(runs), *_other_model(runs), *_emulated(runs), *_unfinished(runs), *_disturbed(runs), *_quick(runs)]
    if device is not None:
        found += _lower_bound(device, scenario)
    if device is not None and cloud is not None:
        found += _modeled(cloud)
        found += _weights(device, cloud)
        found += _load(cloud, scenario)
    if scenario.source == "default scenario":
        text = "no scenario was given: the default one is used (one inference per second, a device that exists anyway, a shared cloud)"
        found.append(Note(code="scenario.default", text=text, advice="edgekit report RUN... --scenario FILE"))
    if training is not None and training.family != runs[0].artifact.family:
        text = f"the training record is of another model family ({training.family}); its energy is shown, not used to compare"
        found.append(Note(code="training.family", text=text))
    return tuple(found)


def _named(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are: a banner is read, and the tables list every run."""
    rest = len(names) - _MOST_NAMED
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:_MOST_NAMED])} and {rest} more"


def _imported(runs: Sequence[RunRecord]) -> list[Note]:
    if not any(run.device.kind == "imported" for run in runs):
        return []
    text = (
        "imported runs say what others measured, boards as well as servers: they are shown as published, and not accounted as either side"
    )
    return [Note(code="runs.imported", text=text)]


def _emulated(runs: Sequence[RunRecord]) -> list[Note]:
    names = [run.id for run in runs if Origin.EMULATED in energy_of(run).origins]
    if not names:
        return []
    were = "was" if len(names) == 1 else "were"
    text = f"{len(names)} of {len(runs)} runs {were} emulated: such figures come from a simulation, not from an instrument"
    return [Note(code="origin.emulated", text=text, advice=f"emulated: {_named(names)}")]


def _unfinished(runs: Sequence[RunRecord]) -> list[Note]:
    cut = [run for run in runs if run.status is not RunStatus.COMPLETE]
    if not cut:
        return []
    were = "was" if len(cut) == 1 else "were"
    text = f"{len(cut)} of {len(runs)} runs {were} cut short: their figures rest on the windows that were finished"
    named = _named([f"{run.id} ({run.status})" for run in cut])
    return [Note(code="run.interrupted", text=f"{text}: {named}", advice="repeat them with edgekit bench")]


def _disturbed(runs: Sequence[RunRecord]) -> list[Note]:
    """Return a remark where something outside the model got into a run: its figures hold for that, too."""
    said = {run.id: [FLAWS[note.code] for note in run.analysis.notes if note.code in FLAWS] for run in runs if run.analysis is not None}
    named = [f"{identity} ({', '.join(flaws)})" for identity, flaws in said.items() if flaws]
    if not named:
        return []
    were = "was" if len(named) == 1 else "were"
    text = f"{len(named)} of {len(runs)} runs {were} disturbed, and their figures hold for a disturbed machine: {_named(named)}"
    return [Note(code="run.disturbed", text=text, advice="edgekit doctor --device NAME says what to change; then repeat them")]


def _other_model(runs: Sequence[RunRecord]) -> list[Note]:
    """Return a remark where a board gave other results than the artifact: its joules may be those of another model."""
    named = [run.id for run in runs if is_other_model(run)]
    if not named:
        return []
    text = f"{len(named)} of {len(runs)} runs may be of another model: the board gave other results than the artifact: {_named(named)}"
    return [Note(code="board.disagrees", text=text, advice="flash the firmware that was built from the artifact, then repeat them")]


def _quick(runs: Sequence[RunRecord]) -> list[Note]:
    quick = [run for run in runs if run.plan.quick]
    if not quick:
        return []
    are = "is" if len(quick) == 1 else "are"
    text = f"{len(quick)} of {len(runs)} runs {are} quick: {how_quick(min(quick, key=measured_s))}"
    return [Note(code="plan.quick", text=text, advice="repeat with edgekit bench and its default plan")]


def _lower_bound(device: RunRecord, scenario: Scenario) -> list[Note]:
    missing = unseen(device, scenario.psu_efficiency)
    boundary = energy_of(device).boundary
    if missing is None or boundary is None:
        return []
    part = missing.partition(" (")[0]
    text = (
        f"device figures are lower bounds: metered at {boundary} ({sees(boundary)}), so {part} is not counted; "
        "an interval is that of what was metered"
    )
    advice = "meter the device at its plug, or state device.psu_efficiency where only the charger is missing"
    return [Note(code="boundary.unseen", text=text, advice=advice)]


def _modeled(cloud: RunRecord) -> list[Note]:
    if Origin.MODELED not in energy_of(cloud).origins:
        return []
    text = f"the cloud side is modeled, not measured: {cloud.id} rests on assumptions, and its interval is as wide as they are"
    return [Note(code="cloud.modeled", text=text, advice="record a cloud run to confirm the verdict")]


def _weights(device: RunRecord, cloud: RunRecord) -> list[Note]:
    if device.artifact.source.weights_sha256 == cloud.artifact.source.weights_sha256:
        return []
    text = "both sides run the same network with different weights: energy compares, accuracy does not"
    return [Note(code="weights.differ", text=text)]


def _load(cloud: RunRecord, scenario: Scenario) -> list[Note]:
    time = cloud.analysis.time_s_per_inference if cloud.analysis is not None else None
    if not isinstance(time, Estimate) or scenario.cloud_batch in (None, 1) or scenario.latency_limit_s is None:
        return []
    batch, rate = cloud.plan.batch, service_rate(cloud, scenario)
    if fills(batch, rate, scenario.latency_limit_s, invocation_of(cloud)):
        return []
    text = f"batch {batch} was asked for, but at {multiple(rate, 3)} requests/s it does not fill within the latency limit"
    return [Note(code="batch.infeasible", text=text, advice="leave cloud.batch out to let the arrivals decide")]
