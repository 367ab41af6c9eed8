"""Turn the views into one of four answers: edge (robust), cloud (robust), depends on an axis, or inconclusive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from edgekit.core.decision import Flip, Influence, Side, Verdict, VerdictKind, View
from edgekit.core.scenario import Scenario
from edgekit.core.weighing import Criterion, Gate, Worth
from edgekit.decision.accounts.energy import Convention
from edgekit.decision.draws.axes import AXES, Answer, turning
from edgekit.decision.draws.gather import CHARGER
from edgekit.decision.draws.montecarlo import SURE
from edgekit.decision.numerals import amount, multiple
from edgekit.decision.sides.gates import ruled_out
from edgekit.decision.verdict.coverage import computed, name, robust_in
from edgekit.decision.verdict.phrases import against, central, energy, factor, low_ratio, standing, times_less
from edgekit.decision.verdict.regime import Regime

# A lower bound on the device decides for the device only with this much room: the parts a package meter misses (memory, board,
# power supply) add a few times what it sees under load. Our own judgement; the room itself is always printed.
UNSEEN_ROOM = 10.0
# A charger alone is told apart: one that gives less than half of what it takes would be a bad one even when all but idle.
CHARGER_ROOM = 1.0
RULED_OUT = "ruled out before joules count"
_OWN = ("network", "device", "cloud")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Hold what a verdict is made from. `unseen` says what the device's meter misses; `commands` measure what is missing."""

    model: str
    recipe: str
    scenario: Scenario
    views: tuple[View, ...]
    unseen: str | None
    payload: Flip
    axis_flips: dict[str, Flip]
    influences: tuple[Influence, ...]
    commands: tuple[tuple[str, str], ...]
    gates: tuple[Gate, ...] = ()
    regime: Regime | None = None
    criteria: tuple[Criterion, ...] = ()
    disturbed: tuple[str, ...] = ()
    worth: tuple[Worth, ...] = ()


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict: gates first, then all views that can be computed; the scenario's own is one of them."""
    return _with_remarks(_gated(evidence) or _by_energy(evidence), evidence)


def _gated(evidence: Evidence) -> Verdict | None:
    """Return the verdict where a gate leaves one side or none; None where both pass."""
    out = {side: ruled_out(evidence.gates, side) for side in (Side.DEVICE, Side.CLOUD)}
    if not any(out.values()):
        return None
    primary = _primary(computed(evidence.views))
    if all(out.values()):
        why = "; ".join(f"the {side.value}: {_reasons(failed)}" for side, failed in out.items())
        step = "change the model or the scenario, for neither side can do it"
        return missing(evidence.model, f"neither side can do it ({why})", step, evidence.commands, regime=RULED_OUT)
    side = Side.DEVICE if out[Side.CLOUD] else Side.CLOUD
    partly = "" if primary.primary else f" ({name(primary)}; the scenario's own accounting needs more than is known)"
    figures = f"It takes {energy(primary.edge_j if side is Side.DEVICE else primary.cloud_j)}{partly}"
    if out[Side.CLOUD]:
        figures += f"; the cloud would take {energy(primary.cloud_j)}"
    else:
        figures += f"; the device would take {energy(primary.edge_j)}"
    return only_side(f"{evidence.model} {evidence.recipe}", side, out[Side.CLOUD] or out[Side.DEVICE], figures, standing=standing(primary))


def only_side(model: str, side: Side, failed: Sequence[Gate], figures: str, *, standing: str = "") -> Verdict:
    """Return the verdict for the one side that can do the job, `failed` being what rules the other out and `figures` a sentence."""
    other = "cloud" if side is Side.DEVICE else "device"
    kind = VerdictKind.EDGE if side is Side.DEVICE else VerdictKind.CLOUD
    verb = f"Keep {model} on the device" if side is Side.DEVICE else f"Send {model} to the cloud"
    return Verdict(
        kind=kind,
        headline=f"{kind.value}: the {other} is ruled out by {' and '.join(dict.fromkeys(gate.name for gate in failed))}{standing}",
        sentence=f"{verb}: the {other} is ruled out ({_reasons(failed)}). {figures}.",
        regime=RULED_OUT,
        condition=f"Flips only if this is given up: {_reasons(failed)}.",
    )


