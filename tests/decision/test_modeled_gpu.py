from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.quantity import Estimate, Origin
from edgekit.decision.cloud.modeled_gpu import ASSUMPTIONS, BUSY_W, FLOPS_PER_S, LAUNCH_S, TRANSFER_S, WAIT_W, modeled_gpu


def test_a_network_without_arithmetic_costs_its_launches_and_copies():
    energy = modeled_gpu(kernels=19, flops=0, batch=1).energy_j_per_inference
    assert energy.value == pytest.approx(WAIT_W * (19 * LAUNCH_S + TRANSFER_S))


def test_a_large_batch_costs_its_arithmetic():
    energy = modeled_gpu(kernels=139, flops=6e8, batch=100_000).energy_j_per_inference
    assert energy.value == pytest.approx(BUSY_W * 6e8 / FLOPS_PER_S, rel=0.02)


@given(st.integers(1, 500), st.floats(0, 1e12), st.integers(1, 1024))
def test_everything_modeled_says_so_and_is_within_a_factor_of_ten(kernels, flops, batch):
    analysis = modeled_gpu(kernels=kernels, flops=flops, batch=batch)
    energy = analysis.energy_j_per_inference
    assert isinstance(energy, Estimate)
    assert energy.origins == (Origin.MODELED,)
    assert energy.boundary == "gpu_board"
    assert energy.high / energy.low == pytest.approx(100)
    assert [note.text for note in analysis.notes] == list(ASSUMPTIONS)


@given(st.integers(1, 500), st.floats(0, 1e12))
def test_a_larger_batch_never_costs_more_for_each_input(kernels, flops):
    costs = [modeled_gpu(kernels=kernels, flops=flops, batch=batch).energy_j_per_inference.value for batch in (1, 8, 64)]
    assert costs == sorted(costs, reverse=True)
