"""Numbers are rounded to what their interval supports, never to something else."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgekit.core.units import (
    format_between,
    format_compact,
    format_ends,
    format_interval,
    format_number,
    format_scaled,
    format_with_interval,
    scale_for,
    significant_digits,
)

FACTORS = {"G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6, "n": 1e-9, "p": 1e-12}
values = st.floats(min_value=1e-11, max_value=1e11) | st.floats(min_value=-1e11, max_value=-1e-11)


def read(text: str, unit: str) -> float:
    number, _, shown = text.partition(" ")
    return float(number) * FACTORS[shown.removesuffix(unit)]


@pytest.mark.parametrize(
    ("value", "unit", "low", "high", "text"),
    [
        (2.134e-6, "J", 2.0e-6, 2.3e-6, "2.13 µJ"),
        (2.134567e-6, "J", 2.1345e-6, 2.1346e-6, "2.1346 µJ"),
        (0.25, "W", None, None, "250 mW"),
        (3600.0, "s", None, None, "3600 s"),
        (0.0, "J", 0.0, 0.0, "0 J"),
        (0.0005, "kg", None, None, "500 mg"),
        (1500.0, "kg", None, None, "1.50 t"),
        (0.913, "1", None, None, "0.913"),
        (-1.5e-3, "J", None, None, "-1.50 mJ"),
        (5.2, "USD", None, None, "5.20 USD"),
        (2.0, "J", 1.0, math.inf, "2.00 J"),
    ],
)
def test_examples(value: float, unit: str, low: float | None, high: float | None, text: str) -> None:
    assert format_scaled(value, unit, low, high) == text


@given(values, st.integers(2, 8))
def test_rounding_is_within_half_of_the_last_digit(value: float, digits: int) -> None:
    shown = float(format_number(value, digits))
    assert abs(shown - value) <= 0.5 * 10 ** (math.floor(math.log10(abs(value))) - digits + 1) * (1 + 1e-9)


@given(values, st.floats(min_value=1e-4, max_value=2.0))
def test_the_printed_value_stays_inside_its_interval(value: float, relative: float) -> None:
    half = abs(value) * relative
    low, high = value - half, value + half
    shown = read(format_scaled(value, "J", low, high), "J")
    assert low <= shown <= high


@given(values, st.floats(min_value=1e-3, max_value=0.9), st.floats(min_value=1e-3, max_value=0.9))
def test_a_narrower_interval_never_shows_fewer_digits(value: float, one: float, other: float) -> None:
    narrow, wide = sorted((one, other))
    digits = [significant_digits(value, value - abs(value) * part, value + abs(value) * part) for part in (narrow, wide)]
    assert 2 <= digits[1] <= digits[0] <= 5


@given(st.floats(min_value=1e-11, max_value=1e11), st.sampled_from(("J", "W", "B", "Hz")))
def test_a_scaled_number_is_between_one_and_a_thousand(value: float, unit: str) -> None:
    divisor, _ = scale_for(value, unit)
    assert 1 <= value / divisor < 1000 * (1 + 1e-12)


@given(values, values)
def test_an_interval_reads_back_in_order_and_in_one_unit(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assume(high - low > 0.02 * max(abs(low), abs(high)))
    match = re.fullmatch(r"(\S+) to (\S+) (\S+)", format_interval(low, high, "J"))
    assert match is not None
    factor = FACTORS[match[3].removesuffix("J")]
    half = (high - low) / 2
    assert abs(float(match[1]) * factor - low) <= 0.0501 * half, "two digits of the half-width are meant, so half of a tenth is lost"
    assert abs(float(match[2]) * factor - high) <= 0.0501 * half
    assert float(match[1]) < float(match[2])


@given(st.floats(min_value=1.0, max_value=900.0), st.floats(min_value=1e-12, max_value=0.09))
def test_an_interval_tells_its_ends_apart_to_the_place_of_its_value(value: float, relative: float) -> None:
    low, high = value * (1 - relative), value * (1 + relative)
    text, shown = format_interval(low, high, "J"), format_scaled(value, "J", low, high).split()[0]
    if text.startswith("within"):
        assert relative <= float(text.split()[1]) / 100
        assert relative < 1e-4, "five digits tell all others apart"
        return
    ends = [part.rpartition(".")[2] for part in text.removesuffix(" J").split(" to ")]
    assert ends[0] != text.removesuffix(" J").split(" to ")[1]
    if math.floor(math.log10(high)) == math.floor(math.log10(value)) == math.floor(math.log10(float(shown))):
        assert [len(end) for end in ends if "." in text] in ([], [len(shown.rpartition(".")[2])] * 2)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (2.8128, 2.8140, "2.8128 to 2.8140 W"),
        (0.9992, 1.0009, "0.9992 to 1.0009 W"),
        (0.6, 5.8, "0.60 to 5.8 W"),
        (-8e-17, 1.0, "0.00 to 1.00 W"),
        (0.0, 4.0, "0 to 4.0 W"),
        (1.21479e-3, 1.21481e-3, "within 0.001 %"),
        (2.0, 2.0, "no width"),
    ],
)
def test_examples_of_intervals(low: float, high: float, text: str) -> None:
    assert format_interval(low, high, "W") == text
    assert format_ends(low, high, "W") == text
    assert format_ends(2e-6, 1.26e-3, "W") == "2.0 µW to 1.26 mW"
    assert format_between(0.97222, 0.9583, 0.9831) == "0.972 (0.958 to 0.983)"


def test_a_narrow_column_holds_value_and_interval() -> None:
    assert format_compact(0.85, 0.66, 1.04, "J") == "850 ± 190 mJ"
    assert format_compact(2.0, 2.0, 2.0, "W") == "2.00 W"
    assert format_compact(732e-6, 732e-6 - 1.3e-18, 732e-6 + 1.4e-18, "J") == "732.000 ± <0.001 µJ"
    assert format_with_interval(732e-6, 732e-6 - 1.3e-18, 732e-6 + 1.3e-18, "J") == "732.000 µJ ± <0.001 µJ"
    assert format_with_interval(1.5, 1.5 - 1e-9, 1.5 + 1e-9, "1") == "1.50000 ± <0.00001"
    assert format_compact(1.9e-3, 0.6e-3, 5.8e-3, "J") == format_interval(0.6e-3, 5.8e-3, "J")


def test_a_value_lost_in_its_interval_is_written_in_the_units_of_the_interval() -> None:
    assert format_compact(-8.0e-17, -7.2e-6, 7.2e-6, "J") == "0.0 ± 7.2 µJ"
    assert format_compact(1.3e-6, 1.3e-6 - 2.46e-5, 1.3e-6 + 2.46e-5, "J") == "1 ± 25 µJ"
    assert format_with_interval(-3.4e-7, -3.4e-7 - 7.2e-6, -3.4e-7 + 7.2e-6, "J") == "-0.3 µJ ± 7.2 µJ"
    assert format_with_interval(1e-17, -2e-6, 4e-6, "J") == "0.0 µJ (-2.0 to 4.0 µJ)"


@given(value=values, relative=st.floats(min_value=1.01, max_value=1e12))
def test_a_value_lost_in_its_interval_never_has_an_exponent(value: float, relative: float) -> None:
    half = abs(value) * relative
    if half < 1e11:
        assert "e" not in format_compact(value, value - half, value + half, "J").removesuffix("J")