def _reasons(failed: Sequence[Gate]) -> str:
    return "; ".join(f"{gate.name}: {gate.why}" for gate in failed)


def _with_remarks(found: Verdict, evidence: Evidence) -> Verdict:
    """Return the verdict with what a reader of its sentence alone must not miss: disturbed runs, and carbon or money that say otherwise."""
    sentence = found.sentence
    if evidence.disturbed:
        sentence += f" It rests on {'a run that was' if len(evidence.disturbed) == 1 else 'runs that were'} disturbed: "
        sentence += f"{', '.join(evidence.disturbed)}; repeat before acting on it."
    other = {VerdictKind.EDGE: "cloud", VerdictKind.CLOUD: "device"}.get(found.kind)
    for criterion in evidence.criteria:
        if other is not None and criterion.answer in (other, "depends"):
            sentence += f" By {criterion.text}."
    return replace(found, sentence=sentence) if sentence != found.sentence else found


def _by_energy(evidence: Evidence) -> Verdict:
    known = computed(evidence.views)
    chances = [view.p_edge.value or 0.0 for view in known]
    if min(chances) >= SURE:
        room = _room(known)
        return _edge(evidence, known) if room >= _room_needed(evidence) else _depends_on_unseen(evidence, known, room)
    if max(chances) <= 1 - SURE:
        return _cloud(evidence, known)
    if max(chances) >= SURE and min(chances) <= 1 - SURE:
        return _depends(evidence, known)
    return _open(evidence, known)


def missing(
    model: str,
    why: str,
    step: str,
    commands: Sequence[tuple[str, str]],
    *,
    regime: str = "one side of the comparison is not known",
) -> Verdict:
    """Return the verdict when something that it needs is not known; `step` gets it, `commands` are (advice, command)."""
    return Verdict(
        kind=VerdictKind.INCONCLUSIVE,
        headline=f"inconclusive: {step}",
        sentence=f"No verdict for {model} yet: {why}.",
        regime=regime,
        condition=f"The next step is to {step}.",
        next_measurement=None,
        commands=tuple(commands),
    )


def own_view_missing(views: Sequence[View], model: str, gap: View, what: str, reason: str, commands: Sequence[tuple[str, str]]) -> Verdict:
    """Return the verdict when the scenario's own view needs `what`, unknown for `reason`: what other views say is no answer."""
    known = computed(views)
    why = f"the scenario's own accounting ({name(gap)}) needs {what}, which is unknown ({reason})"
    others = f". The {len(known)} views that can be computed {_lean(known)}, but they leave it out" if known else ""
    return missing(model, why + others, f"measure {what}", commands, regime="the accounting view of the scenario itself cannot be computed")


def _lean(known: Sequence[View]) -> str:
    """Return what several views say: "all say that the device takes less"."""
    wins, losses = sum(_chance(view) >= SURE for view in known), sum(_chance(view) <= 1 - SURE for view in known)
    primary = _primary(known)
    figures = f"({against(primary)}: {name(primary)})"
    if wins == len(known):
        return f"all say that the device takes less {figures}"
    if losses == len(known):
        return f"all say that the cloud takes less {figures}"
    return f"do not agree: {wins} for the device, {losses} for the cloud, {len(known) - wins - losses} open {figures}"


