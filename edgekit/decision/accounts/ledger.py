"""Count each side once under each convention: its slots and their sum, at the stated values and in every draw. Pure.

Whatever is made of a side's joules (a ratio, carbon, money, water) is made of the same draws, so that what two figures share moves both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.decision import Side
from edgekit.core.quantity import Estimate, Quality
from edgekit.decision.accounts.energy import Convention, Drawn, Slots, Usage, bound, cloud_slots, device_slots, inputs_of, total
from edgekit.decision.draws.montecarlo import Input, summarise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Hold one side under one convention: slots and their sum at the stated values and drawn, the sum in joules, and its inputs."""

    stated: Slots
    drawn: Slots
    stated_j: FloatArray
    drawn_j: FloatArray
    energy_j: Estimate
    inputs: tuple[Input, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Hold the inputs of a decision, at their values and drawn, and every side that was counted from them."""

    inputs: Mapping[str, Input]
    x: Drawn
    drawn: Drawn
    use: Usage
    quality: Quality
    _pages: dict[tuple[str, ...], Page] = field(default_factory=dict)

    def device(self, view: Convention) -> Page:
        """Return the device under a convention; raise NotComputable when it needs an unknown input."""
        return self._page(Side.DEVICE, view, (Side.DEVICE, view.network, view.device))

    def cloud(self, view: Convention) -> Page:
        """Return the cloud under a convention, network included; raise NotComputable when it needs an unknown input."""
        return self._page(Side.CLOUD, view, (Side.CLOUD, view.network, view.cloud))

    def _page(self, side: Side, view: Convention, key: tuple[str, ...]) -> Page:
        if key not in self._pages:
            count = device_slots if side is Side.DEVICE else cloud_slots
            at: Boundary = self.use.device_at if side is Side.DEVICE else self.use.cloud_at
            stated, drawn = count(view, self.x, self.use), count(view, self.drawn, self.use)
            stated_j, drawn_j = total(stated), total(drawn)
            used = tuple(self.inputs[name] for name in inputs_of(stated))
            energy = summarise(stated_j, drawn_j, unit="J", boundary=at, inputs=used, quality=self.quality, notes=bound(at))
            self._pages[key] = Page(stated=stated, drawn=drawn, stated_j=stated_j, drawn_j=drawn_j, energy_j=energy, inputs=used)
        return self._pages[key]
