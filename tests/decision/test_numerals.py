from __future__ import annotations

import pytest

from edgekit.decision.numerals import amount, count, factor, multiple, plain, rate, size, spread


@pytest.mark.parametrize(("value", "shown"), [(1.5, "1.5"), (58, "58"), (804.2, "800"), (11_000, "11,000"), (1.44e6, "1,400,000")])
def test_factors_group_their_thousands(value, shown):
    assert multiple(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(100, "100"), (86_400, "86,400"), (1e6, "1 million"), (8.64e6, "8.64 million"), (3_155_760_000, "3.16 billion")]
)
def test_counts_become_words(value, shown):
    assert count(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(1, "1 inference/s"), (0.5, "0.5 inferences/s"), (100, "100 inferences/s")])
def test_rates_have_a_singular(value, shown):
    assert rate(value) == shown


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (3.838e-6, 3.76e-6, 3.92e-6, "3.84 µJ"),
        (37.2e-6, 11e-6, 126e-6, "37 µJ"),
        (1.2345, 1.2335, 1.2355, "1.234 J"),
        (2.0, None, None, "2.00 J"),
    ],
)
def test_a_value_has_the_digits_its_interval_supports_and_not_more_than_its_ends_show(value, low, high, shown):
    assert amount(value, "J", low, high) == shown


@pytest.mark.parametrize(("of_bytes", "shown"), [(490, "490 B"), (0.25, "0.250 B"), (5000, "5.00 kB"), (100_100, "100 kB")])
def test_bytes_are_scaled_from_a_thousand_on(of_bytes, shown):
    assert size(of_bytes) == shown


def test_ends_that_are_decades_apart_have_their_own_units():
    assert spread(2.16e-5, 2.16e-3, "J") == "21.6 µJ to 2.16 mJ"
    assert spread(1.2003e-3, 1.2009e-3, "J") == "1.200 to 1.201 mJ"
    assert spread(1.20063e-3, 1.20065e-3, "J") == "within 0.1 %"
    assert spread(1.11e-5, 1.26e-4, "J") == "11.1 to 126 µJ"


def test_an_interval_takes_the_unit_of_its_value_where_it_can_be_read_in_it():
    assert spread(26.2, 2610.0, "W", 260.0) == "26.2 to 2,610 W"
    assert spread(1.11e-5, 1.26e-4, "J", 3.7e-5) == "11.1 to 126 µJ"
    assert spread(1e-6, 1.0, "J", 1e-3) == "1.00 µJ to 1.00 J"
    assert spread(-1e-5, 1e-3, "J", 5e-4) == "-10.0 to 1,000 µJ"


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (2.0, 1.9277, 2.0766, ("2.00", "1.93 to 2.08")),
        (1.2641, 1.2637, 1.2645, ("1.2641", "1.2637 to 1.2645")),
        (1.264, 1.264 - 1e-8, 1.264 + 1e-8, ("1.2640", "within 0.001 %")),
        (11_000.0, 9000.0, 13_000.0, ("11,000", "9,000 to 13,000")),
    ],
)
def test_the_ends_of_a_factor_are_told_apart(value, low, high, shown):
    assert factor(value, low, high) == shown


def test_bytes_are_whole_and_constants_have_no_exponent():
    assert size(40) == "40 B"
    assert size(14_336) == "14.3 kB"
    assert plain(5e-05) == "0.00005"
    assert plain(381.0) == "381"
    assert plain(20) == "20"