def _edge(evidence: Evidence, known: Sequence[View]) -> Verdict:
    primary = _primary(known)
    sentence = (
        f"Keep {evidence.model} {evidence.recipe} on the device: {energy(primary.edge_j)} there against "
        f"{energy(primary.cloud_j)} in the cloud{factor(primary)}, {robust_in(evidence.views)}."
    )
    worst = min(known, key=low_ratio)
    condition = (
        f"Flips only if the cloud took {central(primary)}{multiple(max(1.0, low_ratio(worst)))} times less "
        f"even at the unfavourable 95 % edge ({name(worst)})"
    )
    if evidence.unseen is not None:
        condition += f", or if {_more_unseen(evidence.unseen, _room(known))}"
    condition += ". No payload size flips it: the device takes less even when nothing is sent." if evidence.payload.value is None else "."
    return _verdict(VerdictKind.EDGE, VerdictKind.EDGE.value + standing(primary), sentence, _regime(evidence, known), condition, evidence)


def _cloud(evidence: Evidence, known: Sequence[View]) -> Verdict:
    primary = _primary(known)
    sentence = (
        f"Send {evidence.model} to the cloud: {energy(primary.cloud_j)} there, network included, against "
        f"{energy(primary.edge_j)} on the device{factor(primary)}, {robust_in(evidence.views)}."
    )
    condition = f"Flips with {evidence.payload.text}" if evidence.payload.value is not None else "The network does not flip it"
    condition += f", or if the device took {times_less(primary)} at the central values."
    if evidence.unseen is not None:
        condition += f" {evidence.unseen[0].upper()}{evidence.unseen[1:]} is not counted; it can only strengthen this."
    return _verdict(VerdictKind.CLOUD, VerdictKind.CLOUD.value + standing(primary), sentence, _regime(evidence, known), condition, evidence)


def _depends(evidence: Evidence, known: Sequence[View]) -> Verdict:
    axis = turning([Answer(view=Convention(view.network, view.device, view.cloud), grid="", p_edge=view.p_edge) for view in known])
    words, levels = AXES[axis]
    chance = {level: fmean(_chance(view) for view in known if getattr(view, axis) == level) for level in {getattr(v, axis) for v in known}}
    better, worse = max(chance, key=lambda level: chance[level]), min(chance, key=lambda level: chance[level])
    flip = evidence.axis_flips.get(axis)
    at = f", flips at {flip.text}" if flip is not None and flip.value is not None else ""
    primary = _primary(known)
    for_device, for_cloud = (_nearest(known, primary, axis, level) for level in (better, worse))
    sentence = (
        f"For {evidence.model} {evidence.recipe} it depends on {words}: counting {levels[better]}, the device takes less "
        f"({against(for_device)}); counting {levels[worse]}, the cloud does ({against(for_cloud)})."
    )
    wins = sum(_chance(view) >= SURE for view in known)
    condition = f"Flips at {flip.text}." if flip is not None and flip.value is not None else "State the convention that applies to you."
    condition += f" The device takes less in {wins} of {len(known)} accounting views."
    regime = "the accounting convention decides: both sides are close enough that what is charged to whom turns the answer"
    return _verdict(VerdictKind.DEPENDS, f"depends on {words}{at}", sentence, regime, condition, evidence)


def _depends_on_unseen(evidence: Evidence, known: Sequence[View], room: float) -> Verdict:
    primary = _primary(known)
    sentence = (
        f"As far as the meter sees, {evidence.model} {evidence.recipe} takes less on the device ({energy(primary.edge_j)} against "
        f"{energy(primary.cloud_j)} in the cloud), but {evidence.unseen} is not counted."
    )
    headline = "depends on what the meter does not see"
    if room > 0:
        limit = _more_unseen(evidence.unseen or "", room)
        headline, condition = f"{headline}, flips when {limit}", f"Flips when {limit}."
    else:
        condition = f"At the unfavourable 95 % edge the cloud takes less already before {evidence.unseen} is counted."
    settle = (
        "State device.psu_efficiency, or meter the device at its plug"
        if evidence.unseen == CHARGER
        else "Meter the whole device at its plug"
    )
    return _verdict(
        VerdictKind.DEPENDS,
        headline,
        sentence,
        "the metering point decides: the part of the device that was not metered is as large as the difference",
        f"{condition} {settle} to settle it.",
        evidence,
    )


