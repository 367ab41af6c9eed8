"""What an instrument says of itself must be possible: records and plug-ins are read, not believed."""

from __future__ import annotations

import math

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin


def channel(**fields: float) -> Channel:
    return Channel(
        id="c", meter="m", boundary=Boundary.WALL, measurand=Measurand.POWER, unit="W", origin=Origin.MEASURED, **{"scale": 1.0, **fields}
    )


@pytest.mark.parametrize("value", [-1.0, 0.0, math.nan, math.inf, 1e308])
def test_a_period_or_a_scale_that_no_sensor_has_is_refused(value):
    for name in ("scale", "update_period_s", "averaging_s"):
        with pytest.raises(ValueError, match=name):
            channel(**{name: value})


@pytest.mark.parametrize("value", [-1.0, 1.01, math.nan])
def test_a_share_beyond_nothing_and_all_is_refused(value):
    with pytest.raises(ValueError, match="no share"):
        channel(sampled_fraction=value)


@pytest.mark.parametrize(
    "fields", [{"gain_rel": -1.0}, {"gain_rel": 1e300}, {"offset_w": -5.0}, {"gain_factor": -2.0}, {"load_factor": 0.5}]
)
def test_an_accuracy_that_nobody_can_state_is_refused(fields):
    with pytest.raises(ValueError, match="accuracy"):
        Accuracy(source="t", **fields)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_a_meter_that_can_read_no_power_is_refused(value):
    with pytest.raises(ValueError, match="max_power_w"):
        MeterSpec(kind="m", channels=(channel(),), accuracy=Accuracy(source="t"), max_power_w=value)
