from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.decision.accounts.energy import Convention
from edgekit.decision.turning import breakeven
from tests.decision.test_accounting_rules import PRIMARY, USE, cloud, device, inputs


@given(st.floats(0.03, 1e3), st.floats(1e-5, 1e-2))
def test_the_payload_flip_in_closed_form_is_the_one_found_by_bisection(device_j, cloud_j):
    flip = breakeven.payload(PRIMARY, inputs(device_j=device_j, cloud_j=cloud_j), USE)
    assert flip.value is not None
    assert flip.numeric == pytest.approx(flip.value, rel=1e-6)
    at = replace(USE, payload_bytes=flip.value)
    assert cloud(use=at, cloud_j=cloud_j) == pytest.approx(device(use=at, device_j=device_j), rel=1e-9)


def test_no_payload_flips_a_device_that_takes_less_than_an_empty_request():
    flip = breakeven.payload(PRIMARY, inputs(device_j=1e-6), USE)
    assert flip.value is None
    assert flip.numeric is None


def test_the_load_at_which_a_reserved_gpu_pays_off_agrees_with_the_published_form_and_with_bisection():
    view, x = Convention("marginal", "gross", "dedicated"), inputs(device_j=2.0)
    flip = breakeven.service_rate(view, x, USE)
    assert flip.numeric == pytest.approx(flip.value, rel=1e-6)
    # u* = PUE P_idle / ((E_e - E_n) R_full - PUE (P_full - P_idle)): an idle server per GPU, and what host and memory add to a busy one
    active, x = 1.2 * (1 / 0.58) * 0.82, inputs(device_j=2.0, cloud_j=0.5)
    flip = breakeven.service_rate(view, x, USE)
    idle_w, full_w, rate_full = 1.2 * 296.25, active * 0.5 / USE.gpu_s, 1 / USE.gpu_s
    share = idle_w / ((2.0 - 4e-4) * rate_full - (full_w - idle_w))
    assert flip.value == pytest.approx(share * rate_full, rel=1e-6)


def test_no_load_flips_a_device_that_takes_less_than_a_busy_gpu():
    assert breakeven.service_rate(Convention("marginal", "gross", "dedicated"), inputs(device_j=1e-5), USE).value is None


def test_the_network_factor_flip_makes_both_sides_equal():
    flip = breakeven.network_rate(PRIMARY, inputs(), USE)
    assert flip.numeric == pytest.approx(flip.value, rel=1e-6)
    assert cloud(network_marginal=flip.value) == pytest.approx(device())


def test_the_idle_share_flip_lies_between_the_two_conventions():
    x = inputs(device_j=0.5, device_net_j=0.01, cloud_j=0.1)
    flip = breakeven.idle_share(PRIMARY, Convention("marginal", "incremental", "shared"), x, USE)
    assert 0 < flip.value < 1
    assert flip.numeric == pytest.approx(flip.value, rel=1e-6)


def test_the_cloud_factor_is_the_ratio_of_both_sides():
    flip = breakeven.cloud_factor(PRIMARY, inputs(), USE)
    assert flip.value == pytest.approx(device() / cloud())
    assert flip.numeric == pytest.approx(flip.value, rel=1e-9)
