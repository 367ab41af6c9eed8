from __future__ import annotations

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Estimate, Origin, Quality
from edgekit.energy.uncertainty.budget import drawn


def test_a_supply_takes_no_energy_back():
    def told(half):
        value = Estimate(value=1.2e-4, low=1.2e-4 - half, high=1.2e-4 + half, unit="J", boundary=Boundary.WALL, origins=(Origin.MEASURED,))
        return drawn(value, advice="repeat the work")

    wide, narrow = told(7e-4), told(1e-5)
    assert (wide.low, wide.high, wide.quality) == (0.0, pytest.approx(8.2e-4), Quality.UNMEASURABLE)
    assert "energy.not_resolved" in [note.code for note in wide.notes]
    assert (narrow.low, narrow.quality, narrow.notes) == (pytest.approx(1.1e-4), Quality.GOOD, ())
