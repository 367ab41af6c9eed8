"""Decide after each round of windows whether another one is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.quantity import Note
from edgekit.core.run import RunPlan
from edgekit.core.units import counted

LEAST_WINDOWS = 5  # fewer say too little about their own spread to stop by it
ROUNDS_WITHIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Hold where one artifact's headline stands: `value` in J, and half-widths of its 95 % interval relative to it.

    `repeat_rel` is what the windows' spread gives (None below three windows), `fixed_rel` what more windows cannot shrink, and
    `fixed_name` the largest term of that.
    """

    windows: int
    value: float
    repeat_rel: float | None
    fixed_rel: float
    fixed_name: str = ""

    @property
    def half_rel(self) -> float | None:
        """Return the half-width of the whole interval relative to the value; None while the spread is unknown."""
        return None if self.repeat_rel is None else math.hypot(self.repeat_rel, self.fixed_rel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Hold whether to go on, and what is to be said when not."""

    go_on: bool
    note: Note | None = None


_GO_ON = Verdict(go_on=True)


def judge(rounds: Sequence[Sequence[Standing | None]], plan: RunPlan, *, elapsed_s: float, next_s: float) -> Verdict:
    """Return whether a plan asks for another round after `rounds`, each with the standing of every artifact (None: no figure).

    Without `plan.until_rel` the plan's number of windows decides. With it, rounds are added until every interval is within it. Looking
    after each round and stopping at the first that fits would stop at windows that happen to agree (Anscombe 1952; Chow and Robbins
    1965), so there is a least number of windows, and two rounds in a row must fit. `elapsed_s` is how long the run has lasted and `next_s`
    what a round and the closing idle take: with `plan.max_time_s` no round is begun that would not end in time.
    """
    done = len(rounds)
    after = f"after {counted(done, 'window')}"
    if plan.until_rel is None:
        if done >= plan.windows:
            return Verdict(go_on=False)
    elif done >= max(plan.windows, LEAST_WINDOWS):
        if None in rounds[-1]:
            return _stop("run.no_figure", f"stopped {after}: an artifact still has no energy figure, and more would give none")
        if all(standing is not None and within(standing, plan.until_rel) for row in rounds[-ROUNDS_WITHIN:] for standing in row):
            return _stop("run.until", f"stopped {after}: {_settled(rounds[-1], plan.until_rel)}")
    if plan.max_time_s is not None and elapsed_s + next_s > plan.max_time_s:
        return _stop("run.max_time", f"stopped at --max-time {after}{_reached(rounds[-1])}", "allow more time, or a wider limit")
    return _GO_ON


def within(standing: Standing, until_rel: float) -> bool:
    """Return whether an interval is narrow enough; where what cannot shrink is wider already, the repeatability is judged alone."""
    wide = standing.repeat_rel if standing.fixed_rel >= until_rel else standing.half_rel
    return wide is not None and wide <= until_rel


def unreachable(standing: Standing, until_rel: float) -> Note | None:
    """Return what is to be said at once when no number of windows brings an interval within `until_rel`; None when enough might."""
    if standing.fixed_rel < until_rel:
        return None
    return Note(
        code="run.until_unreachable",
        text=f"an interval within {percent(until_rel)} cannot be reached: {standing.fixed_name} alone is {percent(standing.fixed_rel)}, "
        f"and windows do not shrink it; they are added until they repeat within {percent(until_rel)}",
        advice="a meter with a better stated accuracy narrows the interval",
    )


def percent(share: float) -> str:
    """Return the relative half-width of an interval in words: percent with two digits, or a factor where it is wider than the value."""
    if share < 1e-4:
        return "less than 0.01 %"
    return f"{100 * share:.2g} %" if share < 1 else f"a factor of {share + math.hypot(share, 1):.2g}"  # (f - 1/f) / 2 = share


def _settled(row: Sequence[Standing | None], until_rel: float) -> str:
    """Return what is within the limit: the interval, or where it cannot be, how well windows repeat."""
    limited = any(standing is not None and standing.fixed_rel >= until_rel for standing in row)
    return f"{'windows repeat' if limited else 'interval'} within {percent(until_rel)}" + (", the interval cannot" if limited else "")


def _reached(row: Sequence[Standing | None]) -> str:
    halves = [standing.half_rel for standing in row if standing is not None and standing.half_rel is not None]
    return f": interval within {percent(max(halves))}" if halves and len(halves) == len(row) else ""


def _stop(code: str, text: str, advice: str | None = None) -> Verdict:
    return Verdict(go_on=False, note=Note(code=code, text=text, advice=advice))
