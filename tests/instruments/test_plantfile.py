"""Check the file that all instruments share, without any of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.sim.plant import Plant as Steps
from tests.instruments.plantfile import LAG_NS, Plant, create, header

SPEC = {"rails": {"a": {"loads": [{"power_w": 2.0}], "active_w": {"gpu": 10.0}}, "b": {"parts": {"a": 0.5}}}}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats(0, 8)), max_size=40), st.integers(0, 4 * 10**10))
def test_history_integrates_what_was_recorded(tmp_path, steps, t_ns):
    plant = create(tmp_path, SPEC, epoch_ns=0)
    expected, t = Steps(0.0), 0
    for gap, level in steps:
        t += gap
        plant.channels["gpu"].append(level, t)
        expected.set_power(level, t)
    again = Plant(tmp_path)
    assert again.total_s("gpu", t_ns) == pytest.approx(expected.energy_j(0, t_ns), abs=1e-6)
    assert again.level("gpu", t_ns) == expected.power_w(t_ns)
    assert again.energy_j("b", 0, t_ns) == pytest.approx(0.5 * (2 * t_ns / 1e9 + 10 * expected.energy_j(0, t_ns)), abs=1e-5)


def test_time_does_not_go_back_in_a_history(tmp_path):
    gpu = create(tmp_path, SPEC, epoch_ns=0).channels["gpu"]
    gpu.append(1.0, 1000)
    gpu.append(5.0, 999)
    assert (gpu.level(998), gpu.level(1000), gpu.level(2000)) == (0.0, 1.0, 1.0)


def test_activity_takes_effect_a_little_later(tmp_path):
    plant = create(tmp_path, SPEC)
    plant.channels["gpu"].append(1.0)
    begun = next(t for t in range(plant.epoch_ns, plant.epoch_ns + 10**9, 10_000) if plant.level("gpu", t))
    assert begun >= plant.epoch_ns + LAG_NS


def test_another_file_is_no_plant(tmp_path):
    create(tmp_path, SPEC)
    path = tmp_path / "plant.bin"
    path.write_bytes(b"something" + path.read_bytes()[9:])
    with pytest.raises(ValueError, match="no plant of this version"):
        Plant(tmp_path)


def test_the_header_for_c_has_every_structure():
    assert re.findall(r"^struct (\w+) \{", header(), re.M) == ["head", "rail", "term", "curve", "point", "channel", "event", "gpu"]
