"""Choose the batch for a service: so many requests a second, each answered within a limit, at the fewest joules per request. Pure.

Requests arrive evenly, one every 1/rate; how long the first of a batch waits is the arithmetic of `decision.batching`, with the p99 of one
invocation.

One machine keeps up as long as it is busy for less than all of the time: utilisation = rate x seconds per inference <= 1. It draws its idle
power for the rest, which the requests share:

    joules per request = joules per inference + idle power x (1 / rate - seconds per inference)

A batch is feasible when latency and utilisation hold with the upper ends of what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgekit.core.quantity import BudgetTerm, Estimate, Quantity, Unknown, merge_origins, worst
from edgekit.core.run import RunRecord
from edgekit.core.units import format_scaled
from edgekit.decision.cloud import batching
from edgekit.decision.numerals import rate as rate_words
from edgekit.decision.sides.choose import energy_of, headline_channel
from edgekit.energy.uncertainty.budget import combine, drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Hold what is asked of a service: requests per second, and seconds within which 99 of 100 are answered."""

    rate_per_s: float
    latency_limit_s: float

    def __post_init__(self) -> None:
        if not (0 < self.rate_per_s < math.inf and 0 < self.latency_limit_s < math.inf):
            raise ValueError(f"{self.rate_per_s} requests/s within {self.latency_limit_s} s cannot be meant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Hold what one invocation costs at one batch: joules and seconds per inference, p99 of one invocation, watts while nothing is done."""

    batch: int
    energy_j: Quantity
    time_s: Quantity
    p99_s: Quantity
    idle_w: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Hold how a service would run on one measured batch. `reason` says why it cannot; `energy_j` is per request, idle share included.

    `wait_s`, `latency_s` and `utilisation` are None where nothing is known of them.
    """

    batch: int
    energy_j: Quantity
    idle_share: float | None
    wait_s: float
    latency_s: float | None
    utilisation: float | None
    reason: str | None

    @property
    def feasible(self) -> bool:
        """Return whether the service would keep its promise so."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePoint:
    """Hold the point of one run."""

    run: str
    artifact: str
    point: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """Hold every run as a point of a service, `best` the run that takes the fewest joules, and `rivals` that may take no more than it."""

    service: Service
    points: tuple[ServicePoint, ...]
    best: str | None
    rivals: tuple[str, ...]


def serve(runs: Sequence[RunRecord], service: Service) -> ServiceView:
    """Return how each run would serve, and the best of them; runs metered elsewhere than the first one cannot be held against it."""
    boundary = energy_of(runs[0]).boundary if runs else None
    points = []
    for run in runs:
        found = point(load_of(run), service)
        if (elsewhere := energy_of(run).boundary) != boundary:
            found = replace(found, reason=f"metered at {elsewhere}, the first run at {boundary}: not comparable")
        if run.plan.rate_hz is not None:
            found = replace(found, reason="its joules were measured at a rate, and hold idle time already")
        points.append(ServicePoint(run=run.id, artifact=run.artifact.path, point=found))
    winner = best([item.point for item in points])
    chosen = next((item.run for item in points if item.point is winner), None)
    rivals = tuple(item.run for item in points if winner is not None and item.run != chosen and _not_told_apart(item.point, winner))
    return ServiceView(service=service, points=tuple(points), best=chosen, rivals=rivals)


def best(points: Sequence[Point]) -> Point | None:
    """Return the feasible point of the fewest joules per request, the smaller batch of two that take the same; None where none is."""
    known = [item for item in points if item.feasible and isinstance(item.energy_j, Estimate)]
    return min(known, key=lambda item: (item.energy_j.value or 0.0, item.batch), default=None)


def load_of(run: RunRecord) -> Load:
    """Return what a run says of its batch."""
    channel, analysis = headline_channel(run), run.analysis
    unknown = Unknown(reason="the run was not analysed", unit="s")
    return Load(
        batch=run.plan.batch,
        energy_j=energy_of(run),
        time_s=analysis.time_s_per_inference if analysis is not None else unknown,
        p99_s=analysis.latency_p99_s if analysis is not None else unknown,
        idle_w=channel.idle_w if channel is not None else Unknown(reason="no idle power was measured", unit="W"),
    )


def point(load: Load, service: Service) -> Point:
    """Return how a service would run on one batch."""
    wait_s = batching.wait_s(load.batch, service.rate_per_s)
    time, p99 = load.time_s, load.p99_s
    latency_s = batching.answered_s(load.batch, service.rate_per_s, p99.high) if isinstance(p99, Estimate) else None
    utilisation = service.rate_per_s * time.high if isinstance(time, Estimate) else None
    energy = _per_request(load, service)
    share = None
    if isinstance(energy, Estimate) and isinstance(load.energy_j, Estimate) and energy.value > 0:
        share = 1 - load.energy_j.value / energy.value
    return Point(
        batch=load.batch,
        energy_j=energy,
        idle_share=share,
        wait_s=wait_s,
        latency_s=latency_s,
        utilisation=utilisation,
        reason=_obstacle(load, service, wait_s, latency_s, utilisation, energy),
    )


def _obstacle(
    load: Load, service: Service, wait_s: float, latency_s: float | None, utilisation: float | None, energy: Quantity
) -> str | None:
    """Return why a service cannot run so; None where it can."""
    limit = format_scaled(service.latency_limit_s, "s")
    if utilisation is None or latency_s is None:
        missing = load.time_s if utilisation is None else load.p99_s
        return f"its time is unknown: {missing.reason}" if isinstance(missing, Unknown) else "its time is unknown"
    if utilisation > 1:
        rate = service.rate_per_s
        return f"one machine answers {rate_words(rate / utilisation)} at most; it would take {math.ceil(utilisation)} of them"
    if wait_s > service.latency_limit_s:
        return f"the first of {load.batch} requests would wait {format_scaled(wait_s, 's')} for the others; the limit is {limit}"
    if latency_s > service.latency_limit_s:
        waits = f"{format_scaled(wait_s, 's')} of waiting and " if wait_s else ""
        return f"{waits}{format_scaled(latency_s - wait_s, 's')} of computing (p99) are more than {limit}"
    return f"its joules are unknown: {energy.reason}" if isinstance(energy, Unknown) else None


def _per_request(load: Load, service: Service) -> Quantity:
    """Return joules per request, the idle share included, and the budget of both: one instrument errs alike in both."""
    energy, time, idle = load.energy_j, load.time_s, load.idle_w
    if not isinstance(energy, Estimate):
        return energy
    if not isinstance(time, Estimate):
        return Unknown(reason=f"its time is unknown: {time.reason}", unit="J", boundary=energy.boundary)
    rest_s = 1 / service.rate_per_s - time.value
    if rest_s <= 0:
        return energy
    if not isinstance(idle, Estimate):
        return Unknown(reason=f"idle power unknown: {idle.reason}", unit="J", boundary=energy.boundary)
    counts = [quantity.n for quantity in (energy, idle) if quantity.n is not None]
    spread = BudgetTerm(name="time per inference", kind="B", u=abs(idle.value) * (time.high - time.low) / 2 / math.sqrt(3))
    total = combine(
        energy.value + idle.value * rest_s,
        unit="J",
        boundary=energy.boundary,
        origins=merge_origins(energy.origins, idle.origins),
        terms=[*_summed(_terms(energy, 1.0), _terms(idle, rest_s)), *([spread] if spread.u else [])],
        n=min(counts) if counts else None,
        quality=worst(energy.quality, idle.quality),
        notes=energy.notes,
    )
    return drawn(total, advice="measure longer windows and longer idle")


def _terms(quantity: Estimate, scale: float) -> list[BudgetTerm]:
    if not quantity.budget:
        half = max(quantity.high - quantity.value, quantity.value - quantity.low)
        return [BudgetTerm(name="interval", kind="B", u=half / 2 * scale)] if half else []
    return [replace(term, u=None if term.u is None else term.u * scale) for term in quantity.budget]


def _summed(ours: Sequence[BudgetTerm], idle: Sequence[BudgetTerm]) -> list[BudgetTerm]:
    """Return the terms of a sum: those of one name and instrument add up, all others stay apart."""
    found = list(ours)
    for term in idle:
        place = next((at for at, other in enumerate(found) if _same(term, other)), None)
        if place is None:
            found.append(replace(term, name=f"{term.name} (idle)"))
        elif term.u is not None:
            found[place] = replace(found[place], u=(found[place].u or 0.0) + term.u)
    return found


def _same(term: BudgetTerm, other: BudgetTerm) -> bool:
    named = term.name == other.name and term.instrument == other.instrument and term.factor == other.factor
    return named and (term.instrument is not None or term.factor is not None) and (term.u is None) == (other.u is None)


def _not_told_apart(item: Point, winner: Point) -> bool:
    return (
        item.feasible
        and isinstance(item.energy_j, Estimate)
        and isinstance(winner.energy_j, Estimate)
        and item.energy_j.low <= winner.energy_j.high
    )
