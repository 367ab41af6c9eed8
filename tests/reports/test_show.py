from __future__ import annotations

from dataclasses import replace

from edgekit.core.quantity import SPAN, Estimate, Note, Origin
from edgekit.reports.show import figure, money, one_line

TIME = Estimate(value=4.65e-6, low=4.34e-6, high=5.36e-6, unit="s", origins=(Origin.MEASURED,), level=1.0)


def test_an_interval_that_is_not_of_95_per_cent_says_so():
    assert one_line(figure(TIME)) == "4.65 µs (4.34 to 5.36 µs, min to max; measured)"
    assert one_line(figure(replace(TIME, level=0.95))) == "4.65 µs (4.34 to 5.36 µs; measured)"
    binned = replace(TIME, notes=(Note(code=SPAN, text="the bin of its histogram"),))
    assert "4.34 to 5.36 µs, the bin of its histogram" in one_line(figure(binned))
    exact = replace(TIME, low=TIME.value, high=TIME.value)
    assert one_line(figure(exact)) == "4.65 µs (measured)"


def test_money_names_its_currency_once_and_shows_no_two_ends_that_look_alike():
    def shown(value, low, high):
        return one_line(money(Estimate(value=value, low=low, high=high, unit="EUR", origins=(Origin.MODELED,))))

    assert shown(5.74e-3, 1.85e-3, 1.78e-2) == "0.00574 EUR (0.00185 to 0.0178 EUR; modeled)"
    assert shown(1e-3, -1e-3, 2e-3) == "0.00100 EUR (-0.00100 to 0.00200 EUR; modeled)"
    assert shown(2e-4, 1e-5, 3e-3) == "0.000200 EUR (10.0 µEUR to 0.00300 EUR; modeled)"
    assert shown(0.5, 0.4999, 0.5001) == "0.500 EUR (within 0.1 %; modeled)"
