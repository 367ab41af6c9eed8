"""Say whether deferrable work is worth putting off: the best window, what it saves with its spread, and plainly when that is too little."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgekit.core.quantity import Estimate, Note, Origin, Quality, Quantity, Unknown
from edgekit.core.units import Unit, format_scaled
from edgekit.decision.timing.intensity import Curve, Profile, Trial
from edgekit.decision.timing.schedule import HOUR_S, Placement, best_window, covers, days_alike, tried

LEAST_SHARE, LEAST_KG = 0.05, 1e-3  # below 5 % or 1 g nothing is worth a delay
DAY_S = 86400.0
USUAL_H = (1, 2, 4, 8)  # durations of which a profile remembers what was saved within a day
FLEXIBLE = (
    "retraining",
    "quantisation-aware training",
    "calibration sweeps",
    "benchmark campaigns",
    "waves of updates over the air",
    "log uploads",
    "charging batteries",
)
INFLEXIBLE = "interactive inference: whoever asks waits for the answer now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Hold the advice: `kind` is "wait", "now" (no later window is expected to be cleaner) or "not worth it".

    Shares are of what starting at once emits (`vs_now`) or of the mean until the deadline (`vs_mean`), with P5 and P95 across days.
    `saved_kg` is that of the energy given. `captured` is the share of what perfect foresight saves. `basis` is "forecast" or "profile".
    """

    kind: str
    sentence: str
    placement: Placement
    vs_now: Quantity
    vs_mean: Quantity
    saved_kg: Quantity
    captured: Quantity
    worse: Quantity
    basis: str
    starts: int


def with_trials(profile: Profile, history: Curve) -> Profile:
    """Return the profile with what following it within a day would have saved, for some durations from each hour of the day."""
    hours = range(history.start_h, history.end_h)
    trials = [
        tried(history, profile, [at * HOUR_S for at in hours if at % 24 == hour], duration_s=length * HOUR_S, deadline_s=DAY_S)
        for length in USUAL_H
        for hour in range(24)
    ]
    return replace(profile, trials=tuple(trial for trial in trials if trial is not None))


def advise(
    profile: Profile,
    *,
    start_s: float,
    duration_s: float,
    deadline_s: float,
    energy_j: float | None = None,
    history: Curve | None = None,
) -> Waiting:
    """Return when work of `duration_s` that must be done within `deadline_s` of `start_s` should run, and whether waiting is worth it.

    Where `history` itself holds every hour until the deadline it is a forecast and is followed; else the profile is. Raise IntensityProblem
    when the work is longer than the time it has.
    """
    forecast = history is not None and covers(history, start_s, deadline_s)
    placement = best_window(
        history if history is not None and forecast else profile, start_s=start_s, duration_s=duration_s, deadline_s=deadline_s
    )
    trial = None if forecast else _trial(profile, history, start_s, duration_s, deadline_s)
    why = "a forecast of one day has no spread across days" if forecast else _no_days(profile, duration_s, deadline_s)
    alike = history is not None  # days of this month, not of the whole year: their median is the better guess
    vs_now = _share(placement.vs_now, trial.vs_now if trial else None, why, alike=alike)
    vs_mean = _share(placement.vs_mean, trial.vs_mean if trial else None, why, alike=alike)
    saved: Quantity = Unknown(reason="no --energy or --power was given", unit="kg")
    if energy_j is not None:
        at_once = energy_j * placement.now_kg_per_j
        saved = _known(vs_now.value * at_once, vs_now.low * at_once, vs_now.high * at_once, "kg", vs_now)
    captured: Quantity = Unknown(reason=why, unit="1")
    worse: Quantity = Unknown(reason=why, unit="1")
    if trial is not None:
        worse = _exact(trial.worse)
        captured = Unknown(reason="the intensity did not vary", unit="1") if trial.captured is None else _exact(trial.captured)
    kind, sentence = _verdict(placement, start_s, vs_now.value, saved)
    return Waiting(
        kind=kind,
        sentence=sentence,
        placement=placement,
        vs_now=vs_now,
        vs_mean=vs_mean,
        saved_kg=saved,
        captured=captured,
        worse=worse,
        basis="forecast" if forecast else "profile",
        starts=trial.starts if trial is not None else 0,
    )


def _trial(profile: Profile, history: Curve | None, start_s: float, duration_s: float, deadline_s: float) -> Trial | None:
    if history is not None:
        return tried(history, profile, days_alike(history, start_s), duration_s=duration_s, deadline_s=deadline_s)
    asked = (duration_s, deadline_s, int(start_s // HOUR_S % 24))
    return next((trial for trial in profile.trials if (trial.duration_s, trial.deadline_s, trial.hour) == asked), None)


def _no_days(profile: Profile, duration_s: float, deadline_s: float) -> str:
    known = ", ".join(dict.fromkeys(f"{trial.duration_s / HOUR_S:g}" for trial in profile.trials))
    if not known:
        return "the profile holds no single days; give the CSV it was made of with --profile"
    asked = f"{duration_s / HOUR_S:g} h within {deadline_s / HOUR_S:g} h"
    return f"the profile was tried for {known} h within 24 h, not for {asked}; give the CSV it was made of with --profile"


def _share(typical: float, spread: tuple[float, float, float] | None, why: str, *, alike: bool) -> Estimate:
    """Return a share saved with P5 and P95 across days: the median of days of the same month, else what is typical of this month."""
    if spread is None:
        note = Note(code="when.spread", text=f"no spread across days: {why}")
        return Estimate(
            value=typical, low=typical, high=typical, unit="1", origins=(Origin.SOURCED,), quality=Quality.CAVEATS, notes=(note,)
        )
    low, middle, high = spread
    value = middle if alike else typical
    return Estimate(value=value, low=min(low, value), high=max(high, value), unit="1", origins=(Origin.SOURCED,), level=0.9)


def _known(value: float, low: float, high: float, unit: Unit, like: Estimate) -> Estimate:
    return Estimate(
        value=value, low=low, high=high, unit=unit, origins=like.origins, level=like.level, quality=like.quality, notes=like.notes
    )


def _exact(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value, unit="1", origins=(Origin.SOURCED,))


def _verdict(placement: Placement, start_s: float, share: float, saved: Quantity) -> tuple[str, str]:
    """Return the kind of advice and its sentence."""
    if placement.start_s == start_s:
        return "now", "Start now: no later window until the deadline is expected to be cleaner."
    if share < LEAST_SHARE:
        return "not worth it", f"Not worth it: waiting is expected to save {max(share, 0):.1%} of the CO2e, less than {LEAST_SHARE:.0%}."
    if saved.value is not None and saved.value < LEAST_KG:
        amount = format_scaled(saved.value, "kg")
        return "not worth it", f"Not worth it: waiting is expected to save {amount} of CO2e, less than {format_scaled(LEAST_KG, 'kg')}."
    return "wait", f"Wait: expected to save {share:.0%} of the CO2e against starting now."
