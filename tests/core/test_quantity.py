"""No number without interval, origin and place; unknown is unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary, contains, sees
from edgekit.core.jsonio import as_data
from edgekit.core.quantity import BudgetTerm, Estimate, Origin, Unknown, merge_origins
from tests.core.strategies import finite

MEASURED = (Origin.MEASURED,)


@given(finite, finite, finite)
def test_an_estimate_holds_its_value_inside_its_interval(value: float, low: float, high: float) -> None:
    if low <= value <= high:
        assert Estimate(value=value, low=low, high=high, unit="W", origins=MEASURED).value == value
    else:
        with pytest.raises(ValueError, match="does not hold"):
            Estimate(value=value, low=low, high=high, unit="W", origins=MEASURED)


def test_an_estimate_states_where_it_comes_from() -> None:
    with pytest.raises(ValueError, match="origin"):
        Estimate(value=1, low=1, high=1, unit="W", origins=())


def test_an_energy_states_where_it_was_counted_and_a_power_need_not() -> None:
    with pytest.raises(ValueError, match="boundary"):
        Estimate(value=1, low=1, high=1, unit="J", origins=MEASURED)
    Estimate(value=1, low=1, high=1, unit="J", origins=MEASURED, boundary=Boundary.WALL)


def test_not_a_number_is_not_an_estimate() -> None:
    with pytest.raises(ValueError, match="does not hold"):
        Estimate(value=float("nan"), low=0, high=1, unit="W", origins=MEASURED)


def test_unknown_is_null_with_a_reason_never_zero() -> None:
    data = as_data(Unknown(reason="no meter", unit="J"))
    assert (data["value"], data["low"], data["high"], data["reason"]) == (None, None, None, "no meter")


groups = st.lists(st.lists(st.sampled_from(Origin), max_size=3), max_size=4)


@given(groups)
def test_merged_origins_keep_every_origin_once_in_a_fixed_order(parts: list[list[Origin]]) -> None:
    merged = merge_origins(*parts)
    assert set(merged) == {origin for part in parts for origin in part}
    assert list(merged) == sorted(merged, key=list(Origin).index)
    assert merged == merge_origins(*reversed(parts))


@pytest.mark.parametrize("boundary", Boundary)
def test_every_boundary_says_what_it_sees(boundary: Boundary) -> None:
    assert sees(boundary)


@pytest.mark.parametrize("boundary", Boundary)
def test_no_boundary_contains_itself_or_what_contains_it(boundary: Boundary) -> None:
    assert not contains(boundary, boundary)
    power_inlets = {
        Boundary.WALL,
        Boundary.USB_INPUT,
        Boundary.BATTERY,
    }  # alternatives: a board has one, so order between them is not asked
    for other in set(Boundary) - power_inlets:
        assert not (contains(boundary, other) and contains(other, boundary))


def test_parts_of_a_package_are_inside_it_and_memory_is_not() -> None:
    assert contains(Boundary.CPU_PACKAGE, Boundary.CPU_CORE)
    assert not contains(Boundary.CPU_PACKAGE, Boundary.DRAM)
    assert contains(Boundary.PLATFORM, Boundary.DRAM)
    assert contains(Boundary.GPU_BOARD, Boundary.GPU_MEMORY)
    assert contains(Boundary.WALL, Boundary.CPU_PACKAGE)


def test_a_figure_is_printed_in_one_short_line() -> None:
    def joules(value: float, half: float, *budget: BudgetTerm) -> Estimate:
        place, origins = Boundary.CPU_PACKAGE, (Origin.EMULATED,)
        return Estimate(value=value, low=value - half, high=value + half, unit="J", boundary=place, origins=origins, budget=budget)

    assert str(joules(1.92e-3, 4.1e-5)) == "1.920 mJ ± 0.041 mJ at cpu_package (emulated)"
    assert str(joules(1.213e-3, 3.9e-7)) == "1.21300 mJ ± 0.00039 mJ at cpu_package (emulated)"
    gain = BudgetTerm(name="gain", kind="B", u=None, reason="nobody states it")
    once = BudgetTerm(name="repeatability", kind="A", u=None, reason="one region")
    assert str(joules(3.8, 0.028, once, gain)) == "3.800 J ± 0.028 J at cpu_package (emulated; gain unknown)"
    assert "Estimate(value=" in repr(joules(1.0, 0.1))
    assert str(Unknown(reason="no meter", unit="J")) == "unknown (no meter)"
