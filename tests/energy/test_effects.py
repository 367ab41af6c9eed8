"""What cutting an inference in two and a meter's last digit may do: bounds that hold, and what errs alike in every window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.energy.clocks.clock import SAME_CLOCK
from edgekit.energy.windows.effects import PART, QUANTUM, aligned_effects, part_u_j, sampled
from edgekit.energy.windows.window_energy import WindowEnergy


def window(**more: float) -> WindowEnergy:
    given_ = {"joules": 50.0, "coverage": 1.0, "edge_s": 0.0, "span_s": 9.5, "cut_s": (0.3, 0.2), "cell_s": 0.1, "ticks": 100}
    return WindowEnergy(**(given_ | more))  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 100), min_size=2, max_size=30), st.integers(0, 29))
def test_no_part_of_an_inference_is_further_off_than_its_spread_allows(watts: list[float], whole: int) -> None:
    power, dt = np.array(watts), 1 / len(watts)
    off_j = abs(float((power - power.mean())[: whole % len(watts)].sum()) * dt)
    most_j = part_u_j(window(spread_w=float(power.std())), step_w=1e9, inference_s=1.0, alike=True) * 3**0.5
    assert off_j <= most_j + 1e-9


def test_a_part_of_an_inference_is_lost_in_every_window_where_power_is_sampled() -> None:
    told = {"window_s": 10.0, "step_w": 4.0, "inference_s": 0.1, "line": SAME_CLOCK, "quantum_j": 0.0}
    power = aligned_effects(window(spread_w=2.0), **told, alike=True).effects  # type: ignore[arg-type]
    counter = aligned_effects(window(spread_w=2.0), **told).effects  # type: ignore[arg-type]
    assert [(effect.u_j, effect.common) for effect in power if effect.name == PART] == [(pytest.approx(2.0 * 0.05 / 3**0.5), True)]
    assert PART not in [effect.name for effect in counter]
    assert part_u_j(window(spread_w=2.0), step_w=4.0, inference_s=None, alike=True) == 0


@pytest.mark.parametrize(
    ("rough_w", "levels", "shrinks", "alike"),
    [(3.0, 90, 10.0, False), (3.0, 0, 10.0, False), (3.0, 4, 2.0, True), (0.2, 4, 1.0, True), (0.0, 1, 1.0, True)],
)
def test_rounding_errors_repeat_where_values_do(rough_w: float, levels: int, shrinks: float, alike: bool) -> None:
    found = sampled(window(rough_w=rough_w, levels=levels), window_s=10.0, step_w=4.0, unseen=0.0, quantum_w=1.0)
    (digit,) = (effect for effect in found.effects if effect.name == QUANTUM)
    assert digit.u_j == pytest.approx(10.0 / 12**0.5 / shrinks)
    assert digit.common is alike
