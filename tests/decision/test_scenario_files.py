from __future__ import annotations

import pytest

from edgekit.core.errors import UsageError
from edgekit.core.jsonio import as_data, validate
from edgekit.core.scenario import Scenario
from edgekit.decision.scenario.fields import FIELDS
from edgekit.decision.scenario.read import default_scenario, parse_scenario
from edgekit.links.files import bundled

FULL = """
name = "door counter"
inferences_per_day = 43200
payload = "120 kB"
payload_down = "200 B"
network = "mobile"
fleet = 250
lifetime = "5 years"
accuracy_floor = "95 %"
latency_limit = "80 ms"
[device]
role = "dedicated"
region = "DE"
psu_efficiency = 0.85
[cloud]
region = "SE"
shape = "dedicated"
utilisation = "25 %"
batch = 8
pue = 1.2
[prices]
electricity = "0.29 EUR/kWh"
gpu_hour = "2.5 USD/h"
date = "2026-05-01"
"""


def read(text, constants):
    return parse_scenario(text, where="s.toml", constants=constants)


def test_a_full_scenario_is_read_into_base_units(constants):
    scenario = read(FULL, constants)
    assert scenario.rate_per_s == 0.5
    assert (scenario.payload_up_bytes, scenario.payload_down_bytes) == (120_000, 200)
    assert (scenario.network, scenario.device_role, scenario.cloud_shape) == ("mobile", "dedicated", "dedicated")
    assert (scenario.accuracy_floor, scenario.latency_limit_s) == (0.95, 0.08)
    assert scenario.price_electricity.amount == pytest.approx(0.29 / 3.6e6)
    assert scenario.price_gpu.currency == "USD"
    assert "payload" in scenario.given
    assert validate(Scenario, as_data(scenario), where="x") == scenario


def test_units_do_not_change_what_is_meant(constants):
    one = read('payload_up = "1.5 MB"\nrate = "2 inference/s"\nlatency_limit = "0.1 s"', constants)
    two = read('payload_up = "12 Mbit"\nrate = "120 inference/min"\nlatency_limit = "100 ms"', constants)
    assert (one.payload_up_bytes, one.rate_per_s, one.latency_limit_s) == (two.payload_up_bytes, two.rate_per_s, two.latency_limit_s)


def test_an_empty_scenario_is_the_default_one(constants):
    empty = read("", constants)
    assert as_data(empty) == {**as_data(default_scenario(constants)), "source": "s.toml"}


def test_the_scenario_of_the_demo_can_be_read(constants):
    path = bundled("models") / "digits_cnn" / "scenario.toml"
    assert parse_scenario(path.read_text(encoding="utf-8"), where=path.name, constants=constants).device_region == "DE"


@pytest.mark.parametrize("entry", FIELDS, ids=lambda entry: entry.key)
def test_every_line_shows_an_example_that_can_be_pasted(entry, constants):
    line = f"{entry.key} = {entry.example}"
    extra = '\nprices.date = "2026-05-01"' if entry.kind == "price" else ""
    assert entry.key in read(line + extra, constants).given


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ('payload = "3 kg"', "scenario.value", "an amount of data"),
        ('paylod_up = "3 kB"', "scenario.key", "payload_up"),
        ('device_region = "DE"', "scenario.key", "device.region"),
        ("[cloud]\nbatchsize = 3", "scenario.key", "cloud.batch"),
        ("payload = 5", "scenario.value", "has no unit"),
        ('rate = "-1 inference/s"', "scenario.value", "more than 0"),
        ('rate = "0 inference/s"', "scenario.value", "more than 0"),
        ("inferences_per_day = 0", "scenario.value", "more than 0"),
        ("fleet = 2.5", "scenario.value", "whole number"),
        ('device.region = "Germany"', "scenario.value", "one of"),
        ('network = "wifi"', "scenario.value", "fixed, mobile, ble, none"),
        ("cloud.pue = 0.9", "scenario.value", "at least 1"),
        ('accuracy_floor = "120 %"', "scenario.value", "at most 1"),
        ('prices.electricity = "0.3 EUR/kWh"', "scenario.price_date", "without their date"),
        ('prices.electricity = "0.3 EUR/kg"\nprices.date = "2026-05-01"', "scenario.value", "a price of energy"),
        ('prices.date = "May"', "scenario.value", "year-month-day"),
        ('rate = "1 inference/s"\ninferences_per_day = 5', "scenario.twice", "both"),
        ('payload = "1 B"\npayload_up = "1 B"', "scenario.twice", "both"),
        ("name = 3", "scenario.value", "text in quotes"),
        ("rate = ", "scenario.syntax", "TOML"),
    ],
)
def test_a_bad_line_gives_one_clear_error_with_a_correct_line(text, code, says, constants):
    with pytest.raises(UsageError) as caught:
        read(text, constants)
    error = caught.value
    assert error.code == code
    assert error.exit_code == 2
    assert says in " ".join([error.what, error.why, *(word for pair in error.do for word in pair)])
    assert "s.toml" in error.what
    assert error.do


@pytest.mark.parametrize(
    ("text", "line", "grid"),
    [
        ('[cloud]\nregion = "USA"', 'region = "US"', 'grid = "300 gCO2e/kWh"'),
        ('cloud.region = "nl"', 'cloud.region = "NL"', 'cloud.grid = "300 gCO2e/kWh"'),
        ('[device]\nregion = "Atlantis"', 'region = "DE"', 'grid = "300 gCO2e/kWh"'),
    ],
)
def test_the_line_offered_for_a_region_fits_where_the_wrong_one_stood(text, line, grid, constants):
    with pytest.raises(UsageError) as caught:
        read(text, constants)
    assert [command for _, command in caught.value.do] == [line, grid]
    wrong = text.splitlines()[-1]
    for offered in (line, grid):
        assert read(text.replace(wrong, offered), constants).given


@pytest.mark.parametrize("text", ["5/min", "5 / min", "5 per minute", "5 inference/min", "5 inferences/minute"])
def test_a_rate_without_a_noun_is_one_of_inferences(text, constants):
    assert read(f'rate = "{text}"', constants).rate_per_s == pytest.approx(5 / 60)


def test_a_rate_of_something_else_is_still_refused(constants):
    with pytest.raises(UsageError):
        read('rate = "5 kg/min"', constants)
    with pytest.raises(UsageError):
        read('rate = "5/kg"', constants)
