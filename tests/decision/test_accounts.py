"""Carbon, water and money of a side are made of the draws that its joules are made of."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.decision import Side, Slot, VerdictKind
from edgekit.core.quantity import Estimate, Unknown
from edgekit.decision.accounts.energy import conventions
from edgekit.decision.decide import decide
from edgekit.decision.scenario.read import default_scenario, parse_scenario
from tests.reports.records import cloud_gpu, edge_rapl, edge_wall

PRICES = 'prices = { electricity = "0.36 EUR/kWh", gpu_hour = "3.6 EUR/h", data = "0.1 EUR/GB", date = "2026-05-01" }\n'


def decided(constants, text="", *runs):
    pair = runs or (edge_wall(joules=0.3, seconds=0.05), cloud_gpu())
    return decide(pair, parse_scenario(text, where="s.toml", constants=constants), constants, draws=20_000)


def account(decision, side):
    return next(item for item in decision.accounts if item.side is side)


def criterion(decision, name):
    return next(item for item in decision.criteria if item.name == name)


def test_carbon_has_the_interval_of_the_slots_that_cause_it_and_not_that_of_all_joules(constants):
    """Only the network has a dirty grid here: what the data centre leaves open must not widen or narrow its carbon."""
    text = 'payload = "1 kB"\npayload_down = "0 B"\ndevice.grid = "500 gCO2e/kWh"\ncloud.grid = "0 gCO2e/kWh"'
    decision = decided(constants, text)
    network = next(item.energy_j for item in decision.slots if item.slot is Slot.NETWORK)
    carbon = account(decision, Side.CLOUD).operational_kg
    ends = [joules * 0.5 / 3.6e6 for joules in (network.low, network.value, network.high)]
    assert [carbon.low, carbon.value, carbon.high] == pytest.approx(ends)


def test_an_sci_score_has_the_interval_of_its_sum_and_not_the_sum_of_intervals(constants):
    text = 'device.region = "DE"\ncloud.region = "PL"\ncloud.hardware = "h100"\npayload = "0 B"\npayload_down = "0 B"'
    own = account(decided(constants, text, edge_wall(), cloud_gpu(joules=2e-3)), Side.CLOUD)
    assert own.sci_kg.value == pytest.approx(own.operational_kg.value + own.embodied_kg.value)
    wide = own.operational_kg.high - own.operational_kg.low, own.embodied_kg.high - own.embodied_kg.low
    assert max(wide) < own.sci_kg.high - own.sci_kg.low < 0.95 * sum(wide)


@pytest.mark.parametrize("stated", ['"5 kgCO2e (2 to 10)"', '{ value = "5 kgCO2e", low = "2000 gCO2e", high = "10 kgCO2e" }'])
def test_a_range_stated_with_what_making_the_device_emitted_reaches_m_and_the_sci(stated, constants):
    text = 'device.role = "bought"\ndevice.region = "DE"\ncloud.region = "DE"\nrate = "1/s"\nlifetime = "1 year"'
    decision = decided(constants, f"{text}\ndevice.embodied = {stated}", edge_wall(), cloud_gpu())
    own = account(decision, Side.DEVICE)
    per_inference = [kg / 31_557_600 for kg in (2.0, 5.0, 10.0)]
    assert [own.embodied_kg.low, own.embodied_kg.value, own.embodied_kg.high] == pytest.approx(per_inference, rel=0.02)
    assert own.sci_kg.high - own.sci_kg.low >= 0.95 * (own.embodied_kg.high - own.embodied_kg.low)
    shown = next(item.value for item in decision.assumptions if item.name == "device.embodied")
    assert shown == "5.00 (2.00 to 10.0) kg CO2e"


def test_what_a_lower_bound_is_made_into_is_a_lower_bound(constants):
    own = account(decided(constants, f'device.region = "DE"\n{PRICES}', edge_rapl(), cloud_gpu()), Side.DEVICE)
    for figure in (own.operational_kg, own.money):
        assert "lower_bound" in {note.code for note in figure.notes}


def test_money_is_asked_in_every_view_and_said_beside_another_answer_by_joules(constants):
    cheap = PRICES.replace("3.6 EUR/h", "0.0001 EUR/h").replace("0.1 EUR/GB", "0 EUR/GB").replace("0.36", "3600")
    runs = edge_wall(joules=1e-4, seconds=0.001, idle_w=0.01), cloud_gpu()
    dear, free = (decided(constants, text, *runs) for text in (PRICES, cheap))
    assert free.verdict.kind is dear.verdict.kind is VerdictKind.EDGE
    assert (criterion(dear, "money").answer, criterion(free, "money").answer) == ("device", "cloud")
    assert "By money: the cloud costs less" in free.verdict.sentence
    assert "money" not in dear.verdict.sentence
    assert criterion(free, "money").views == len(free.views)


def test_money_of_two_currencies_or_without_a_price_is_no_answer(constants):
    for text, words in ((PRICES.replace("3.6 EUR/h", "3.6 USD/h").replace("0.1 EUR/GB", "0.1 USD/GB"), "no currency"), ("", "prices")):
        found = criterion(decided(constants, text), "money")
        assert found.answer == "unknown"
        assert words in found.text


@pytest.mark.parametrize("shape", ["autoscaled", "shared"])
def test_a_pool_is_paid_with_all_that_its_utilisation_leaves_open(constants, shape):
    paid = account(decided(constants, f'cloud.shape = "{shape}"\nnetwork = "none"\n{PRICES}'), Side.CLOUD).money
    busy = constants["cloud_pool_utilisation"]
    assert paid.high / paid.value == pytest.approx(busy.value / busy.low, rel=0.05)
    assert paid.low / paid.value == pytest.approx(busy.value / busy.high, rel=0.05)
    own = f'cloud.shape = "{shape}"\ncloud.utilisation = "50 %"\nnetwork = "none"\n{PRICES}'
    stated = account(decided(constants, own), Side.CLOUD).money
    assert stated.value == pytest.approx(paid.value * busy.value / 0.5)


def test_updates_cost_their_data_and_the_networks_own_joules_are_in_that_price(constants):
    text = f'rate = "1 inference/h"\nupdates.ota_size = "10 MB"\nupdates.ota_per_year = "12 /year"\n{PRICES}'
    own = account(decided(constants, text), Side.DEVICE)
    assert own.money.value == pytest.approx(0.3 * 0.36 / 3.6e6 + 12 * 10e6 * 0.1 / 1e9 / (365.25 * 24))


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("", {"gross", "incremental"}),
        ('device.role = "bought"', {"dedicated", "gross"}),
        ('device.role = "shared"\ndevice.share = "20 %"', {"shared", "incremental", "gross"}),
        ('device.power = "streaming"', {"dedicated", "gross"}),
        ('device.power = "streaming"\ndevice.role = "exists_anyway"', {"dedicated", "gross", "incremental"}),
        ('device.power = "streaming"\ndevice.role = "shared"\ndevice.share = "20 %"', {"shared", "incremental", "gross"}),
    ],
)
def test_views_span_what_the_scenario_makes_plausible(text, devices, constants):
    views = list(conventions(parse_scenario(text, where="s.toml", constants=constants)))
    assert {view.device for view in views} == devices
    assert len(set(views)) == len(views) == 2 * 2 * len(devices)


def test_a_role_that_nobody_stated_is_said_where_it_decides(constants):
    def remarked(text):
        return [note.text for note in decided(constants, text).notes if note.code == "scenario.role"]

    assert "bought for this and kept on" in remarked('payload = "1 MB"\nnetwork = "mobile"\nrate = "1 inference/min"')[0]
    assert remarked('payload = "1 MB"\nnetwork = "mobile"\nrate = "1 inference/min"\ndevice.role = "exists_anyway"') == []
    assert remarked('payload = "0 B"\npayload_down = "0 B"\nrate = "1 inference/min"') == []


GRIDS = """
payload = "0 B"
payload_down = "0 B"
cloud.request_rate = "900 inference/s"
device = { grid = "300 gCO2e/kWh", grid_marginal = "100 gCO2e/kWh" }
cloud = { grid = "20 gCO2e/kWh", grid_marginal = "900 gCO2e/kWh", request_rate = "900 inference/s" }
"""


def test_carbon_that_turns_with_the_grid_names_that_axis_and_the_factor_at_which_it_turns(constants):
    runs = edge_wall(joules=0.06, seconds=0.05, spread=0.02, idle_w=0.1), cloud_gpu(joules=0.05, seconds=1e-3, spread=0.01)
    decision = decided(constants, GRIDS.replace('cloud.request_rate = "900 inference/s"\n', ""), *runs)
    found = criterion(decision, "carbon of operation")
    assert found.answer == "depends"
    assert "it depends on which grid factor counts the carbon" in found.text
    flip = next(item for item in decision.flips if item.name == "cloud grid")
    assert flip.numeric == pytest.approx(flip.value, rel=1e-6)
    assert f"flips at {flip.text}" in found.text
    assert "By carbon of operation: it depends on which grid" in decision.verdict.sentence
    primary = decision.views[0]
    assert flip.value * primary.cloud_j.value == pytest.approx(primary.edge_j.value * 300 / 3.6e9)


def test_carbon_that_no_view_is_sure_of_for_the_other_side_is_open_and_does_not_depend(constants):
    """Some views are sure of the device and none is of the cloud: that is no contradiction, and no axis turns it."""
    text = 'payload = "1 MB"\ndevice.region = "DE"\ncloud.region = "DE"\ncloud.request_rate = "900 inference/s"\ndevice.role = "bought"'
    found = criterion(decided(constants, text, edge_wall(joules=0.35, seconds=0.5, idle_w=0.1), cloud_gpu()), "carbon of operation")
    assert found.for_edge > 0
    assert found.for_cloud == 0
    assert found.for_edge < found.views
    assert found.answer == "open"


def test_a_gate_counts_all_that_an_answer_waits_for(constants):
    """The account of time and the gate of time are one arithmetic."""
    cold = 'cloud = { shape = "serverless", cold_start = "3 s", cold_share = "2 %" }\nradio.round_trip = "10 ms"'
    woken = 'device = { power = "woken", wake_energy = "1 J", wake_time = "2 s" }'
    for text, side in ((cold, Side.CLOUD), (woken, Side.DEVICE)):
        decision = decided(constants, f'latency_limit = "1 s"\n{text}')
        gate = next(item for item in decision.gates if (item.name, item.side) == ("latency", side))
        assert gate.passed is False
        assert account(decision, side).latency_s.value > 1


def test_a_default_scenario_has_no_price_and_no_grid_and_says_so_of_both(constants):
    decision = decide([edge_wall(), cloud_gpu()], default_scenario(constants), constants, draws=2_000)
    assert {item.name: item.answer for item in decision.criteria} == {"carbon of operation": "unknown", "money": "unknown"}
    assert all(isinstance(item.sci_kg, Unknown) for item in decision.accounts)


def test_figures_that_are_zero_or_cannot_be_told_from_zero_break_nothing(constants):
    """Joules that may be none on either side, an idle power of zero, no payload, no network: figures or reasons, and never nan."""
    text = f'network = "none"\npayload = "0 B"\npayload_down = "0 B"\ndevice.role = "bought"\n{PRICES}'
    for edge_spread, cloud_spread in ((0.05, 1.0), (1.0, 0.05), (1.0, 1.0), (1.5, 1.5)):
        pair = edge_wall(joules=0.3, seconds=0.05, spread=edge_spread, idle_w=0.0), cloud_gpu(spread=cloud_spread)
        with np.errstate(all="raise"):
            decision = decided(constants, text, *pair)
        for view in decision.views:
            for figure in (view.p_edge, view.edge_j, view.cloud_j, view.ratio):
                assert isinstance(figure, Unknown) or figure.low <= figure.value <= figure.high
        assert all(flip.value is None or 0 < flip.value < float("inf") for flip in decision.flips)
        assert all(isinstance(item.money, Estimate) for item in decision.accounts)


@pytest.mark.parametrize(
    ("text", "kg"),
    [
        ('device.role = "bought"\ndevice.hardware = "sbc"', 9.5),
        ('device.role = "shared"\ndevice.share = "10 %"\ndevice.embodied = "5 kgCO2e"', 0.5),
        ('device.embodied = "5 kgCO2e"', None),  # it exists anyway: nothing was added that anybody stated
        ('device.role = "bought"\ndevice.added_embodied = "5 kgCO2e"', None),  # not what M counts of such a device
    ],
)
def test_what_must_be_paid_back_is_what_m_counts(text, kg, constants):
    where = 'payload = "10 MB"\nnetwork = "mobile"\nrate = "10 inference/s"\ndevice.region = "DE"\ncloud.region = "DE"'
    decision = decided(constants, f"{where}\n{text}", edge_wall(joules=1e-3, seconds=0.001, idle_w=1e-6), cloud_gpu())
    flip = next((item for item in decision.flips if item.name == "embodied payback"), None)
    made = account(decision, Side.DEVICE).embodied_kg
    assert (flip is None) == isinstance(made, Unknown) == (kg is None)
    if flip is not None:
        inferences = flip.value / 86_400 * 4 * 31_557_600
        saved = (account(decision, Side.CLOUD).operational_kg.value - account(decision, Side.DEVICE).operational_kg.value) * inferences
        assert saved == pytest.approx(kg, rel=1e-3)
        assert flip.numeric == pytest.approx(flip.value, rel=1e-6)


def test_carbon_with_making_is_a_yardstick_of_its_own_and_never_contradicts_the_scores_beside_it(constants):
    """The making of a device that is asked seldom outweighs what each inference saves: by operation it wins, by its SCI it loses."""
    text = (
        'device.role = "exists_anyway"\ndevice.added_embodied = "0.17 kgCO2e (0.16 to 0.18)"\ncloud.hardware = "h100"\npayload = "32 kB"\n'
        'network = "ble"\ndevice.region = "DE"\ncloud.region = "NL"\ncloud.request_rate = "100 /s"\nlifetime = "4 years"\nrate = '
    )
    runs = edge_wall(joules=3e-4, seconds=0.01, idle_w=1e-3), cloud_gpu(joules=1e-3)
    first = decided(constants, f'{text}"1/s"', *runs)
    per_day = next(item.value for item in first.flips if item.name == "embodied payback")
    for times, answer in ((0.5, "cloud"), (2.0, "device")):
        decision = decided(constants, f'{text}"{times * per_day / 86_400} inference/s"', *runs)
        found = criterion(decision, "carbon with making (SCI)")
        device, cloud = (account(decision, side).sci_kg for side in (Side.DEVICE, Side.CLOUD))
        assert (device.value < cloud.value) == (found.p_edge.value > 0.5) == (answer == "device")
        assert criterion(decision, "carbon of operation").answer == "device"
        assert "pay back the carbon of making the device" in found.text
    seldom = f'{text}"{0.5 * per_day / 86_400} inference/s"'
    grid = next(item for item in decided(constants, seldom, *runs).flips if item.name == "cloud grid (SCI)")
    moved = decided(constants, f'{seldom}\ncloud.grid = "{grid.value * 3.6e9} gCO2e/kWh"'.replace('cloud.region = "NL"\n', ""), *runs)
    device, cloud = (account(moved, side).sci_kg.value for side in (Side.DEVICE, Side.CLOUD))
    assert device == pytest.approx(cloud, rel=1e-6)
    assert grid.numeric == pytest.approx(grid.value, rel=1e-6)
    equal = decided(constants, f'{text}"{per_day / 86_400} inference/s"', *runs)
    device, cloud = (account(equal, side).sci_kg.value for side in (Side.DEVICE, Side.CLOUD))
    assert device == pytest.approx(cloud, rel=1e-6)


def test_making_that_is_known_of_one_side_alone_gives_no_answer(constants):
    text = 'device.added_embodied = "1 kgCO2e"\ndevice.region = "DE"\ncloud.region = "DE"'
    found = criterion(decided(constants, text, edge_wall(), cloud_gpu()), "carbon with making (SCI)")
    assert found.answer == "unknown"
    assert "cloud.hardware" in found.text
