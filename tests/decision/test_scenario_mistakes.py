"""Hold scenarios that cannot be meant to one clear message each, and units to changing nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.errors import UsageError
from edgekit.decision.accounts.radio import DUTY_CYCLE, airtime_s, frame_s, lora_duty
from edgekit.decision.constants.overrides import with_overrides
from edgekit.decision.scenario.fields import FIELDS
from edgekit.decision.scenario.read import parse_scenario
from edgekit.decision.units import parse


def read(text, constants):
    return parse_scenario(text, where="s.toml", constants=constants)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('device.power = "woken"', "scenario.lacks", "wake-up"),
        ('device.power = "deep_sleep"\ndevice.wake_energy = "1 J"', "scenario.lacks", "sleep power"),
        ('device.role = "shared"', "scenario.lacks", "how much of it"),
        ('grid.view = "marginal"', "scenario.lacks", "both factors"),
        ('cloud.shape = "serverless"\ncloud.cold_share = "2 %"', "scenario.lacks", "half of the cold starts"),
        ('network = "mobile"\nradio.kind = "ethernet"', "scenario.conflict", "ethernet"),
        ('network = "fixed"\nradio.kind = "nb-iot"', "scenario.conflict", "nb-iot"),
        ('network = "none"\nradio.kind = "wifi"', "scenario.conflict", "no network"),
        ('prices.device = "60 EUR"', "scenario.price_date", "date"),
        ('prices = { device = "60 EUR", electricity = "0.3 USD/kWh", date = "2026-05-01" }', "scenario.currency", "two currencies"),
        ("requires.offline = 1", "scenario.value", "requires.offline"),
        ("radio.spreading_factor = 13", "scenario.value", "spreading_factor"),
        ('schedule.hours_per_day = "25 h/day"', "scenario.value", "hours_per_day"),
        ('cloud.wue = "0.3 L"', "scenario.value", "wue"),
        ('device.embodied = "9.5 kg"', "scenario.value", "embodied"),
        ('device.embodied = "9.5 kgCO2e (10 to 20)"', "scenario.value", "does not lie between"),
        ('device.added_embodied = { value = "1 kgCO2e", most = "2 kgCO2e" }', "scenario.value", "value, low and high"),
        ("device.embodied = {}", "scenario.value", "value, low and high"),
        ('prices = { data = "1 EUR/kWh", date = "2026-05-01" }', "scenario.value", "prices.data"),
        ('[constants]\nnetwork_fixed_avrage = "1 kWh/GB"', "scenario.key", "network_fixed_avrage"),
        ('[constants]\nnetwork_fixed_average = "1 kWh"', "scenario.value", "network_fixed_average"),
        ('[constants]\nnetwork_fixed_average = { value = "3 kWh/GB", high = "1 kWh/GB" }', "scenario.value", "network_fixed_average"),
        ('[constants]\nnetwork_fixed_average = { value = "3 kWh/GB", low = "-1 kWh/GB" }', "scenario.value", "at least 0"),
        ('[constants]\nnetwork_fixed_average = "1 J/B"\naverage_network_fixed = "2 J/B"', "scenario.twice", "average_network_fixed"),
        ("[constants]\npue_hyperscale = 0.5", "scenario.value", "at least 1"),
        ('[constants]\ncloud_pool_utilisation = "0 %"', "scenario.value", "at least 0.001"),
        ('[constants]\ncloud_pool_utilisation = "150 %"', "scenario.value", "at most 1"),
        ("[constants]\ncloud_share_idle = 3", "scenario.value", "at most 0.45"),
        ('[constants]\ndevice_lifetime = "0 years"', "scenario.value", "at least 86400 s"),
        ('constants = "x"', "scenario.value", "constants is a table"),
        ('device = "pi"', "scenario.value", "device is a table"),
        ('[[cloud]]\nshape = "shared"', "scenario.value", "cloud is a table"),
        ("[devise]", "scenario.key", "devise"),
        ("[rate]", "scenario.value", "rate"),
        (f"inferences_per_day = {10**400}", "scenario.value", "at most 1e+15"),
        ("fleet = 9000000000000000000", "scenario.value", "at most 1e+15"),
        ("cloud.pue = 50", "scenario.value", "at most 10"),
        ('payload = "1e300 kB"', "scenario.value", "beyond every number"),
        ('cloud.request_rate = "1e-300 inference/s"', "scenario.value", "beyond every number"),
        ("a." * 2000 + "b = 1", "scenario.syntax", "recursion"),
        ("constants.network_fixed_average." + "a." * 2000 + "b = 1", "scenario.syntax", "recursion"),
    ],
)
def test_a_mistake_gets_one_message_that_names_it(text, code, words, constants):
    with pytest.raises(UsageError) as caught:
        read(text, constants)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_a_line_that_is_offered_for_a_constant_can_be_pasted(constants):
    for name in constants:
        with pytest.raises(UsageError) as caught:
            read(f"[constants]\n{name} = true", constants)
        offered = caught.value.do[0][1]
        assert read(f"[constants]\n{offered}", constants).overrides[0].value == pytest.approx(constants[name].value), offered
    with pytest.raises(UsageError) as caught:
        read("[constants]\npue_hyperscal = 1.2", constants)
    assert caught.value.do == (("did you mean pue_hyperscale?", 'pue_hyperscale = "1.15"'),)


def test_a_constant_of_the_user_is_traced_whatever_the_order_of_its_words(constants):
    own = read('[constants]\nnetwork_marginal_fixed = "0.1 J/Mbit"', constants)
    found = with_overrides(constants, own)["network_fixed_marginal"]
    assert found.value == pytest.approx(0.1 / 125_000)
    assert (found.source, found.low) == ("user", None)
    assert constants["network_fixed_marginal"].source != "user"


def test_hours_a_day_make_a_mean_rate(constants):
    assert read('rate = "3 inference/s"\nschedule.hours_per_day = "8 h/day"', constants).rate_per_s == pytest.approx(1.0)
    assert read("inferences_per_day = 86400\nschedule.hours_per_day = '8 h/day'", constants).rate_per_s == pytest.approx(1.0)


@settings(max_examples=30)
@given(st.floats(1e-3, 1e6))
def test_units_change_nothing(number):
    for one, other, unit in [("kB", "B", "byte"), ("h", "s", "second"), ("kWh", "J", "joule"), ("L/kWh", "mL/Wh", "litre/joule")]:
        factor = {"kB": 1e3, "h": 3600.0, "kWh": 3.6e6, "L/kWh": 1.0}[one]
        assert parse(f"{number!r} {one}", unit) == pytest.approx(parse(f"{number * factor!r} {other}", unit), rel=1e-12)


def test_the_airtime_of_lora_is_that_of_its_calculators():
    assert frame_s(23, 7) == pytest.approx(0.0617, abs=1e-4)
    assert frame_s(23, 12) == pytest.approx(1.4828, abs=1e-4)
    assert lora_duty(27_600, 1 / 3600, 7) > DUTY_CYCLE  # an image an hour is more than is allowed


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(7, 12))
def test_more_bytes_are_never_sooner_through(one, other, spreading_factor):
    few, many = sorted((one, other))
    assert 0 < airtime_s(few, spreading_factor) <= airtime_s(many, spreading_factor) * (1 + 1e-12)


def test_the_manual_holds_every_line():
    manual = (Path(__file__).parents[2] / "docs" / "scenario.md").read_text(encoding="utf-8")
    assert [entry.key for entry in FIELDS if f"| `{entry.key} = {entry.example}` |" not in manual] == []
