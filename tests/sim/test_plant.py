from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.sim.clock import ScriptedClock
from edgekit.sim.plant import Plant


@given(st.lists(st.tuples(st.integers(1, 10**9), st.floats(0, 100)), min_size=1, max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_energy_is_the_sum_of_the_steps(steps, share_a, share_b):
    plant, t = Plant(1.0), 0
    script = [(0, 1.0)]
    for gap, watts in steps:
        t += gap
        plant.set_power(watts, t)
        script.append((t, watts))
    end = t + 10**9
    a, b = sorted((int(share_a * end), int(share_b * end)))
    edges = [start for start, _ in script] + [end]
    expected = sum(w * max(0, min(b, nxt) - max(a, start)) / 1e9 for (start, w), nxt in zip(script, edges[1:], strict=True))
    assert plant.energy_j(a, b) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_monotonic_clock_does_not_go_back():
    with pytest.raises(ValueError, match="monotonic"):
        ScriptedClock().advance(-1)
