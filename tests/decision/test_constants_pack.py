from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.decision.constants import ConstantProblem, load_constants, regions

GOOD = """
version = "1"
[network_fixed_average]
value = 0.03
low = 0.0065
high = 0.06
unit = "kWh/GB"
year = 2020
scope = "a network"
source = "a study"
licence = "published"
evidence = "abstract"
"""


def test_every_constant_of_the_pack_names_its_source_and_year_and_lies_in_its_range(constants):
    assert len(constants) >= 20
    for item in constants.values():
        assert item.source
        assert item.scope
        assert item.licence
        assert 2014 <= item.year <= 2030
        assert item.low is None or item.low <= item.value <= item.high


def test_values_are_stored_in_base_units(constants):
    assert constants["network_fixed_marginal"].value == pytest.approx(1.11e-4 * 3.6e6 / 1e9)
    assert constants["grid_DE"].value == pytest.approx(0.381 / 3.6e6)
    assert constants["radio_ble"].value == pytest.approx(27e-9 * 8)
    assert constants["device_lifetime"].value == pytest.approx(4 * 365.25 * 86400)


def test_the_charger_has_no_default_because_nobody_verified_one(constants):
    assert not [name for name in constants if "psu" in name or "charger" in name]


def test_the_published_total_and_its_shares_agree(constants):
    shares = constants["cloud_share_idle"].value + constants["cloud_share_facility"].value
    assert constants["cloud_total_per_accelerator"].low == pytest.approx(1 / 0.58, rel=0.02)
    assert 1 / 0.58 * (1 - shares) == pytest.approx((58 + 25) / 58, abs=0.02)


def test_a_dozen_countries_have_a_grid_factor(constants):
    assert {"DE", "FR", "PL", "US", "CN", "SE"} <= set(regions(constants))
    assert len(regions(constants)) >= 12


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('unit = "kWh/GB"', 'unit = "kWh"', "energy"),
        ('unit = "kWh/GB"', 'unit = "kWh/Gb"', "write GB"),
        ('evidence = "abstract"', 'evidence = "memory"', "may become a default"),
        ("value = 0.03", "value = 0.9", "outside its range"),
        ('source = "a study"', "", "lacks source"),
        ("[network_fixed_average]", "[mystery]", "no known group"),
        ('version = "1"', 'version = "2"', "version"),
    ],
)
def test_a_wrong_entry_is_refused_at_load(old, new, words):
    assert load_constants(GOOD)
    with pytest.raises(ConstantProblem, match=words):
        load_constants(GOOD.replace(old, new))


def test_the_manual_lists_every_region(constants):
    manual = (Path(__file__).parents[2] / "docs" / "scenario.md").read_text(encoding="utf-8")
    assert f"factor: {', '.join(regions(constants))}." in manual
