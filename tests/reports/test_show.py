from __future__ import annotations

from dataclasses import replace

from edgekit.core.quantity import SPAN, Estimate, Note, Origin
from edgekit.reports.show import figure, one_line

TIME = Estimate(value=4.65e-6, low=4.34e-6, high=5.36e-6, unit="s", origins=(Origin.MEASURED,), level=1.0)


def test_an_interval_that_is_not_of_95_per_cent_says_so():
    assert one_line(figure(TIME)) == "4.65 µs (4.34 to 5.36 µs, min to max; measured)"
    assert one_line(figure(replace(TIME, level=0.95))) == "4.65 µs (4.34 to 5.36 µs; measured)"
    binned = replace(TIME, notes=(Note(code=SPAN, text="the bin of its histogram"),))
    assert "4.34 to 5.36 µs, the bin of its histogram" in one_line(figure(binned))
    exact = replace(TIME, low=TIME.value, high=TIME.value)
    assert one_line(figure(exact)) == "4.65 µs (measured)"
