"""Weigh a pair of runs beyond the views: what turns the answer, what knowing more is worth, what would save joules, and third ways."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgekit.core.decision import Constant, Flip, Side
from edgekit.core.quantity import Estimate, Quantity
from edgekit.core.run import RunRecord
from edgekit.core.weighing import Advice, Alternative, Bar, Criterion, Curve, Worth
from edgekit.decision.accounts.embodied import of_cloud, of_device
from edgekit.decision.accounts.energy import Convention, NotComputable
from edgekit.decision.accounts.ledger import Ledger
from edgekit.decision.accounts.tally import Tally
from edgekit.decision.draws.criteria import Grid, Made, carbon, grids, money, sci
from edgekit.decision.sides.choose import energy_of
from edgekit.decision.sides.commands import Surroundings, record_cloud, record_device
from edgekit.decision.turning import breakeven, carbon_flips
from edgekit.decision.turning.curves import curves
from edgekit.decision.turning.tornado import tornado
from edgekit.decision.turning.worth import worth
from edgekit.decision.verdict.advice import advice
from edgekit.decision.verdict.alternatives import Pair, alternatives

_BANDS = 50_000  # draws behind the band of a break-even: its ends are then known to about 1 % of its width


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Hold what was found beyond the views; `carbon` is the chance of the device in every convention, by carbon."""

    flips: tuple[Flip, ...] = ()
    axis_flips: Mapping[str, Flip]
    tornado: tuple[Bar, ...] = ()
    worth: tuple[Worth, ...] = ()
    advice: tuple[Advice, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    curves: tuple[Curve, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    carbon: tuple[Quantity, ...] = ()


def weigh(
    pair: Pair,
    known: Sequence[Convention],
    runs: Sequence[RunRecord],
    constants: Mapping[str, Constant],
    around: Surroundings,
    ledger: Ledger,
    inside_j: Quantity,
    *,
    draws: int,
    seed: int,
) -> Weighed:
    """Return everything that is weighed in the view of `pair`; `inside_j` is what the cloud takes inside its data centre."""
    view, x, drawn, use = pair.view, pair.x, pair.drawn, pair.use
    found = grids(pair.scenario, constants)
    made = _made(pair, known, constants, draws=draws, seed=seed)
    flips, axes = _flips(pair, known, runs, made, found)
    named = {flip.name: flip for flip in flips}
    by_carbon, chances = carbon(known, ledger, found, named.get("cloud grid"))
    by_sci = sci(known, ledger, found, made, named.get("embodied payback"))
    commands = {
        f"run:{pair.device.id}": record_device([pair.device])[-1][1],
        f"run:{pair.cloud.id}": record_cloud(runs, around)[-1][1],
    }
    return Weighed(
        flips=flips,
        axis_flips=axes,
        tornado=tornado(view, known, pair.scenario, pair.inputs, x, use),
        worth=worth(view, pair.inputs, drawn, use, commands),
        advice=advice(runs, {Side.DEVICE: pair.device, Side.CLOUD: pair.cloud}, pair.scenario, constants, use, inside_j),
        alternatives=alternatives(pair, runs, draws=draws, seed=seed),
        curves=curves(view, x, drawn, use),
        criteria=(by_carbon, *((by_sci,) if by_sci is not None else ()), money(known, ledger, pair.scenario)),
        carbon=chances,
    )


def _flips(
    pair: Pair, known: Sequence[Convention], runs: Sequence[RunRecord], made: Made, found: Sequence[Grid]
) -> tuple[tuple[Flip, ...], dict[str, Flip]]:
    """Return all values in the primary view at which the answer turns, and which of them belongs to which axis of convention."""
    view, x, use = pair.view, pair.x, pair.use
    drawn = {name: values[:_BANDS] for name, values in pair.drawn.items()}
    general = [breakeven.cloud_factor(view, x, use, drawn), breakeven.payload(view, x, use, drawn)]
    axes: dict[str, Flip] = {}
    if view.network != "none":
        axes["network"] = breakeven.network_rate(view, x, use, drawn)
    with contextlib.suppress(NotComputable):
        ways = [breakeven.idle_share(view, other, x, use) for other in _others("device", view, known)]
        if ways:
            axes["device"] = next((flip for flip in ways if flip.value is not None), ways[0])
    other = _kept("cloud", view, known)
    if other is not None:
        with contextlib.suppress(NotComputable):
            axes["cloud"] = breakeven.service_rate(other, x, use, drawn)
    kept_on = _kept("device", view, known)
    rest: list[Flip] = []
    if kept_on is not None:
        with contextlib.suppress(NotComputable):
            rest.append(breakeven.per_day(kept_on, x, use, drawn))
    loads = _loads(pair.cloud, runs)
    if loads is not None:
        rest.append(breakeven.batch(view, x, use, loads, pair.cloud.plan.batch, drawn))
    rest.append(breakeven.cascade(view, x, use, drawn))
    debt = _debt(pair, made)
    if found:
        rest.append(carbon_flips.cloud_grid(view, x, use, found[0], drawn))
        if isinstance(more := made.more(view.cloud), Tally):
            rest.append(carbon_flips.cloud_grid(view, x, use, found[0], drawn, more))
    if debt is not None and found:
        rest.append(carbon_flips.payback(view, x, use, found[0], debt, drawn))
    return (*general, *axes.values(), *rest), axes


def _made(pair: Pair, known: Sequence[Convention], constants: Mapping[str, Constant], *, draws: int, seed: int) -> Made:
    """Return the carbon of making the hardware of both sides, the cloud's under each of its shapes."""
    cloud = {
        shape: of_cloud(replace(pair.scenario, cloud_shape=shape), constants, pair.use, draws=draws, seed=seed)
        for shape in dict.fromkeys(view.cloud for view in known)
    }
    return Made(device=of_device(pair.scenario, constants, draws=draws, seed=seed), cloud=cloud)


def _debt(pair: Pair, made: Made) -> carbon_flips.Debt | None:
    """Return what making the device left to be paid back; None where nothing counts or nobody knows."""
    own, spared, rate = made.device.tally, made.cloud[pair.view.cloud].tally, pair.use.rate_per_s
    if own is None or own.stated <= 0:
        return None
    return carbon_flips.Debt(
        kg_per_s=own.stated * rate,
        spared_kg=0.0 if spared is None else spared.stated,
        drawn_kg_per_s=own.drawn[:_BANDS] * rate,
        drawn_spared_kg=0.0 * own.drawn[:_BANDS] if spared is None else spared.drawn[:_BANDS],
    )


def _others(axis: str, view: Convention, known: Sequence[Convention]) -> list[Convention]:
    """Return the conventions that differ from `view` in one axis alone."""
    same = [item for item in ("network", "device", "cloud") if item != axis]
    return [
        other
        for other in known
        if getattr(other, axis) != getattr(view, axis) and all(getattr(other, item) == getattr(view, item) for item in same)
    ]


def _kept(axis: str, view: Convention, known: Sequence[Convention]) -> Convention | None:
    """Return the convention next to `view` in which the hardware of one side is kept for this alone."""
    return next((item for item in (view, *_others(axis, view, known)) if getattr(item, axis) == "dedicated"), None)


def _loads(cloud: RunRecord, runs: Sequence[RunRecord]) -> tuple[tuple[int, float], tuple[int, float]] | None:
    """Return (batch, joules per inference) of the smallest and the largest batch of the same artifact on the same machine."""
    place = energy_of(cloud).boundary
    same = {
        run.plan.batch: energy.value
        for run in runs
        if run.artifact.sha256 == cloud.artifact.sha256 and run.device == cloud.device and run.plan.rate_hz is None
        for energy in (energy_of(run),)
        if isinstance(energy, Estimate) and energy.boundary == place
    }
    if len(same) < 2:
        return None
    small, large = min(same), max(same)
    return (small, same[small]), (large, same[large])
