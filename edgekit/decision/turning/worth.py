"""Say what knowing an input exactly would be worth before the decision is taken: the expected value of partial perfect information.

    m = cloud - device             joules per inference, the loss of the wrong choice
    now                            choose the device where E[m] > 0
    knowing input i                choose the device where E[m | i] > 0
    regret avoided                 E_i[max(E[m | i], 0)] - max(E[m], 0)

E[m | i] is the mean over draws of like input i (bins of equal count). An input that cannot turn the answer is worth nothing, however
much of the spread it explains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Estimate, Origin
from edgekit.core.weighing import Worth
from edgekit.decision.accounts.energy import Convention, Drawn, Usage, cloud_slots, device_slots, inputs_of
from edgekit.decision.draws.montecarlo import Inputs
from edgekit.decision.draws.words import name_of
from edgekit.decision.turning import roots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_DRAWS = 50_000  # enough for 32 bins of 1,500; the scatter below says what it leaves open
_PARTS = 10  # of the draws; their scatter is the Monte Carlo error of the worth
_STUDENT = 2.262  # two-sided 95 % point for ten parts
_LEAST_CHANCE = 1e-3


def worth(view: Convention, inputs: Inputs, drawn: Drawn, use: Usage, commands: Mapping[str, str]) -> tuple[Worth, ...]:
    """Return what each thing that can be measured is worth, most first; `commands` by the group of inputs they measure."""
    used = dict.fromkeys((*inputs_of(device_slots(view, drawn, use)), *inputs_of(cloud_slots(view, drawn, use))))
    drawn = {name: values[:_DRAWS] for name, values in drawn.items()}
    saved = roots.margins(view, drawn, use)
    found: dict[str, Worth] = {}
    for name in used:
        item = inputs[name]
        if item.low == item.high:
            continue
        changes, avoided = _value(drawn[name], saved)
        if changes < _LEAST_CHANCE or avoided <= 0:
            continue
        low, high = _scatter(drawn[name], saved, avoided)
        entry = Worth(
            input=name_of(name),
            changes=changes,
            regret_avoided_j=Estimate(
                value=avoided, low=low, high=high, unit="J", boundary=Boundary.GRID, origins=(Origin.MODELED,), n=len(saved)
            ),
            measure=item.shrink,
            command=commands.get(item.group),
        )
        best = found.get(item.group)
        if best is None or (best.regret_avoided_j.value or 0.0) < avoided:
            found[item.group] = entry
    return tuple(sorted(found.values(), key=lambda entry: -(entry.regret_avoided_j.value or 0.0)))


def _value(values: FloatArray, saved: FloatArray) -> tuple[float, float]:
    """Return (probability that knowing the input turns the answer, joules of regret that knowing it avoids)."""
    import numpy as np

    bins = int(min(32, max(2, len(saved) // 100)))
    size = len(saved) // bins
    order = np.argsort(values)[: bins * size]
    means = saved[order].reshape(bins, size).mean(axis=1)
    overall = float(means.mean())
    changes = float(np.mean((means > 0) != (overall > 0)))
    return changes, float(np.maximum(means, 0.0).mean()) - max(overall, 0.0)


def _scatter(values: FloatArray, saved: FloatArray, avoided: float) -> tuple[float, float]:
    import numpy as np

    size = len(saved) // _PARTS
    parts = [_value(values[at * size : (at + 1) * size], saved[at * size : (at + 1) * size])[1] for at in range(_PARTS)]
    half = _STUDENT * float(np.std(parts, ddof=1)) / _PARTS**0.5
    return max(0.0, avoided - half), avoided + half
