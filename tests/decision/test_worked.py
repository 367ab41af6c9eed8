"""The worked scenarios of the method: ResNet-50 on a Raspberry Pi 4 and on an Orin against eight H200, wall joules per inference.

Device, server and runtimes are published MLPerf Inference rows; factors are drawn log-uniformly from their published ranges. Intervals are
5 % and 95 % points, as they were worked out. The range of the radio was not written down: it is the one that gives the printed intervals.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from edgekit.decision.accounts.energy import Convention, device_slots, total
from edgekit.decision.turning import roots
from tests.decision.test_accounting_rules import USE

DRAWS = 200_000
KWH_PER_GB = 3.6e-3  # J/B
PI_J, PI_S, PI_IDLE_W = 3.3566, 0.588, 3.06
ORIN_J = 0.0201
IDLE_W, FULL_W, FULL_PER_S = 2370.0, 4954.0, 556_234.0
SPREAD = 1.093  # of a published joule per inference, either way

WALL = replace(USE, payload_bytes=1e5, network="ble", sees_host=True, gpu_s=1 / FULL_PER_S)


def between(low, high, name):
    places = np.random.default_rng([20261122, *name.encode()]).uniform(math.log(low), math.log(high), DRAWS)
    return np.exp(places)


def node_j(share):
    """Joules of the server's own power per inference, at a share of what it can serve."""
    return (IDLE_W + share * (FULL_W - IDLE_W)) / (share * FULL_PER_S)


def drawn(*, device_j=PI_J, busy=(0.15, 0.6), network, **changes):
    return {
        "device_j": device_j * between(1 / SPREAD, SPREAD, "device"),
        "cloud_j": node_j(between(*busy, "busy")),
        "pue": between(1.04, 1.56, "pue"),
        "network_marginal": KWH_PER_GB * between(*network, "network"),
        "radio_ble": 8 * between(12e-9, 165e-9, "radio"),
        **changes,
    }


FIXED_AVERAGE, FIXED_MARGINAL = (0.0065, 0.06), (0.5e-4, 2e-4)
MOBILE_AVERAGE, MOBILE_MARGINAL = (0.06, 0.23), (0.8e-3, 3.4e-3)
DEDICATED = (0.0005, 0.01)
VIEW = Convention("marginal", "gross", "shared")


@pytest.mark.parametrize(
    ("network", "busy", "cloud_j", "p_edge"),
    [
        (FIXED_AVERAGE, (0.15, 0.6), (2.7, 7.2, 19.4), 0.85),
        (FIXED_MARGINAL, (0.15, 0.6), (0.062, 0.104, 0.181), 0.00),
        (FIXED_MARGINAL, DEDICATED, (0.7, 2.5, 9.4), 0.40),
        (MOBILE_AVERAGE, (0.15, 0.6), (23, 42, 78), 1.00),
        (MOBILE_MARGINAL, (0.15, 0.6), (0.37, 0.66, 1.18), 0.00),
    ],
)
def test_a_pi_against_a_server_comes_out_as_worked(network, busy, cloud_j, p_edge):
    x = drawn(network=network, busy=busy)
    device, cloud = roots.sides(VIEW, x, WALL)
    assert np.percentile(device, (5, 50, 95)) == pytest.approx((3.10, 3.36, 3.64), rel=0.01)
    assert np.percentile(cloud, (5, 50, 95)) == pytest.approx(cloud_j, rel=0.05)
    assert float(np.mean(device < cloud)) == pytest.approx(p_edge, abs=0.03)


@pytest.mark.parametrize(
    ("network", "busy", "p_edge"),
    [(FIXED_AVERAGE, (0.15, 0.6), 1.0), (FIXED_MARGINAL, (0.15, 0.6), 0.0), (FIXED_MARGINAL, DEDICATED, 0.67)],
)
def test_what_the_pi_adds_while_it_is_on_anyway_comes_out_as_worked_once_idle_is_taken_at_the_wall_too(network, busy, p_edge):
    x = drawn(network=network, busy=busy)
    mixed = x["device_j"] - PI_IDLE_W * PI_S  # an idle power after the charger taken from joules before it: trap T1
    assert float(np.median(mixed)) == pytest.approx(1.56, rel=0.01)
    at_the_wall = x["device_j"] - PI_IDLE_W / 0.87 * PI_S
    assert float(np.median(at_the_wall)) == pytest.approx(1.29, rel=0.01)
    view = replace(VIEW, device="incremental")
    for net, expected in ((mixed, p_edge), (at_the_wall, None)):
        chance = float(np.mean(roots.margins(view, {**x, "device_net_j": net}, WALL) > 0))
        if expected is not None:
            assert chance == pytest.approx(expected, abs=0.03)
        assert (chance >= 0.95, chance <= 0.05) == (p_edge >= 0.95, p_edge <= 0.05)  # the answer stays what it was


