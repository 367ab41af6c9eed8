from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.sim import load
from edgekit.sim.plant import Plant
from edgekit.sim.rail import Rail, Rails
from edgekit.sim.spec import rails_of

EPOCH = 5_000_000_000


class Scripted:
    """Stand where recorded activity stands: levels as steps, whose integral is known."""

    def __init__(self, **plants):
        self.plants = plants

    def level(self, channel, t_ns):
        return self.plants[channel].power_w(t_ns)

    def total_s(self, channel, t_ns):
        return self.plants[channel].energy_j(EPOCH, t_ns)


def machine():
    busy = Plant(0.0, EPOCH)
    busy.set_power(2.0, EPOCH + 10**9)
    busy.set_power(0.5, EPOCH + 3 * 10**9)
    rails = [
        Rail(name="core", curves=(load.constant(4.0),), active_w={"cpu": 10.0}),
        Rail(name="package", curves=(load.square(0.0, 6.0, 0.5),), active_w={"cpu": 1.0}, parts={"core": 1.0}),
        Rail(name="wall", curves=(load.ramp(5.0, 7.0, 4.0),), parts={"package": 1.1, "core": 0.2}),
    ]
    return Rails(rails, epoch_ns=EPOCH, activity=Scripted(cpu=busy))


def test_a_rail_is_its_curves_its_activity_and_its_parts():
    rails, end = machine(), EPOCH + 4 * 10**9
    assert rails.energy_j("core", EPOCH, end) == pytest.approx(16 + 10 * (4 + 0.5))
    assert rails.energy_j("package", EPOCH, end) == pytest.approx(61 + 12 + 4.5)
    assert rails.energy_j("wall", EPOCH, end) == pytest.approx(24 + 1.1 * 77.5 + 0.2 * 61)
    assert rails.power_w("core", EPOCH + 2 * 10**9) == 24.0
    assert rails.power_w("package", EPOCH + 2 * 10**9) == 6.0 + 2.0 + 24.0


@given(st.lists(st.integers(0, 10**10), min_size=3, max_size=3), st.sampled_from(["core", "package", "wall"]))
def test_energies_add_up_over_time(offsets, rail):
    rails = machine()
    a, b, c = (EPOCH + offset for offset in sorted(offsets))
    assert rails.energy_j(rail, a, b) + rails.energy_j(rail, b, c) == pytest.approx(rails.energy_j(rail, a, c), abs=1e-8)


def test_rails_that_contain_themselves_or_nothing_known_are_refused():
    with pytest.raises(ValueError, match="a part of itself: a > b > a"):
        Rails([Rail(name="a", parts={"b": 1.0}), Rail(name="b", parts={"a": 1.0})])
    with pytest.raises(ValueError, match="no rail is called 'x'"):
        Rails([Rail(name="a", parts={"x": 1.0})])


def test_a_plant_is_read_from_json():
    spec = {
        "seed": 3,
        "rails": {
            "a": {"loads": [{"power_w": 2}, {"kind": "bursts", "power_w": 9, "mean_on_s": 0.02, "mean_off_s": 0.05}]},
            "b": {
                "loads": [{"kind": "bursts", "power_w": 9, "mean_on_s": 0.02, "mean_off_s": 0.05}],
                "active_w": {"gpu": 5},
                "parts": {"a": 1},
            },
        },
    }
    first, second = rails_of(json.loads(json.dumps(spec))), rails_of(spec)
    assert first == second
    assert first[0].curves[1] != first[1].curves[0], "two bursts of one plant are not the same draw"
    assert rails_of({**spec, "seed": 4}) != first


@pytest.mark.parametrize(
    ("row", "words"),
    [({"load": []}, "no load"), ({"loads": [{"kind": "saw"}]}, "no load is called"), ({"loads": [{"power_w": 1, "watts": 1}]}, "watts")],
)
def test_a_misspelt_spec_is_refused(row, words):
    with pytest.raises(ValueError, match=words):
        rails_of({"rails": {"a": row}})
