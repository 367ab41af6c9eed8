from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.quantity import Estimate, Origin
from edgekit.decision.launch_bound import ASSUMPTIONS, BUSY_W, LAUNCH_S, TRANSFER_S, launch_bound


def test_energy_is_power_times_launches_and_copies():
    energy = launch_bound(kernels=19, batch=1).energy_j_per_inference
    assert energy.value == pytest.approx(BUSY_W * (19 * LAUNCH_S + TRANSFER_S))


@given(st.integers(1, 500), st.integers(1, 1024))
def test_everything_modeled_says_so_and_is_within_a_factor_of_ten(kernels, batch):
    analysis = launch_bound(kernels=kernels, batch=batch)
    energy = analysis.energy_j_per_inference
    assert isinstance(energy, Estimate)
    assert energy.origins == (Origin.MODELED,)
    assert energy.boundary == "gpu_board"
    assert energy.high / energy.low == pytest.approx(100)
    assert [note.text for note in analysis.notes] == list(ASSUMPTIONS)


@given(st.integers(1, 500))
def test_a_batch_shares_its_launches(kernels):
    one, many = (launch_bound(kernels=kernels, batch=batch).energy_j_per_inference.value for batch in (1, 64))
    assert one == pytest.approx(64 * many)
