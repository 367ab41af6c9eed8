"""Compare two runs: ratios with their intervals, where the two can be compared at all."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Quality, Quantity, Unknown, merge_origins, worst
from edgekit.core.run import RunRecord, RunStatus
from edgekit.decision.comparison.paired import paired_term
from edgekit.decision.numerals import factor
from edgekit.decision.sides.choose import accuracy_of, energy_of, is_other_model
from edgekit.energy.conduct.validity import FLAWS
from edgekit.energy.uncertainty.budget import combine


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Hold how one run stands against the baseline: `energy` and `speed` are baseline over this run, so more than 1 is better.

    `energy_words` and `speed_words` say the same in a few words; `accuracy` is this run less the baseline; `flaws` are what lessens
    the worth of the run's figures; `batch` is how many inputs one invocation took.
    """

    run: str
    baseline: str
    artifact: str
    batch: int
    energy_j: Quantity
    time_s: Quantity
    energy: Quantity
    energy_words: str
    speed: Quantity
    speed_words: str
    accuracy: Quantity
    cancelled: tuple[str, ...]
    flaws: tuple[str, ...]
    notes: tuple[Note, ...]


def compare(run: RunRecord, baseline: RunRecord) -> Comparison:
    """Return the comparison of two runs of one model family."""
    energy, cancelled = energy_ratio(run, baseline)
    speed = speed_ratio(run, baseline)
    time = run.analysis.time_s_per_inference if run.analysis is not None else Unknown(reason="the run was not analysed", unit="s")
    return Comparison(
        run=run.id,
        baseline=baseline.id,
        artifact=run.artifact.path,
        batch=run.plan.batch,
        energy_j=energy_of(run),
        time_s=time,
        energy=energy,
        energy_words=words(energy, less="less energy", more="more energy", of="energy"),
        speed=speed,
        speed_words=words(speed, less="faster", more="slower", of="time"),
        accuracy=accuracy_difference(run, baseline),
        cancelled=cancelled,
        flaws=flaws(run),
        notes=_notes(run, baseline),
    )


def energy_ratio(run: RunRecord, baseline: RunRecord) -> tuple[Quantity, tuple[str, ...]]:
    """Return joules of the baseline over joules of the run, and the names of the terms that cancelled.

    A gain error of an instrument that read both runs multiplies both figures alike, so it cancels; so does what drifts slowly where windows
    of the two took turns; everything else adds in squares.
    """
    ours, theirs = energy_of(run), energy_of(baseline)
    for quantity, name in ((ours, run.id), (theirs, baseline.id)):
        if isinstance(quantity, Unknown):
            return Unknown(reason=f"the energy of {name} is unknown: {quantity.reason}", unit="1"), ()
    assert isinstance(ours, Estimate)
    assert isinstance(theirs, Estimate)
    if ours.boundary != theirs.boundary:
        return Unknown(reason=f"not comparable: {ours.boundary} vs {theirs.boundary}", unit="1"), ()
    if (mixed := _mixed(run, baseline)) is not None:
        return mixed, ()
    if ours.value <= 0 or theirs.value <= 0:
        return Unknown(reason="not comparable: an energy that is not above zero has no ratio", unit="1"), ()
    shared = _shared_gains(ours, theirs)
    ratio = theirs.value / ours.value
    terms = [*_relative(ours, "this run", shared, ratio), *_relative(theirs, "baseline", shared, ratio)]
    if (pairs := paired_term(run, baseline, ratio)) is not None:
        terms = [pairs, *(term for term in terms if not term.name.startswith("repeatability ("))]
    counts = [quantity.n for quantity in (ours, theirs) if quantity.n is not None]
    combined = combine(
        ratio,
        unit="1",
        boundary=None,
        origins=merge_origins(ours.origins, theirs.origins),
        terms=terms,
        n=min(counts) if counts else None,
        quality=worst(ours.quality, theirs.quality),
    )
    return _bounded(_in_logs(combined), ours, theirs), tuple(sorted(shared))


def _mixed(run: RunRecord, baseline: RunRecord) -> Unknown | None:
    """Return why two runs whose inferences consist of different work do not compare; None where it is the same."""
    if run.unit_of_work == baseline.unit_of_work:
        return None
    return Unknown(reason=f"not comparable: one inference is {run.unit_of_work!r} vs {baseline.unit_of_work!r}", unit="1")


def speed_ratio(run: RunRecord, baseline: RunRecord) -> Quantity:
    """Return seconds of the baseline over seconds of the run; the interval spans what their windows spanned."""
    times = [item.analysis.time_s_per_inference if item.analysis is not None else None for item in (run, baseline)]
    ours, theirs = times
    if (mixed := _mixed(run, baseline)) is not None:
        return mixed
    if not isinstance(ours, Estimate) or not isinstance(theirs, Estimate) or ours.low <= 0:
        return Unknown(reason="a run does not say how long one inference takes", unit="1")
    return Estimate(
        value=theirs.value / ours.value,
        low=theirs.low / ours.high,
        high=theirs.high / ours.low,
        level=1.0,  # all that was seen, not a 95 % interval
        unit="1",
        origins=merge_origins(ours.origins, theirs.origins),
    )


