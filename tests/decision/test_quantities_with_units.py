from __future__ import annotations

import pytest

from edgekit.decision.units import UnitProblem, kind_of, parse


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("120 kB", "byte", 120_000),
        ("1 KiB", "byte", 1024),
        ("8 Mbit", "byte", 1e6),
        ("10 inf/s", "inference/s", 10),
        ("86400 inferences/day", "inference/s", 1),
        ("4 years", "second", 126_230_400),
        ("50 ms", "second", 0.05),
        ("5 %", "", 0.05),
        ("95 %", "", 0.95),
        (0.85, "", 0.85),
        ("381 gCO2e/kWh", "kgCO2e/joule", 0.381 / 3.6e6),
        ("0.36 EUR/kWh", "EUR/joule", 1e-7),
        ("3.6 USD/h", "USD/s", 0.001),
        ("0.05 W/Mbit*s", "joule/byte", 0.05 * 8 / 1e6),
    ],
)
def test_texts_become_base_units(text, unit, value):
    assert parse(text, unit) == pytest.approx(value, rel=1e-12)


def test_a_per_cent_is_exact_enough_to_be_compared_with_a_floor():
    assert parse("95 %", "") == 0.95


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("3 kg", "byte", "is a mass; an amount of data is expected"),
        ("5", "byte", "has no unit"),
        (5, "byte", "has no unit"),
        ("5 %", "byte", "is a plain ratio"),
        ("3 Gb", "byte", "write GB"),
        ("10 Hz", "inference/s", "not a unit"),
        ("2 EUR/kWh", "USD/joule", "price"),
        ("1,5 s", "second", "cannot be read"),
        ("many", "byte", "not a number"),
        ("1 ((", "byte", "cannot be read"),
        ("1e999 B", "byte", "beyond every number"),
        (True, "byte", "not a quantity"),
        (None, "byte", "not a quantity"),
        ("nan B", "byte", "not a number"),
    ],
)
def test_everything_else_is_refused_in_words(text, unit, words):
    with pytest.raises(UnitProblem, match=words.replace("(", r"\(")):
        parse(text, unit)


def test_currencies_and_co2e_are_dimensions_of_their_own():
    assert kind_of("EUR") == kind_of("USD") == "an amount of money"
    with pytest.raises(UnitProblem):
        parse("1 kg", "kgCO2e")
