from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary
from edgekit.core.decision import Gate, Side
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Estimate, Origin, Unknown
from edgekit.reports.changes import Standing, changes, compared
from edgekit.reports.stored import intact
from tests.exporters.made import made
from tests.reports.records import cloud_gpu, edge_emulated, edge_rapl, edge_wall

values = st.floats(min_value=1e-9, max_value=1e3)
spreads = st.floats(min_value=0.0, max_value=0.9)


def joules(value: float, spread: float = 0.1, **other) -> Estimate:
    settings = {"unit": "J", "boundary": Boundary.WALL, "origins": (Origin.MEASURED,), **other}
    return Estimate(value=value, low=value * (1 - spread), high=value * (1 + spread), **settings)


def standing(before, after) -> Standing | None:
    found = compared("runs", "r", "energy", before, after)
    return None if found is None else found.standing


@given(values, spreads, values, spreads)
def test_whether_a_figure_changed_does_not_depend_on_which_came_first(first, wide, second, narrow):
    before, after = joules(first, wide), joules(second, narrow)
    assert standing(before, after) == standing(after, before)


@given(values, spreads)
def test_a_figure_against_itself_has_not_changed(value, spread):
    assert standing(joules(value, spread), joules(value, spread)) is None


@given(values, spreads, st.floats(min_value=1.0, max_value=3.0))
def test_a_wider_interval_never_turns_what_is_within_into_a_change(value, spread, factor):
    moved = value * 1.05
    if standing(joules(value, spread), joules(moved, spread)) is Standing.WITHIN:
        wider = min(0.95, spread * factor)
        assert standing(joules(value, wider), joules(moved, wider)) is Standing.WITHIN


def test_intervals_that_do_not_reach_one_another_are_a_change_with_its_ratio():
    found = compared("runs", "r", "energy", joules(1.0, 0.02), joules(1.5, 0.02))
    assert found is not None
    assert found.standing is Standing.CHANGED
    assert found.ratio.low < 1.5 < found.ratio.high
    assert found.ratio.low > 1.4


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (joules(1.01), Standing.WITHIN),
        (joules(1.01, boundary=Boundary.USB_INPUT), Standing.INCOMPARABLE),
        (joules(1.01, origins=(Origin.EMULATED,)), Standing.CHANGED),
        (Unknown(reason="no meter", unit="J"), Standing.CHANGED),
        (None, Standing.CHANGED),
    ],
)
def test_boundaries_origins_and_unknowns_are_never_called_alike(after, expected):
    assert standing(joules(1.0), after) is expected


def found(before, after) -> dict[tuple[str, str, str], Standing]:
    return {(item.section, item.subject, item.figure): item.standing for item in changes(before, after)}


def test_scenario_constants_and_verdict_are_compared_by_name():
    first = made()
    second = made(scenario='device.region = "SE"\ncloud.region = "NL"\nrate = "2 inference/s"\nnetwork = "mobile"\n')
    seen = found(first, second)
    assert seen["scenario", "device.region", ""] is Standing.CHANGED
    assert seen["constants", "grid_DE", ""] is Standing.REMOVED
    assert seen["constants", "grid_SE", ""] is Standing.ADDED
    assert any(section == "views" and figure == "cloud" for section, _, figure in seen)


def test_a_run_that_came_a_run_that_went_and_one_that_took_a_place():
    first = made(edge_rapl("a"), edge_wall("w"), cloud_gpu())
    second = made(edge_rapl("b"), edge_emulated("e"), cloud_gpu())
    seen = found(first, second)
    assert seen["runs", "b", "takes the place of"] is Standing.CHANGED
    assert seen["runs", "w", ""] is Standing.REMOVED
    assert seen["runs", "e", ""] is Standing.ADDED


def test_a_gate_that_fails_is_a_change():
    first = made()
    gates = [
        replace(first, decision=replace(first.decision, gates=(Gate(name="latency", side=Side.CLOUD, passed=ok, why="w"),)))
        for ok in (True, False)
    ]
    assert [(item.before, item.after) for item in changes(*gates)] == [("passed: w", "failed: w")]


def test_the_same_report_has_no_change():
    assert changes(made(), made()) == ()


def test_two_edited_reports_are_named_one_by_one_in_the_command_that_looks_into_them():
    with (
        pytest.raises(UsageError, match=r"^my before") as caught,
        intact("my before.json", "after.json"),
    ):
        raise KeyError("region")
    assert caught.value.do[0][1].endswith(" 'my before.json' after.json")
