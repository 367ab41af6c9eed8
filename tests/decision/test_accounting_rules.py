from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary
from edgekit.core.decision import Slot
from edgekit.decision.accounts.energy import Convention, NotComputable, Usage, cloud_slots, device_slots, idle_s, total

USE = Usage(
    rate_per_s=1.0,
    payload_bytes=1000.0,
    network="fixed",
    psu_efficiency=None,
    device_s=0.01,
    gpu_s=1e-3,
    service_rate_per_s=50.0,
    sees_host=False,
    device_at=Boundary.GRID,
    cloud_at=Boundary.GRID,
    cloud_metered_at=Boundary.GPU_BOARD,
)
PRIMARY = Convention("marginal", "gross", "shared")
positive = st.floats(1e-6, 1e6)


def inputs(**changes):
    values = {
        "device_j": 0.5,
        "device_net_j": 0.2,
        "device_idle_w": 3.0,
        "cloud_j": 0.01,
        "cloud_idle_w": 70.0,
        "server_idle_w": 296.25,
        "pue": 1.2,
        "cloud_total": 1 / 0.58,
        "cloud_idle_share": 0.10,
        "cloud_facility_share": 0.08,
        "network_marginal": 4e-7,
        "network_average": 1e-4,
        "radio_ble": 2e-7,
        **changes,
    }
    return {name: np.array([value]) for name, value in values.items() if value is not None}


def device(view=PRIMARY, use=USE, **changes):
    return float(total(device_slots(view, inputs(**changes), use))[0])


def cloud(view=PRIMARY, use=USE, **changes):
    return float(total(cloud_slots(view, inputs(**changes), use))[0])


def test_the_published_split_is_reproduced_and_cooling_is_counted_once():
    slots = cloud_slots(PRIMARY, inputs(pue=1 / 0.92), replace(USE, payload_bytes=0))
    joules = {slot: float(amount.joules[0]) for slot, amount in slots.items()}
    whole = 0.01 / 0.58
    # at the PUE that the source's own facility share implies, its own shares come back
    assert joules[Slot.INFERENCE_CLOUD] == pytest.approx(0.58 * whole)
    assert joules[Slot.HOST] == pytest.approx((1 - 0.58 - 0.18) * whole)
    assert joules[Slot.IDLE] == pytest.approx(0.10 * whole)
    assert joules[Slot.COOLING] == pytest.approx(0.08 * whole)


def test_worked_network_figures():
    assert cloud(use=replace(USE, payload_bytes=100_000)) - cloud(use=replace(USE, payload_bytes=0)) == pytest.approx(0.04)
    ble = cloud_slots(PRIMARY, inputs(), replace(USE, network="ble", payload_bytes=32_000))
    assert float(ble[Slot.RADIO].joules[0]) == pytest.approx(0.0064)


@given(positive, positive)
def test_more_payload_never_helps_the_cloud(one, other):
    small, large = sorted((one, other))
    for view in (PRIMARY, Convention("average", "gross", "dedicated")):
        assert cloud(view, replace(USE, payload_bytes=small)) <= cloud(view, replace(USE, payload_bytes=large))
        assert device(view, replace(USE, payload_bytes=small)) == device(view, replace(USE, payload_bytes=large))


@given(st.floats(1.0, 3.0), st.floats(1.0, 3.0))
def test_pue_raises_the_cloud_and_never_touches_the_device_or_the_network(one, other):
    low, high = sorted((one, other))
    assert cloud(pue=low) <= cloud(pue=high)
    assert device(pue=low) == device(pue=high)
    network = [cloud_slots(PRIMARY, inputs(pue=value), USE)[Slot.NETWORK].joules[0] for value in (low, high)]
    assert network[0] == network[1]


@given(st.floats(0.05, 0.999))
def test_a_charger_loss_raises_every_part_of_the_device_alike(efficiency):
    lossy = replace(USE, psu_efficiency=efficiency)
    for view in ("gross", "incremental", "dedicated"):
        convention = Convention("marginal", view, "shared")
        assert device(convention, lossy) == pytest.approx(device(convention) / efficiency)