@pytest.mark.parametrize("network", [FIXED_MARGINAL, FIXED_AVERAGE])
def test_an_orin_wins_under_either_network_accounting(network):
    x = drawn(device_j=ORIN_J, network=network)
    device, cloud = roots.sides(VIEW, x, WALL)
    assert np.percentile(device, (5, 50, 95)) == pytest.approx((0.0185, 0.020, 0.022), rel=0.02)
    assert float(np.mean(device < cloud)) > 0.999


def test_the_tornado_of_the_method_is_reproduced():
    def ratio(*, kwh_per_gb=0.0065, payload=1e5, share=0.3, device_j=PI_J, pue=1.15):
        x = {
            "device_j": device_j,
            "cloud_j": node_j(share),
            "pue": pue,
            "network_marginal": KWH_PER_GB * kwh_per_gb,
            "radio_ble": 0.0,
        }
        x = {name: np.array([float(value)]) for name, value in x.items()}
        device, cloud = roots.sides(VIEW, x, replace(WALL, payload_bytes=payload))
        return float(cloud[0] / device[0])

    assert ratio() == pytest.approx(0.70, abs=0.01)
    assert (ratio(kwh_per_gb=1.1e-4), ratio(kwh_per_gb=0.06)) == pytest.approx((0.018, 6.4), rel=0.03)
    assert (ratio(payload=1e4), ratio(payload=1e6)) == pytest.approx((0.08, 7.0), rel=0.06)
    assert (ratio(share=0.001), ratio(share=0.6)) == pytest.approx((2.16, 0.70), rel=0.02)
    assert ratio(device_j=1.8608) == pytest.approx(1.27, rel=0.01)  # another runtime
    assert ratio(device_j=PI_J - PI_IDLE_W * PI_S) == pytest.approx(1.52, rel=0.02)
    assert (ratio(pue=1.08) < 1) == (ratio(pue=1.56) < 1)


@pytest.mark.parametrize(
    ("device_j", "way_j", "per_s"),
    [(PI_J, 0.04, 823), (1.8608, 0.04, 1501), (PI_J - PI_IDLE_W * PI_S, 0.04, 1803), (PI_J, 2.34, 2694), (ORIN_J, 0.04, None)],
)
def test_the_load_at_which_a_reserved_server_pays_off_comes_out_as_worked(device_j, way_j, per_s):
    x = {
        "device_j": device_j,
        "cloud_j": FULL_W / FULL_PER_S,
        "cloud_idle_w": IDLE_W,
        "pue": 1.15,
        "network_marginal": way_j / WALL.payload_bytes,
        "radio_ble": 0.0,
    }
    view = Convention("marginal", "gross", "dedicated")
    found = float(roots.service_per_s(view, {name: np.array([float(value)]) for name, value in x.items()}, WALL)[0])
    assert math.isnan(found) if per_s is None else found == pytest.approx(per_s, rel=0.01)


def test_sending_the_sound_takes_29_inferences_and_sending_its_features_half_of_one():
    j_per_byte, inference_j = 8 * 27e-9, 245e-6
    sound_j, features_j = (size * j_per_byte for size in (32_000, 490))
    assert sound_j == pytest.approx(7.0e-3, rel=0.02)
    assert features_j == pytest.approx(0.11e-3, rel=0.05)
    x = {
        name: np.array([value])
        for name, value in {
            "device_j": inference_j,
            "cloud_j": 0.0,
            "pue": 1.0,
            "network_marginal": 0.0,
            "radio_ble": j_per_byte,
        }.items()
    }
    free = replace(WALL, payload_bytes=32_000.0)  # the cloud computes for nothing
    device, cloud = roots.sides(VIEW, x, free)
    assert float(cloud[0] / device[0]) == pytest.approx(28, abs=1)
    flip = float(roots.payload_bytes(VIEW, x, free)[0])
    assert flip == pytest.approx(1.1e3, rel=0.05)  # "flips only if you send 1.1 kB of features or less"
    assert float(total(device_slots(VIEW, x, free))[0]) == pytest.approx(inference_j)
