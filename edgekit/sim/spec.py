"""Read a plant from plain data, so that one JSON file describes the same machine to every emulated instrument.

    {"seed": 1, "rails": {"core": {"loads": [{"kind": "constant", "power_w": 3}], "active_w": {"cpu": 12}},
                          "package": {"loads": [{"kind": "bursts", "power_w": 9, "mean_on_s": 0.02, "mean_off_s": 0.05}],
                                      "parts": {"core": 1}}}}

`kind` is a function of edgekit.sim.load and the rest are its arguments; bursts without a seed take one from the plant's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from edgekit.sim import load
from edgekit.sim.curve import Curve
from edgekit.sim.rail import Rail

LOADS: Mapping[str, Callable[..., Curve]] = {
    "constant": load.constant,
    "steps": load.steps,
    "ramp": load.ramp,
    "square": load.square,
    "bursts": load.bursts,
}


def rails_of(spec: Mapping[str, Any]) -> list[Rail]:
    """Return the rails that `spec` describes; raise ValueError for a load or a rail key that does not exist."""
    seed = int(spec.get("seed", 1))
    return [_rail(name, row, seed + 1000 * index) for index, (name, row) in enumerate(spec["rails"].items())]


def _rail(name: str, row: Mapping[str, Any], seed: int) -> Rail:
    unknown = set(row) - {"loads", "active_w", "parts"}
    if unknown:
        raise ValueError(f"rail {name!r} has no {', '.join(sorted(unknown))}")
    curves = tuple(_curve(entry, seed + index) for index, entry in enumerate(row.get("loads", ())))
    return Rail(name=name, curves=curves, active_w=dict(row.get("active_w", {})), parts=dict(row.get("parts", {})))


def _curve(entry: Mapping[str, Any], seed: int) -> Curve:
    options = dict(entry)
    kind = options.pop("kind", "constant")
    if kind not in LOADS:
        raise ValueError(f"no load is called {kind!r}; known: {', '.join(LOADS)}")
    if kind == "bursts":
        options.setdefault("seed", seed)
    try:
        inspect.signature(LOADS[kind]).bind(**options)
    except TypeError as error:
        raise ValueError(f"load {kind!r}: {error}") from error
    return LOADS[kind](**options)
