"""Say what a benchmark would do and how long it would take, without doing any of it: nothing is opened, nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.units import counted
from edgekit.flows.bench.limit import cool_words
from edgekit.flows.bench.plan import IDLE_EVERY, SETTLE_S, WARMUP_CAP, BenchPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """Hold one step: how often it is done, what it takes each time (None: nobody knows before), and with which artifact, if with one.

    `note` says what may make it longer.
    """

    phase: str
    times: int
    seconds: float | None
    artifact: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Hold the steps of a benchmark in their order, `rounds` of some of them, and how long all takes.

    `least_s` leaves out what may be needed only; `expected_s` is as planned, without loading, cooling, or random waits before windows;
    `most_s` is with the longest warm-up and all cooling, None where nothing bounds it.
    """

    steps: tuple[PlannedStep, ...]
    rounds: int
    least_s: float
    expected_s: float
    most_s: float | None
    unknown: tuple[str, ...]


def outline(planned: BenchPlan, names: Sequence[str], *, grows: str | None = None) -> Outline:
    """Return what `planned` does with the artifacts called `names`; `grows` says when its windows become longer, if they may."""
    run = planned.run
    until = run.until_rel is not None
    expected_s = (planned.rounds_s if until else planned.expected_s) or planned.least_s
    longer_s = (WARMUP_CAP - 1) * run.warmup_s * planned.artifacts + planned.cooling_s
    bounded_s = run.max_time_s if until or run.max_time_s is not None else expected_s + longer_s
    again = f" and {counted(run.cold_starts, 'time')} more at the end" if run.cold_starts else ""
    unknown = [f"loading each artifact, at the start{again}"]
    unknown += ["a random wait of up to the meter's update period before each window, where it updates every 10 ms or more slowly"]
    unknown += [grows] if grows is not None else []
    return Outline(
        steps=(*_opening(planned, names), *_rounds(planned, names), *_closing(planned, names)),
        rounds=run.windows,
        least_s=planned.least_s if until else min(expected_s, planned.least_s) if run.max_time_s is not None else expected_s,
        expected_s=expected_s,
        most_s=bounded_s,
        unknown=tuple(unknown),
    )


def _opening(planned: BenchPlan, names: Sequence[str]) -> list[PlannedStep]:
    run = planned.run
    steps = [PlannedStep(phase="load", times=1, seconds=None, artifact=name) for name in names]
    if run.warmup_s > 0:
        note = f"up to {WARMUP_CAP * run.warmup_s:g} s, until the time per inference has settled"
        steps += [PlannedStep(phase="warmup", times=1, seconds=run.warmup_s, artifact=name, note=note) for name in names]
    else:
        steps.append(PlannedStep(phase="settle", times=1, seconds=SETTLE_S))
    return [*steps, PlannedStep(phase="idle", times=1, seconds=run.idle_s)]


def _rounds(planned: BenchPlan, names: Sequence[str]) -> list[PlannedStep]:
    run = planned.run
    more = "" if run.until_rel is None else f"or more rounds, until every interval is within {100 * run.until_rel:g} %"
    paced = "back to back" if run.rate_hz is None else f"at {run.rate_hz:g} inferences a second"
    steps = []
    cool = cool_words(run.cool_to_c, run.cool_within_c)
    for name in names:
        if cool is not None:
            to = cool if run.cool_to_c is not None else f"{run.cool_within_c:g} C above the temperature at the start"
            note = f"until {to}, up to {run.cool_at_most_s:g} s"
            steps.append(PlannedStep(phase="cooldown", times=run.windows, seconds=None, artifact=name, note=note))
        words = "; ".join(filter(None, (paced, more)))
        steps.append(PlannedStep(phase="measure", times=run.windows, seconds=planned.window_s, artifact=name, note=words))
        if run.cooldown_s > 0:
            steps.append(PlannedStep(phase="cooldown", times=run.windows, seconds=run.cooldown_s, artifact=name))
    if run.idle_between_s > 0 and (times := (run.windows - 1) // IDLE_EVERY):
        steps.append(PlannedStep(phase="idle", times=times, seconds=run.idle_between_s, note=f"after every {IDLE_EVERY} rounds"))
    return steps


def _closing(planned: BenchPlan, names: Sequence[str]) -> list[PlannedStep]:
    run = planned.run
    steps = [PlannedStep(phase="idle", times=1, seconds=run.idle_s)]
    if planned.profile:
        steps += [PlannedStep(phase="profile", times=1, seconds=run.window_s, artifact=name) for name in names]
    if run.cold_starts:
        steps += [PlannedStep(phase="cold start", times=run.cold_starts, seconds=None, artifact=name) for name in names]
    return [*steps, PlannedStep(phase="settle", times=1, seconds=SETTLE_S)]