def accuracy_difference(run: RunRecord, baseline: RunRecord) -> Quantity:
    """Return accuracy of the run less that of the baseline; Unknown when their weights differ."""
    if "unseen" in (run.artifact.status, baseline.artifact.status):
        return Unknown(reason="not comparable: the weights of a published measurement are unknown", unit="1")
    if run.artifact.source.weights_sha256 != baseline.artifact.source.weights_sha256:
        return Unknown(reason="not comparable: different weights", unit="1")
    ours, theirs = accuracy_of(run), accuracy_of(baseline)
    if not isinstance(ours, Estimate):
        return Unknown(reason=ours.reason, unit="1")
    if not isinstance(theirs, Estimate):
        return Unknown(reason=f"baseline: {theirs.reason}", unit="1")
    difference = ours.value - theirs.value
    half = math.hypot((ours.high - ours.low) / 2, (theirs.high - theirs.low) / 2)
    return Estimate(
        value=difference,
        low=difference - half,
        high=difference + half,
        unit="1",
        origins=merge_origins(ours.origins, theirs.origins),
    )


def flaws(run: RunRecord) -> tuple[str, ...]:
    """Return what lessens the worth of a run's figures, in a few words each."""
    state = {"failed": "artifact failed its gate", "unverified": "artifact not verified", "unseen": "model file not published"}.get(
        run.artifact.status
    )
    foreign = "other results than the artifact" if is_other_model(run) else None
    found = (state, foreign, run.status.value if run.status is not RunStatus.COMPLETE else None, "quick" if run.plan.quick else None)
    disturbed = (FLAWS.get(note.code) for note in (run.analysis.notes if run.analysis is not None else ()))
    return tuple(item for item in (*found, *disturbed) if item is not None)


def words(ratio: Quantity, *, less: str, more: str, of: str) -> str:
    """Return a ratio (baseline over run) in words: "2.1x (1.9 to 2.3) less energy", or why there is none.

    Within noise there is no better or worse, so the interval is stated the other way round: "0.9x to 1.2x of the baseline's energy".
    """
    if isinstance(ratio, Unknown):
        return ratio.reason
    told = " (emulated)" if Origin.EMULATED in ratio.origins else ""
    if ratio.low <= 1 <= ratio.high:
        if ratio.high == ratio.low:
            return f"equal{told}"
        return f"within noise: {1 / ratio.high:.2f}x to {1 / ratio.low:.2f}x of the baseline's {of}{told}"
    value, low, high = (ratio.value, ratio.low, ratio.high) if ratio.value > 1 else (1 / ratio.value, 1 / ratio.high, 1 / ratio.low)
    shown, between = factor(value, low, high)
    span = f", {ratio.span_words}" if ratio.span_words else ""
    inside = f" ({between}{span})" if high > low else ""
    return f"{shown}x{inside} {less if ratio.value > 1 else more}{told}"


def _shared_gains(ours: Estimate, theirs: Estimate) -> frozenset[str]:
    tags = [{term.instrument for term in quantity.budget if _is_gain(term)} for quantity in (ours, theirs)]
    return frozenset(tag for tag in tags[0] & tags[1] if tag is not None)


def _is_gain(term: BudgetTerm) -> bool:
    return term.instrument is not None and term.name.startswith("gain")


def _relative(quantity: Estimate, owner: str, shared: frozenset[str], ratio: float) -> list[BudgetTerm]:
    """Return the terms of one run as terms of the ratio, without those that cancel; a run without a budget lends its interval."""
    if not quantity.budget:
        half = max(quantity.high - quantity.value, quantity.value - quantity.low)
        return [BudgetTerm(name=f"interval ({owner})", kind="B", u=half / 2 / quantity.value * ratio)]
    return [
        replace(term, name=f"{term.name} ({owner})", u=None if term.u is None else term.u / quantity.value * ratio)
        for term in quantity.budget
        if not (_is_gain(term) and term.instrument in shared)
    ]


def _in_logs(ratio: Estimate) -> Estimate:
    """Keep a ratio above zero: a wide symmetric interval is stated symmetric in logarithms instead."""
    if ratio.low > 0:
        return ratio
    factor = ratio.high / ratio.value
    return replace(ratio, low=ratio.value / factor)


def _bounded(ratio: Estimate, ours: Estimate, theirs: Estimate) -> Quantity:
    """Return a ratio of which a side is unmeasurable with all that the two intervals allow: no budget says how likely what is in it."""
    if ratio.quality is not Quality.UNMEASURABLE:
        return ratio
    if ours.low <= 0 or theirs.low <= 0:
        return Unknown(reason="not comparable: an energy is unmeasurable, and its interval reaches zero", unit="1")
    return replace(ratio, low=min(ratio.low, theirs.low / ours.high), high=max(ratio.high, theirs.high / ours.low))


def _flawed(run: RunRecord) -> Note:
    return Note(code="run.flaws", text=f"{run.id}: {', '.join(flaws(run))}")


def _notes(run: RunRecord, baseline: RunRecord) -> tuple[Note, ...]:
    found = [_flawed(run)] if flaws(run) else []
    pair = (energy_of(run), energy_of(baseline))
    ours, theirs = (", ".join(quantity.origins) for quantity in pair)
    if ours and theirs and ours != theirs:
        found.append(Note(code="origin.mixed", text=f"{run.id} against {baseline.id}: {ours} energy against {theirs} energy"))
    seen = "unseen" not in (run.artifact.status, baseline.artifact.status)
    if seen and run.artifact.source.weights_sha256 != baseline.artifact.source.weights_sha256:
        found.append(Note(code="weights.differ", text=f"{run.id} against {baseline.id}: different weights, so accuracy does not compare"))
    if run.plan.batch != baseline.plan.batch:
        text = f"{run.id} against {baseline.id}: batch {run.plan.batch} against batch {baseline.plan.batch}"
        found.append(Note(code="batch.differ", text=text))
    here, there = (item.facts_before.precision for item in (run, baseline))
    if here != there and here is not None and there is not None:
        text = f"{run.id} against {baseline.id}: a GPU computed in {here} against {there}"
        found.append(Note(code="precision.differ", text=text))
    return tuple(found)