def _more_unseen(unseen: str, room: float) -> str:
    """Return what would have to be true of what no meter saw for the cloud to take less: of a charger, its efficiency."""
    if unseen == CHARGER:
        return f"the charger delivered less than {100 / (1 + room):.3g} % of what it drew"
    return f"{unseen} took more than {multiple(room)} times what was metered"


def _room_needed(evidence: Evidence) -> float:
    return 0.0 if evidence.unseen is None else CHARGER_ROOM if evidence.unseen == CHARGER else UNSEEN_ROOM


def _open(evidence: Evidence, known: Sequence[View]) -> Verdict:
    primary = _primary(known)
    low, high = (f"{100 * limit:.0f} %" for limit in (min(map(_chance, known)), max(map(_chance, known))))
    top = evidence.influences[0] if evidence.influences else None
    sentence = (
        f"Too close to call for {evidence.model}: {energy(primary.edge_j)} on the device against {energy(primary.cloud_j)} in the cloud; "
        f"the device takes less with a probability of {low} to {high}, by accounting view."
    )
    what = f"measure {top.input}" if top is not None else "measure both sides longer"
    condition = (
        f"{100 * top.share:.0f} % of the spread comes from {top.input}: {top.shrink}."
        if top is not None
        else "Repeat both runs with more windows."
    )
    regime = "within the uncertainty of the inputs"
    return _verdict(VerdictKind.INCONCLUSIVE, f"inconclusive: {what}", sentence, regime, condition, evidence)


def _verdict(kind: VerdictKind, headline: str, sentence: str, regime: str, condition: str, evidence: Evidence) -> Verdict:
    return Verdict(
        kind=kind,
        headline=headline,
        sentence=sentence,
        regime=regime,
        condition=condition,
        next_measurement=_next(evidence),
        commands=evidence.commands,
    )


def _next(evidence: Evidence) -> str | None:
    """Return what to measure next: what knowing it is worth most, else what explains most of the spread."""
    if evidence.worth:
        best = evidence.worth[0]
        avoided = amount(best.regret_avoided_j.value or 0.0, "J")
        return (
            f"{best.input}: knowing it turns the answer with a probability of {100 * best.changes:.0f} % and avoids {avoided} per "
            f"inference on average: {best.measure}"
        )
    top = evidence.influences[0] if evidence.influences else None
    return f"{top.input} ({100 * top.share:.0f} % of the spread): {top.shrink}" if top is not None else None


def _regime(evidence: Evidence, known: Sequence[View]) -> str:
    if all(_chance(view) >= SURE for view in known):
        if evidence.regime is not None and evidence.regime.upload_alone:
            times_more = multiple(evidence.regime.times)
            return f"upload: sending the input alone takes {times_more} times the inference, so the device wins even against free computing"
        if evidence.payload.value is None and evidence.scenario.network != "none":
            return "small model: one inference costs less than a data centre needs to answer at all, whatever the payload"
        return "like cost: the upload and the data centre cost more than the inference on the device"
    return "shared hardware: the cloud spreads its cost over so many requests that the device cannot follow"


def _nearest(known: Sequence[View], primary: View, axis: str, level: str) -> View:
    """Return the view at `level` of one axis that shares most conventions with the primary view."""
    return max(
        (view for view in known if getattr(view, axis) == level),
        key=lambda view: sum(getattr(view, item) == getattr(primary, item) for item in _OWN),
    )


def _chance(view: View) -> float:
    return view.p_edge.value or 0.0


def _primary(known: Sequence[View]) -> View:
    return next((view for view in known if view.primary), known[0])


def _room(known: Sequence[View]) -> float:
    """Return how many times the metered device energy may be missing before the cloud takes less, in the least favourable view."""
    return max(0.0, min(low_ratio(view) for view in known) - 1.0)