@given(st.floats(0.001, 900), st.floats(0.001, 900))
def test_more_load_never_hurts_a_dedicated_cloud_on_one_gpu(one, other):
    few, many = sorted((one, other))
    view = Convention("marginal", "gross", "dedicated")
    assert cloud(view, replace(USE, service_rate_per_s=many)) <= cloud(view, replace(USE, service_rate_per_s=few)) * (1 + 1e-12)


def test_a_dedicated_service_pays_for_the_gpus_it_needs():
    assert idle_s(USE) == pytest.approx(1 / 50 - 1e-3)
    assert idle_s(replace(USE, service_rate_per_s=1500)) == pytest.approx(2 / 1500 - 1e-3)
    assert idle_s(replace(USE, service_rate_per_s=1000)) == pytest.approx(0)


def test_idle_is_charged_once():
    dedicated = device(Convention("marginal", "dedicated", "shared"))
    assert dedicated == pytest.approx(0.5 + 3.0 * (1 - 0.01))
    slots = cloud_slots(Convention("marginal", "gross", "dedicated"), inputs(), USE)
    assert Slot.IDLE in slots
    assert "cloud_idle_share" in slots[Slot.HOST].inputs  # taken out of the published total before idle is added from the run


def test_an_idle_reserved_gpu_takes_its_eighth_of_an_idle_server_whoever_metered_it():
    """Eight H200 drew 2370 W at the wall before the run, most of it unseen by the meters of the GPUs."""
    reserved, seldom = Convention("none", "gross", "dedicated"), replace(USE, service_rate_per_s=1.0, network="none")
    seen = [
        cloud_slots(reserved, inputs(cloud_idle_w=idle_w), replace(seldom, sees_host=sees_host))[Slot.IDLE].joules[0]
        for idle_w, sees_host in ((70.0, False), (2370 / 8, True), (400.0, False))
    ]
    assert seen == pytest.approx([2370 / 8 * 0.999, 2370 / 8 * 0.999, 400 * 0.999])  # what the GPU alone draws is the least
    # 296 W at a PUE of 1.15 and one inference a second, as published: 341 J
    assert cloud(reserved, seldom, cloud_j=0.0, pue=1.15) == pytest.approx(341, rel=2e-3)
    # a GPU that works lightly keeps its server no less busy than an idle one does
    light = replace(seldom, service_rate_per_s=1 / seldom.gpu_s)
    assert cloud(reserved, light, cloud_j=0.1 * seldom.gpu_s, pue=1.0) == pytest.approx(2370 / 8 * seldom.gpu_s)
    pool = Convention("none", "gross", "autoscaled")
    assert cloud_slots(pool, inputs(pool_utilisation=0.25), seldom)[Slot.IDLE].joules[0] == pytest.approx(2370 / 8 * 3e-3)


def test_a_server_metered_at_its_plug_gets_pue_and_nothing_else():
    slots = cloud_slots(PRIMARY, inputs(), replace(USE, sees_host=True, payload_bytes=0))
    assert Slot.HOST not in slots
    assert float(total(slots)[0]) == pytest.approx(0.01 * 1.2)


@pytest.mark.parametrize(
    ("view", "missing"),
    [
        (Convention("marginal", "incremental", "shared"), "device_net_j"),
        (Convention("marginal", "dedicated", "shared"), "device_idle_w"),
    ],
)
def test_an_unknown_input_makes_a_view_not_computable_instead_of_zero(view, missing):
    with pytest.raises(NotComputable):
        device(view, **{missing: None})


def test_an_unknown_gpu_idle_power_makes_dedicated_views_not_computable():
    with pytest.raises(NotComputable):
        cloud(Convention("marginal", "gross", "dedicated"), cloud_idle_w=None)
