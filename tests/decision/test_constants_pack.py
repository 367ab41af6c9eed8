from __future__ import annotations

import csv
import math
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from edgekit.decision.constants.pack import ConstantProblem, load_constants, regions

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


RESEARCHED = {  # constant -> the row of the research it was taken from
    "pue_hyperscale": "pue_aws_global",
    "pue_industry": "pue_industry_avg",
    "cloud_pool_utilisation": "gpu_cluster_utilisation",
    "network_fixed_marginal": "net_fixed_marginal_kwhgb",
    "network_fixed_average": "net_fixed_avg_eu2020",
    "network_mobile_marginal": "net_mobile_marginal_kwhgb",
    "network_mobile_average": "net_mobile_avg_carbontrust",
    "radio_ble": "ble_nJ_per_bit",
    "device_lifetime": "iot_lifetime",
    "embodied_sbc": "sbc_embodied_tide",
    "embodied_mcu": "mcu_node_embodied_tide",
    "embodied_gpu_a100": "a100_chien2023",
    "embodied_gpu_l4": "l4_boavizta",
    **{
        f"grid_{two}": f"grid_{three}_2023"
        for two, three in zip(
            ("US", "DE", "FR", "PL", "GB", "CN", "IN", "SE", "NL"),
            ("USA", "DEU", "FRA", "POL", "GBR", "CHN", "IND", "SWE", "NLD"),
            strict=True,
        )
    },
}
DERIVED = {  # constant -> value, low, high from rows of the research
    "cloud_total_per_accelerator": lambda row: (math.sqrt(row("gemini_wh_comprehensive") / row("gemini_wh_active_only") * 1.7), 1.7, 2.4),
    "radio_lora_power": lambda row: tuple(3.3e-3 * row("lora_tx_mA_868_15dbm", key) for key in ("value", "low", "high")),
    "embodied_gpu_h100": lambda row: (math.sqrt(164 * 575), row("h100_pcf_nvidia"), row("h100_boavizta")),
    "embodied_server_share": lambda row: (row("server_ex_gpu_embodied_ecologits") / 8,) * 3,
    "server_idle_per_gpu": lambda row: (
        row("h200x8_node_idle_W") / 8,
        row("r760_node_idle_W") / 6,
        row("h200x8_node_idle_W", "high") / 8,
    ),
    "server_lifetime": lambda row: (4.0, row("server_lifetime"), row("server_lifetime", "high")),
}
IN_TEXT = {"cloud_share_idle": 0.10, "cloud_share_facility": 0.08} | {  # of the pages beside the rows
    f"grid_{code}": grams
    for code, grams in {"JP": 485, "BR": 98, "ZA": 708, "AU": 549, "CA": 170, "ES": 174, "IT": 331, "NO": 30, "IE": 291}.items()
}
UNITS = {"radio_ble": "nJ/bit"}  # "27e-9 J/bit" in the pack


def test_every_default_was_researched_and_none_rests_on_memory(constants, shared_data):
    """A number that nobody read, computed or found in a summary (tag M) may not become a default."""
    with (shared_data / "constants.csv").open(encoding="utf-8", newline="") as rows:
        table = {row["id"]: row for row in csv.DictReader(rows)}
    pack = tomllib.loads(files("edgekit.decision.constants").joinpath("constants.toml").read_text(encoding="utf-8"))
    pack.pop("version")
    assert set(pack) == set(RESEARCHED) | set(DERIVED) | set(IN_TEXT) == set(constants)

    def row(name, key="value"):
        assert table[name]["evidence"] in ("V", "A", "C"), name
        return float(table[name][key])

    for name, source in RESEARCHED.items():
        scale = 1e9 if name in UNITS else 1.0
        assert pack[name]["value"] * scale == pytest.approx(row(source), rel=3e-3), name
        assert {"V": "read", "A": "abstract", "C": "derived"}[table[source]["evidence"]] == pack[name]["evidence"] or name in WEAKER, name
        assert table[source]["year"] in ("", str(pack[name]["year"])), name
        for end in ("low", "high"):
            if table[source][end] and name not in WIDER:
                assert pack[name][end] * scale == pytest.approx(float(table[source][end]), rel=3e-3), name
    for name, of in DERIVED.items():
        found = pack[name]["value"], pack[name].get("low", pack[name]["value"]), pack[name].get("high", pack[name]["value"])
        assert found == pytest.approx(of(row), rel=0.01), name
    assert {name: pack[name]["value"] for name in IN_TEXT} == IN_TEXT


WEAKER = {"network_mobile_average"}  # the value was read, its range is of summaries
WIDER = {"pue_hyperscale", "network_mobile_average"}  # ranges of several rows, each named in the source
