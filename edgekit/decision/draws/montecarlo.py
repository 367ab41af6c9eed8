"""Draw the uncertain inputs of a decision: seeded, each input with its own stream, inputs of one instrument sharing a part of theirs.

    z of an input = sum over its instruments of sqrt(w_k) z_k  +  sqrt(1 - sum w_k) z of its group        (w_k: shares of its variance)

z is standard normal whatever the shares, so that an input's own interval stays what was stated. An instrument that is on both sides of a
ratio moves both, and cancels.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Estimate, Note, Origin, Quality, merge_origins
from edgekit.core.units import Unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

DRAWS = 200_000
RANKED = 20_000  # draws behind a rank correlation: its error is then below 0.01
SEED = 20261122
SURE = 0.95  # the chance from which one side is taken to win
_Z95 = 1.959964  # two-sided 95 % point of the normal distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Hold one uncertain input in base units: [low, high] holds 95 % of it.

    Inputs of one `group` (one run, read by one meter) move together: a meter that reads high reads high everywhere.
    `shared` lists (instrument, share of this input's variance) of what inputs of other groups have in common with it. `evidence` is a
    run id or a constant id; `shrink` says how to learn more.
    """

    name: str
    value: float
    low: float
    high: float
    origins: tuple[Origin, ...]
    evidence: str
    group: str
    shrink: str
    shared: tuple[tuple[str, float], ...] = ()


Inputs = Mapping[str, Input]


def central(inputs: Inputs) -> dict[str, FloatArray]:
    """Return every input at its stated value, as arrays of length one."""
    import numpy as np

    return {name: np.array([item.value]) for name, item in inputs.items()}


def draw(inputs: Inputs, *, draws: int = DRAWS, seed: int = SEED) -> dict[str, FloatArray]:
    """Return `draws` values of every input.

    The distribution is a split normal, in logarithms where the whole interval is positive: its median is the stated value and its
    2.5 % and 97.5 % points are the stated interval. Adding an input changes no other input's draws.
    """

    def stream(name: str) -> FloatArray:
        return _stream(name, draws, seed)

    def score(item: Input) -> FloatArray:
        own = math.sqrt(max(0.0, 1.0 - sum(share for _, share in item.shared)))
        return sum((math.sqrt(share) * stream(f"instrument:{name}") for name, share in item.shared), start=own * stream(item.group))

    return {name: _spread(item, score(item)) for name, item in inputs.items()}


@lru_cache(maxsize=24)  # one decision draws the same streams for its alternatives again
def _stream(name: str, draws: int, seed: int) -> FloatArray:
    import numpy as np

    drawn: FloatArray = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())])).standard_normal(draws)
    drawn.setflags(write=False)
    return drawn


def shared_terms(quantity: Estimate) -> tuple[tuple[str, float], ...]:
    """Return (instrument, share of the variance) of the terms of a budget that an instrument brings to everything it reads.

    Terms stated "within a factor of f" have the standard uncertainty of their logarithm, ln f / 1.96, relative to the value.
    """
    found: dict[str, float] = {}
    whole = 0.0
    for term in quantity.budget:
        u = term.u if term.u is not None else abs(quantity.value) * math.log(term.factor) / _Z95 if term.factor else 0.0
        whole += u * u
        if term.instrument is not None:
            found[term.instrument] = found.get(term.instrument, 0.0) + u * u
    return tuple((name, variance / whole) for name, variance in found.items() if variance > 0) if whole > 0 else ()


def _spread(item: Input, z: FloatArray) -> FloatArray:
    import numpy as np

    if item.low == item.high:
        return np.full(len(z), item.value)
    if item.low > 0:
        up, down = math.log(item.high / item.value), math.log(item.value / item.low)
        return item.value * np.exp(np.where(z > 0, up, down) * z / _Z95)
    found: FloatArray = item.value + np.where(z > 0, item.high - item.value, item.value - item.low) * z / _Z95
    return np.maximum(found, 0.0) if item.low == 0 else found  # what is stated to end at 0 (a supply takes nothing back) goes no further


def summarise(
    point: FloatArray,
    drawn: FloatArray,
    *,
    unit: Unit,
    inputs: Iterable[Input],
    boundary: Boundary | None = None,
    quality: Quality,
    notes: tuple[Note, ...] = (),
) -> Estimate:
    """Return the stated value with the interval that holds 95 % of the draws, and the origins of all inputs."""
    value = float(point[0])
    low, high = within(value, drawn)
    return Estimate(
        value=value,
        low=low,
        high=high,
        unit=unit,
        boundary=boundary,
        origins=merge_origins(*(item.origins for item in inputs)),
        quality=quality,
        notes=notes,
    )


def within(value: float, drawn: FloatArray) -> tuple[float, float]:
    """Return the interval that holds 95 % of the draws, and the stated value."""
    import numpy as np

    low, high = (float(edge) for edge in np.percentile(drawn, (2.5, 97.5)))
    return min(low, value), max(high, value)  # without spread, rounding may put a percentile a last digit above the value


def probability(wins: NDArray[np.bool_], origins: tuple[Origin, ...]) -> Estimate:
    """Return the share of draws that win, with the 95 % Wilson interval of drawing so many."""
    n, share = len(wins), float(wins.mean())
    centre = (share + _Z95**2 / (2 * n)) / (1 + _Z95**2 / n)
    half = _Z95 * math.sqrt(share * (1 - share) / n + _Z95**2 / (4 * n * n)) / (1 + _Z95**2 / n)
    return Estimate(
        value=share, low=min(share, max(0.0, centre - half)), high=max(share, min(1.0, centre + half)), unit="1", origins=origins, n=n
    )


def influences(drawn: Mapping[str, FloatArray], outcome: FloatArray, names: Iterable[str]) -> dict[str, float]:
    """Return for each input the squared rank correlation with `outcome`, largest first; constant inputs have none."""
    import numpy as np

    ranks = np.argsort(np.argsort(outcome[:RANKED]))
    found = {}
    for name in names:
        values = drawn[name][:RANKED]
        if float(values.max()) > float(values.min()):
            found[name] = float(np.corrcoef(np.argsort(np.argsort(values)), ranks)[0, 1]) ** 2
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
