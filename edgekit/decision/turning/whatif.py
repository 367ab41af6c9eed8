"""Compute both sides over a grid of rate, payload and utilisation: a page looks between its points and has no arithmetic of its own.

A page interpolates: in the logarithm of each axis and of the joules, and straight in the probability. The scenario's own values are
points of the grid, so what a page shows there is what the report says.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgekit.core.decision import Constant, Decision, Side
from edgekit.core.run import RunRecord
from edgekit.core.scenario import Scenario
from edgekit.decision.accounts.energy import Convention, Drawn, NotComputable, Usage, cloud_slots, conventions, device_slots, total
from edgekit.decision.draws.gather import inputs_from, usage
from edgekit.decision.draws.montecarlo import central, draw

_DRAWS = 2_000  # of a probability that is drawn as a bar
_POINTS = {"rate": 7, "payload": 9, "utilisation": 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Hold one axis of the grid: its points in `unit`, ascending, and where the scenario stands."""

    name: str
    unit: str
    points: tuple[float, ...]
    stated: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Hold one accounting view over the axes that change it: joules of both sides and P(device takes less), the last axis fastest."""

    network: str
    device: str
    cloud: str
    axes: tuple[str, ...]
    edge_j: tuple[float, ...]
    cloud_j: tuple[float, ...]
    p_edge: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """Hold the grid: all axes, and one plane for each view that can be computed, the scenario's own first."""

    axes: tuple[Axis, ...]
    planes: tuple[Plane, ...]


def what_if(runs: Sequence[RunRecord], scenario: Scenario, constants: Mapping[str, Constant], decision: Decision) -> WhatIf | None:
    """Return the grid of a decision, with the device as the scenario uses it; None where a side or every view is missing."""
    by_id = {run.id: run for run in runs}
    chosen = {option.side: by_id[option.run] for option in decision.options if option.chosen}
    device, cloud = chosen.get(Side.DEVICE), chosen.get(Side.CLOUD)
    if device is None or cloud is None:
        return None
    use, inputs = usage(scenario, device, cloud), inputs_from(scenario, constants, device, cloud)
    point, drawn = central(inputs), draw(inputs, draws=_DRAWS, seed=decision.seed)
    axes = _axes(use)
    known = list(conventions(scenario))
    views = list(dict.fromkeys(view for view in known if view.device == known[0].device))
    planes = tuple(plane for view in views if (plane := _plane(view, axes, point, drawn, use)) is not None)
    return WhatIf(axes=axes, planes=planes) if planes else None


def _axes(use: Usage) -> tuple[Axis, ...]:
    fastest = 1.0 / use.device_s if use.device_s > 0 else 1e3
    gpus = max(1, math.ceil(use.service_rate_per_s * use.gpu_s))
    busy = min(1.0, use.service_rate_per_s * use.gpu_s / gpus) or 1e-6
    return (
        _axis("rate", "1/s", min(1 / 86_400, use.rate_per_s), max(min(1e3, fastest), use.rate_per_s), use.rate_per_s),
        _axis("payload", "B", 1.0, 1e8, max(1.0, use.payload_bytes)),
        _axis("utilisation", "1", min(1e-4, busy), 1.0, busy),
    )


def _axis(name: str, unit: str, low: float, high: float, stated: float) -> Axis:
    count = _POINTS[name]
    points = [low * (high / low) ** (step / (count - 1)) for step in range(count)]
    apart = [value for value in points if abs(math.log(value / stated)) > 0.2 * math.log(high / low) / (count - 1)]
    edges = [value for value in (low, high) if value not in apart and value != stated]
    return Axis(name=name, unit=unit, points=tuple(sorted({*(_short(value) for value in (*apart, *edges)), stated})), stated=stated)


def _plane(view: Convention, axes: Sequence[Axis], point: Drawn, drawn: Drawn, use: Usage) -> Plane | None:
    try:
        here = _both(view, point, use)
    except NotComputable:
        return None
    changing = [axis for axis in axes if any(_both(view, point, _moved(use, {axis.name: end})) != here for end in axis.points)]
    found = []
    for values in itertools.product(*(axis.points for axis in changing)):
        moved = _moved(use, dict(zip((axis.name for axis in changing), values, strict=True)))
        wins = total(device_slots(view, drawn, moved)) < total(cloud_slots(view, drawn, moved))
        found.append((*_both(view, point, moved), float(wins.mean())))
    edge, cloud, chance = zip(*found, strict=True)
    return Plane(
        network=view.network,
        device=view.device,
        cloud=view.cloud,
        axes=tuple(axis.name for axis in changing),
        edge_j=tuple(_short(value) for value in edge),
        cloud_j=tuple(_short(value) for value in cloud),
        p_edge=tuple(_short(value) for value in chance),
    )


def _both(view: Convention, x: Drawn, use: Usage) -> tuple[float, float]:
    return float(total(device_slots(view, x, use))[0]), float(total(cloud_slots(view, x, use))[0])


def _moved(use: Usage, values: Mapping[str, float]) -> Usage:
    """Return the usage with some of its values moved; a utilisation is that of one reserved GPU."""
    moved = use
    if "rate" in values:
        moved = replace(moved, rate_per_s=values["rate"])
    if "payload" in values:
        moved = replace(moved, payload_bytes=values["payload"])
    if "utilisation" in values and use.gpu_s > 0:
        gpus = max(1, math.ceil(use.service_rate_per_s * use.gpu_s))
        moved = replace(moved, service_rate_per_s=values["utilisation"] * gpus / use.gpu_s)
    return moved


def _short(value: float) -> float:
    return float(f"{value:.5g}")
