"""What the NVML meter makes of a probe beyond what every meter must."""

from __future__ import annotations

import pytest

from edgekit.meters.nvml import NvmlMeter


def spec(*limits, domain="gpu"):
    rows = [
        {"id": f"nvml.gpu{place}.energy", "raw_unit": "mJ", "measurand": "energy_counter", "domain": domain, "power_limit_w": limit}
        for place, limit in enumerate(limits)
    ]
    return NvmlMeter().spec({"usable": True, "channels": rows})


@pytest.mark.parametrize(
    ("limits", "most"), [([70.0], 105.0), ([70.0, 450.0], 675.0), ([None], 2000.0), ([70.0, None], 2000.0), ([1e9], 2000.0)]
)
def test_no_board_can_have_drawn_more_than_half_as_much_again_as_its_power_limit(limits, most):
    assert spec(*limits).max_power_w == most


def test_the_limit_of_a_board_does_not_bound_the_module_that_it_is_part_of():
    assert spec(700.0, domain="gpu_module").max_power_w == 2000.0
