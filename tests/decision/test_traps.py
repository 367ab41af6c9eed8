"""The 22 known traps of comparing a device with a cloud, one test each: every one fails when the arithmetic walks into its trap."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.decision import Side, Slot, VerdictKind
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Estimate, Origin, Quality, Unknown
from edgekit.core.run import UserFunction
from edgekit.decision.accounts.embodied import amortised_kg, of_cloud, of_device
from edgekit.decision.accounts.energy import Convention, cloud_slots, conventions, idle_s
from edgekit.decision.accounts.totals import scaled
from edgekit.decision.comparison.ratio import energy_ratio
from edgekit.decision.decide import decide
from edgekit.decision.draws.montecarlo import Input, draw, summarise
from edgekit.decision.scenario.read import default_scenario, parse_scenario
from edgekit.decision.units import UnitProblem, parse
from tests.decision.test_accounting_rules import PRIMARY, USE, cloud, device, inputs
from tests.reports.records import artifact, cloud_gpu, edge_wall

EVERYTHING = """
payload = "100 kB"
rate = "10 inference/s"
device.role = "dedicated"
device.hardware = "sbc"
device.region = "DE"
device.ewif = "1.5 L/kWh"
cloud.region = "FR"
cloud.hardware = "h100"
cloud.wue = "0.3 L/kWh"
cloud.ewif = "2 L/kWh"
"""


def board(**changes):
    return edge_wall(**{"joules": 0.3, "seconds": 0.05, **changes})


def scenario(text, constants):
    return parse_scenario(text, where="s.toml", constants=constants)


def decided(text, constants, *runs):
    return decide(runs or (board(), cloud_gpu()), scenario(text, constants), constants)


def account(decision, side):
    return next(item for item in decision.accounts if item.side is side)


def test_t1_joules_behind_a_charger_and_at_the_wall_are_converted_before_they_compare(constants):
    usb = edge_wall(boundary=Boundary.USB_INPUT)
    bare, converted = (decided(text, constants, usb, cloud_gpu()) for text in ("", 'device.psu_efficiency = "80 %"'))
    assert bare.views[0].edge_j.boundary is Boundary.USB_INPUT
    assert converted.views[0].edge_j.boundary is Boundary.GRID
    assert converted.views[0].edge_j.value == pytest.approx(bare.views[0].edge_j.value / 0.8)
    assert isinstance(energy_ratio(usb, edge_wall())[0], Unknown)


def test_t2_joules_of_a_gpu_board_are_never_the_cloud(constants):
    decision = decided('payload = "0 B"\npayload_down = "0 B"', constants)
    gpu = next(item.energy_j.value for item in decision.slots if item.slot is Slot.INFERENCE_CLOUD)
    assert decision.views[0].cloud_j.value > 1.5 * gpu
    assert {Slot.HOST, Slot.IDLE, Slot.COOLING} <= {item.slot for item in decision.slots if isinstance(item.energy_j, Estimate)}


def test_t3_idle_is_not_charged_twice():
    always = device(Convention("marginal", "dedicated", "shared"))
    assert always == pytest.approx(0.5 + 3.0 * (1.0 - USE.device_s))  # not 3.0 W for the whole second, which the gross joules hold in part
    assert device(Convention("marginal", "incremental", "shared")) == pytest.approx(0.2)
    slots = cloud_slots(Convention("marginal", "gross", "dedicated"), inputs(), replace(USE, payload_bytes=0.0))
    assert float(slots[Slot.IDLE].joules[0]) == pytest.approx(2370 / 8 * (1 / 50 - 1e-3))


def test_t4_idle_is_charged_to_a_device_bought_for_this_and_to_reserved_gpus(constants):
    always, never = (decided(f'device.role = "{role}"', constants).views[0].edge_j.value for role in ("bought", "exists_anyway"))
    assert always > never
    reserved = Convention("marginal", "gross", "dedicated")
    assert cloud(reserved, replace(USE, service_rate_per_s=0.01)) > 1000 * cloud(replace(PRIMARY, cloud="shared"))


def test_t5_a_decision_is_a_question_about_change_so_the_primary_network_is_marginal(constants):
    views = list(conventions(default_scenario(constants)))
    assert views[0].network == "marginal"
    assert {view.network for view in views} == {"marginal", "average"}


def test_t6_bits_are_not_bytes():
    assert parse("1 kWh/GB", "joule/byte") == pytest.approx(8 * parse("0.125 kWh/GB", "joule/byte"))
    assert parse("1 Gbit", "byte") == 125e6
    with pytest.raises(UnitProblem, match="a lone b"):
        parse("0.001 kWh/Gb", "joule/byte")


@pytest.mark.parametrize("pue", [1.0, 1.2, 2.0])
def test_t7_water_on_site_follows_the_it_equipment_and_not_pue(constants, pue):
    text = EVERYTHING.replace('"2 L/kWh"', '"0 L/kWh"').replace('"1.5 L/kWh"', '"0 L/kWh"')
    water = account(decided(f"{text}\ncloud.pue = {pue}", constants), Side.CLOUD).water_l
    assert water.value == pytest.approx(account(decided(f"{text}\ncloud.pue = 1", constants), Side.CLOUD).water_l.value)
    assert water.value > 0


def test_t7_water_of_power_stations_follows_pue_once(constants):
    text = EVERYTHING.replace('"0.3 L/kWh"', '"0 L/kWh"').replace('"1.5 L/kWh"', '"0 L/kWh"')
    one, two = (account(decided(f"{text}\ncloud.pue = {pue}", constants), Side.CLOUD).water_l.value for pue in (1, 2))
    assert two == pytest.approx(2 * one)


def test_t8_market_based_factors_never_feed_the_sci(constants):
    clean = '\ncloud.grid_market_based = "0 gCO2e/kWh"\ndevice.grid_market_based = "0 gCO2e/kWh"'
    plain, bought = (account(decided(EVERYTHING + extra, constants), Side.CLOUD) for extra in ("", clean))
    assert bought.sci_kg == plain.sci_kg
    assert bought.operational_kg == plain.operational_kg
    assert (bought.market_kg.value, isinstance(plain.market_kg, Unknown)) == (0.0, True)


def test_t9_a_device_that_is_woken_pays_for_waking_up(constants):
    with pytest.raises(UsageError, match="wake-up"):
        scenario('device.power = "deep_sleep"\ndevice.sleep_power = "1 mW"', constants)
    text = (
        'rate = "1 inference/min"\ndevice.power = "deep_sleep"\ndevice.sleep_power = "1 mW"\ndevice.wake_energy = "2 J"\nschedule.burst = 4'
    )
    decision = decided(text, constants)
    assert {view.device for view in decision.views} == {"duty_cycled", "woken"}  # no view leaves waking out
    idle = next(item.energy_j.value for item in decision.slots if item.slot is Slot.IDLE and item.side is Side.DEVICE)
    assert 2 / 4 < idle < 2 / 4 + 0.060


def test_t10_a_batch_counts_only_where_requests_arrive_to_fill_it(constants):
    big, one = cloud_gpu("batched", batch=64, joules=1e-5), cloud_gpu()
    sparse = decided('rate = "1 inference/s"\nlatency_limit = "100 ms"', constants, board(), big, one)
    assert [(item.batch, item.chosen) for item in sparse.options if item.side is Side.CLOUD and item.eligible] == [(1, True)]
    assert "batch 64" in next(item.reason for item in sparse.options if item.batch == 64)


def test_t11_a_run_below_the_accuracy_floor_is_no_candidate(constants):
    poor = edge_wall(model=artifact(accuracy=0.5))
    decision = decided('accuracy_floor = "95 %"', constants, poor, cloud_gpu())
    assert "below the floor" in next(item.reason for item in decision.options if item.side is Side.DEVICE)
    assert not decision.views


def test_t12_runs_that_count_different_work_do_not_compare():
    whole = replace(edge_wall(), unit_of_work="decode, resize, invoke")
    assert "one inference is" in energy_ratio(edge_wall(), whole)[0].reason


def test_t12_a_side_that_leaves_out_work_does_not_win_by_it(constants):
    """A cloud that never decodes the picture does not take less by it, and a device that decodes it wins all the more."""
    decode = UserFunction(file="steps.py", function="decode", sha256="ab" * 32)

    def counting(run):
        return replace(run, plan=replace(run.plan, pre=decode))

    heavy, light, far = edge_wall(), edge_wall(joules=1e-6, seconds=1e-6, idle_w=0.001), cloud_gpu(joules=1e-4)
    near = 'payload = "0 B"\npayload_down = "0 B"\ncloud.request_rate = "9000 inference/s"'
    kinds = {
        (name, where): decided(near, constants, *pair).verdict.kind
        for name, run in (("heavy", heavy), ("light", light))
        for where, pair in (("none", (run, far)), ("device", (counting(run), far)), ("cloud", (run, counting(far))))
    }
    edge, cloud, open_ = VerdictKind.EDGE, VerdictKind.CLOUD, VerdictKind.INCONCLUSIVE
    assert [kinds["heavy", where] for where in ("none", "device", "cloud")] == [cloud, open_, cloud]
    assert [kinds["light", where] for where in ("none", "device", "cloud")] == [edge, edge, open_]
    notes = decided(near, constants, counting(heavy), far).notes
    assert "the cloud run leaves out pre-processing" in next(note.text for note in notes if note.code == "work.differs")


def test_t13_each_side_has_its_own_grid_and_the_network_that_of_the_device(constants):
    decision = decided(EVERYTHING, constants)
    device_grid, cloud_grid = constants["grid_DE"].value, constants["grid_FR"].value
    edge, far = account(decision, Side.DEVICE), account(decision, Side.CLOUD)
    assert edge.operational_kg.value == pytest.approx(edge.energy_j.value * device_grid)
    net = sum(item.energy_j.value for item in decision.slots if item.side is Side.CLOUD and item.slot is Slot.NETWORK)
    assert far.operational_kg.value == pytest.approx(net * device_grid + (far.energy_j.value - net) * cloud_grid)


def test_t14_constants_of_years_ago_are_marked_at_the_date_of_the_newest_run(constants):
    old, new = (
        decide(
            [replace(item, created=f"{year}-11-22T00:00:00Z") for item in (board(), cloud_gpu())],
            scenario(EVERYTHING, constants),
            constants,
        )
        for year in (2024, 2027)
    )
    assert not [item.id for item in old.constants if item.stale and item.year >= 2022]
    assert {"grid_DE", "grid_FR", "network_fixed_marginal"} <= {item.id for item in new.constants if item.stale}
    own = decided(f'{EVERYTHING}\n[constants]\ngrid_DE = "400 gCO2e/kWh"', constants)
    assert next((item.source, item.stale) for item in own.constants if item.id == "grid_DE") == ("user", False)


def test_t15_direct_and_life_cycle_factors_do_not_mix(constants):
    text = 'device.region = "DE"\ncloud.grid = "30 gCO2e/kWh"\ngrid.scope = "direct"'
    with pytest.raises(UsageError, match="direct and life-cycle"):
        scenario(text, constants)
    assert scenario(text.replace('region = "DE"', 'grid = "300 gCO2e/kWh"'), constants).grid_scope == "direct"


def test_t16_the_making_of_hardware_is_spread_by_one_rule_on_both_sides(constants):
    text = """
    rate = "10 inference/s"
    lifetime = "4 years"
    device.role = "dedicated"
    device.embodied = "100 kgCO2e"
    cloud.embodied = "100 kgCO2e"
    cloud.lifetime = "4 years"
    cloud.shape = "dedicated"
    """
    same = scenario(text, constants)
    use = replace(USE, rate_per_s=10.0, service_rate_per_s=10.0, gpu_s=0.01)
    assert of_device(same, constants).co2e_kg.value == pytest.approx(of_cloud(same, constants, use).co2e_kg.value)
    assert use.gpu_s + idle_s(use) == pytest.approx(0.1)


def test_t17_pue_is_of_the_data_centre_alone(constants):
    low, high = (decided(f"cloud.pue = {pue}", constants).views[0] for pue in (1.0, 2.0))
    assert low.edge_j == high.edge_j
    assert high.cloud_j.value > low.cloud_j.value


def test_t18_no_view_is_one_number(constants):
    for view in decided(EVERYTHING, constants).views:
        assert view.cloud_j.low < view.cloud_j.value < view.cloud_j.high
        assert view.p_edge.low < view.p_edge.high


def test_t19_a_stream_is_told_in_watts(constants):
    decision = decided('rate = "10 inference/s"\ndevice.power = "streaming"\ndevice.role = "dedicated"', constants)
    own = account(decision, Side.DEVICE)
    assert own.power_w.unit == "W"
    assert own.power_w.value == pytest.approx(10 * own.energy_j.value)
    assert decision.views[0].device == "dedicated"  # listening goes on between inferences


def test_t20_a_ratio_is_that_of_the_stated_values_and_no_mean_of_ratios():
    wide = Input(name="a", value=1.0, low=0.1, high=10.0, origins=(Origin.SOURCED,), evidence="x", group="a", shrink="")
    drawn = draw({"a": wide}, draws=20_000)["a"]
    found = summarise(np.array([1.0]) / np.array([1.0]), 1 / drawn, unit="1", inputs=[wide], quality=Quality.GOOD)
    assert found.value == 1.0
    assert float(np.mean(1 / drawn)) > 1.5  # what a mean of ratios would have said


def test_t21_an_idle_power_that_was_not_settled_is_unknown_and_not_used(constants):
    unsettled = cloud_gpu(idle_w=None)
    decision = decided('cloud.shape = "dedicated"', constants, edge_wall(), unsettled)
    assert decision.verdict.kind is VerdictKind.INCONCLUSIVE
    assert isinstance(decision.views[0].cloud_j, Unknown)


def exactly(value, unit, boundary=None):
    return Estimate(value=value, low=value, high=value, unit=unit, boundary=boundary, origins=(Origin.SOURCED,))


def test_t22_kilograms_are_not_grams_and_a_million_is_not_a_thousand():
    tokens_kg = scaled(exactly(6500.0, "kg"), 1e6 / 50e9).value  # a million of them
    assert tokens_kg * 1000 == pytest.approx(130.0)
    assert 0.13e-3 / tokens_kg == pytest.approx(1 / 1000)  # as the specification prints it
    parameters_kg = scaled(exactly(75_000.0, "kg"), 1e9 / 2.5e9).value  # a thousand million of them
    assert parameters_kg == pytest.approx(30_000.0)
    assert 3000.0 / parameters_kg == pytest.approx(0.1)  # as the specification prints it, and elsewhere as 30
    with pytest.raises(UnitProblem):
        parse("3 kg", "kgCO2e")
    assert parse("381 gCO2e/kWh", "kgCO2e/joule") == pytest.approx(0.381 / 3.6e6)


def test_the_specifications_own_example_of_making_a_server():
    hour, life = 3600.0, 4 * 365 * 24 * 3600.0
    assert 1000 * amortised_kg(1000.0, hour, life) == pytest.approx(28.5, abs=0.05)  # g CO2e


def test_the_specifications_own_score_is_energy_times_intensity_and_making(constants):
    """0.5 kWh at 500 g CO2e/kWh and 50 g of making are 300 g, whatever else is stated."""
    text = """
    rate = "1 inference/hour"
    lifetime = "4 years"
    device.role = "bought"
    device.power = "woken"
    device.wake_energy = "0 J"
    device.embodied = "1753.2 kgCO2e"
    device.grid = "500 gCO2e/kWh"
    cloud.region = "FR"
    """
    own = account(decided(text, constants, edge_wall(joules=1.8e6), cloud_gpu()), Side.DEVICE)
    assert own.embodied_kg.value == pytest.approx(0.05)
    assert own.sci_kg.value == pytest.approx(0.30)


def test_there_is_one_test_for_every_trap():
    names = [node.name for node in ast.parse(Path(__file__).read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    assert {int(name.split("_")[1][1:]) for name in names if name.startswith("test_t") and name.split("_")[1][1:].isdigit()} == set(
        range(1, 23)
    )


def test_the_money_of_a_device_is_its_price_its_years_and_its_electricity(constants):
    prices = 'prices = { device = "100 EUR", device_year = "12 EUR/year", electricity = "0.36 EUR/kWh", date = "2026-05-01" }'
    text = f'rate = "10 inference/s"\nlifetime = "4 years"\ndevice.role = "bought"\n{prices}'
    own = account(decided(text, constants), Side.DEVICE)
    per_year = 10 * 31_557_600.0
    assert own.money.value == pytest.approx((100 / 4 + 12) / per_year + own.energy_j.value * 0.36 / 3.6e6)
