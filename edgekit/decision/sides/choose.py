"""Choose one run per side: the lowest energy per inference among verified artifacts that meet the scenario, all at one boundary."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgekit.core.boundary import WIDEST_FIRST, Boundary
from edgekit.core.decision import Option, Side
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Estimate, Quality, Quantity, Unknown, trust
from edgekit.core.run import ChannelAnalysis, RunRecord
from edgekit.core.scenario import Scenario
from edgekit.core.units import format_scaled
from edgekit.decision.cloud.batching import fills, largest_batch
from edgekit.decision.numerals import rate


@dataclass(frozen=True, slots=True)
class Refusal:
    """Say why a run is left out: the kind of reason, and the reason itself."""

    cause: str
    text: str


def side_of(run: RunRecord) -> Side:
    """Return the side a run speaks for: a GPU server is the cloud, everything else is a device."""
    if run.device.kind == "cuda" or energy_of(run).boundary in (Boundary.GPU_BOARD, Boundary.GPU_MODULE):
        return Side.CLOUD
    return Side.DEVICE


def energy_of(run: RunRecord) -> Quantity:
    """Return the headline joules per inference, Unknown when the run was never analysed."""
    if run.analysis is None:
        return Unknown(reason="the run was not analysed", unit="J")
    return run.analysis.energy_j_per_inference


def headline_channel(run: RunRecord) -> ChannelAnalysis | None:
    """Return the channel behind the headline."""
    channels = run.analysis.channels if run.analysis is not None else ()
    return next((item for item in channels if run.analysis is not None and item.channel == run.analysis.channel), None)


def seconds_of(run: RunRecord) -> float:
    """Return the seconds one inference takes; 0 when the run does not say."""
    time = run.analysis.time_s_per_inference if run.analysis is not None else None
    return time.value if isinstance(time, Estimate) else 0.0


def invocation_of(run: RunRecord) -> float:
    """Return the seconds that one invocation of a whole batch takes: its p99, else its mean."""
    p99 = run.analysis.latency_p99_s if run.analysis is not None else None
    return p99.high if isinstance(p99, Estimate) else run.plan.batch * seconds_of(run)


def accuracy_of(run: RunRecord) -> Quantity:
    """Return the accuracy of the artifact on its test data."""
    proof, computed = run.artifact.verification, run.facts_before.precision
    if computed in ("tf32", "fp16") and run.artifact.recipe != computed:
        return Unknown(reason=f"computed in {computed}: the artifact was verified in its own precision", unit="1")
    if proof is None or proof.accuracy is None:
        return Unknown(reason="the artifact was not verified on labelled data", unit="1")
    if is_other_model(run):
        return Unknown(reason="the board gave other results than the artifact: another model may be flashed", unit="1")
    return proof.accuracy


def is_other_model(run: RunRecord) -> bool:
    """Return whether what ran gave other results than the artifact that the run names: a board runs what was flashed."""
    return any(note.code == "board.disagrees" for note in run.notes)


def require_one_family(runs: Sequence[RunRecord], folders: Mapping[str, str] | None = None) -> None:
    """Raise UsageError when the runs are of different networks: their joules do not answer one question.

    `folders` are the folders of the runs by id, for the command that shows the difference.
    """
    first = runs[0]
    for run in runs[1:]:
        if run.artifact.family != first.artifact.family:
            raise UsageError(
                f"runs {first.id} and {run.id} are of different models",
                code="runs.family",
                why=f"family {first.artifact.family} ({first.artifact.path}) against {run.artifact.family} ({run.artifact.path})",
                do=[("choose runs of one model family; each run names its own:", _families(runs, folders or {}))],
                data={"families": [first.artifact.family, run.artifact.family]},
            )


def _families(runs: Sequence[RunRecord], folders: Mapping[str, str]) -> str:
    paths = (shlex.quote(f"{folders.get(run.id, f'runs/{run.id}')}/run.json") for run in runs)
    return f"grep -m1 '\"family\"' {' '.join(paths)}"


def options(runs: Sequence[RunRecord], side: Side, scenario: Scenario) -> tuple[tuple[Option, ...], RunRecord | None]:
    """Return every run of one side as an option, cheapest first, and the chosen one (None when none is eligible)."""
    refused = {run.id: _refusal(run, side, scenario) for run in runs}
    fit = [run for run in runs if refused[run.id] is None]
    # A measurement outranks an estimate: the lowest figure must not win because it came from the weakest source.
    best = min(fit, key=_trust, default=None)
    for run in [run for run in fit if best is not None and _trust(run) != _trust(best)]:
        refused[run.id] = Refusal("weaker origin", f"{_origin(run)}, while other runs of this side are {_origin(best)}")
        fit.remove(run)
    # What a meter may not have seen must not make a run the cheapest one.
    unmeasurable = [run for run in fit if energy_of(run).quality is Quality.UNMEASURABLE]
    for run in unmeasurable if len(unmeasurable) < len(fit) else ():
        refused[run.id] = Refusal("unmeasurable", "unmeasurable: the truth may be far from its figure")
        fit.remove(run)
    widest = min((_rank(run) for run in fit), default=0)
    for run in [run for run in fit if _rank(run) != widest]:
        refused[run.id] = Refusal("boundary", f"metered at {energy_of(run).boundary}, others at {WIDEST_FIRST[widest]}: not comparable")
        fit.remove(run)
    chosen = min(fit, key=lambda run: (energy_of(run).value or 0.0, run.id), default=None)
    ordered = sorted(runs, key=lambda run: (refused[run.id] is not None, energy_of(run).value or 0.0, run.id))
    return tuple(_option(run, side, refused[run.id], chosen=run is chosen) for run in ordered), chosen


def _option(run: RunRecord, side: Side, refusal: Refusal | None, *, chosen: bool) -> Option:
    return Option(
        run=run.id,
        side=side,
        artifact=run.artifact.path,
        recipe=run.artifact.recipe,
        batch=run.plan.batch,
        energy_j=energy_of(run),
        chosen=chosen,
        eligible=refusal is None,
        reason=refusal.text if refusal is not None else "lowest energy of this side" if chosen else "takes more energy than the chosen one",
        cause=refusal.cause if refusal is not None else "",
    )


def _trust(run: RunRecord) -> int:
    return trust(energy_of(run).origins)


def _origin(run: RunRecord | None) -> str:
    origins = energy_of(run).origins if run is not None else ()
    return max(origins, key=lambda origin: trust((origin,)), default="of no stated origin")


def _rank(run: RunRecord) -> int:
    boundary = energy_of(run).boundary
    return WIDEST_FIRST.index(boundary) if boundary is not None else len(WIDEST_FIRST) - 1


def _refusal(run: RunRecord, side: Side, scenario: Scenario) -> Refusal | None:
    energy = energy_of(run)
    if run.plan.rate_hz is not None:
        text = f"measured at {run.plan.rate_hz:g}/s: its joules hold the idle in between, which the scenario's own rate adds"
        return Refusal("at a rate", text)
    if isinstance(energy, Unknown):
        return Refusal("energy unknown", f"energy unknown: {energy.reason}")
    if run.artifact.status != "verified":
        unseen = "its model file was not published, so that nothing of it is verified"
        return Refusal(
            f"artifact {run.artifact.status}", {"unseen": unseen}.get(run.artifact.status, f"its artifact is {run.artifact.status}")
        )
    return (
        _misses_floor(run, scenario) or _too_slow(run, side, scenario) or (_infeasible_batch(run, scenario) if side is Side.CLOUD else None)
    )


def _misses_floor(run: RunRecord, scenario: Scenario) -> Refusal | None:
    if scenario.accuracy_floor is None:
        return None
    accuracy = accuracy_of(run)
    if isinstance(accuracy, Unknown):
        return Refusal("accuracy unknown", f"accuracy unknown: {accuracy.reason}")
    if accuracy.value < scenario.accuracy_floor:
        text = f"accuracy {100 * accuracy.value:.1f} % is below the floor of {100 * scenario.accuracy_floor:.1f} %"
        return Refusal("below accuracy_floor", text)
    return None


def _too_slow(run: RunRecord, side: Side, scenario: Scenario) -> Refusal | None:
    seconds = seconds_of(run)
    if side is Side.DEVICE and seconds * scenario.rate_per_s > 1:
        return Refusal("too slow", f"needs {format_scaled(seconds, 's')} per inference, too long for {rate(scenario.rate_per_s)}")
    p99 = run.analysis.latency_p99_s if run.analysis is not None else None
    if scenario.latency_limit_s is not None and isinstance(p99, Estimate) and p99.value > scenario.latency_limit_s:
        text = f"p99 latency {format_scaled(p99.value, 's')} is above the limit of {format_scaled(scenario.latency_limit_s, 's')}"
        return Refusal("above latency_limit", text)
    return None


def service_rate(run: RunRecord, scenario: Scenario) -> float:
    """Return the requests per second of a dedicated cloud service: as stated, from the utilisation, or of the fleet."""
    if scenario.cloud_request_rate_per_s is not None:
        return scenario.cloud_request_rate_per_s
    if scenario.cloud_utilisation is not None and seconds_of(run) > 0:
        return scenario.cloud_utilisation / seconds_of(run)
    return scenario.rate_per_s * scenario.fleet


def _infeasible_batch(run: RunRecord, scenario: Scenario) -> Refusal | None:
    """Refuse batches that arrivals cannot fill in time for the first of them."""
    batch = run.plan.batch
    if scenario.cloud_batch is not None:
        return None if batch == scenario.cloud_batch else Refusal("batch", f"batch {batch}, the scenario says {scenario.cloud_batch}")
    if batch == 1:
        return None
    if scenario.latency_limit_s is None:
        return Refusal("batch", f"batch {batch} needs a latency_limit in the scenario to show that requests may wait for one another")
    per_s, invocation_s = service_rate(run, scenario), invocation_of(run)
    if fills(batch, per_s, scenario.latency_limit_s, invocation_s):
        return None
    arrive = largest_batch(per_s, scenario.latency_limit_s, invocation_s)
    return Refusal("batch", f"batch {batch} cannot fill within the latency limit: {arrive:,} requests arrive")
