from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary
from edgekit.core.decision import Decision, Side, Slot, VerdictKind
from edgekit.core.errors import UsageError
from edgekit.core.jsonio import dump_record, load_record
from edgekit.core.quantity import Estimate, Origin, Quality, Unknown
from edgekit.decision.decide import decide
from edgekit.decision.scenario.read import default_scenario, parse_scenario
from tests.reports.records import artifact, cloud_gpu, edge_emulated, edge_estimated, edge_rapl, edge_wall, run, training


def scenario(text, constants):
    return parse_scenario(text, where="s.toml", constants=constants)


@pytest.fixture
def default(constants):
    return default_scenario(constants)


def test_a_small_model_stays_on_the_device_in_all_eight_views(default, constants):
    decision = decide([edge_rapl(), cloud_gpu()], default, constants)
    assert decision.verdict.kind is VerdictKind.EDGE
    assert decision.verdict.sentence.startswith(
        "Keep digits_cnn int8 on the device: 30.0 µJ at the processor package alone (measured) there"
    )
    assert "robust in 8 of 8 accounting views" in decision.verdict.sentence
    assert "Flips only if" in decision.verdict.condition
    assert len(decision.views) == 8
    assert [view.primary for view in decision.views] == [True] + [False] * 7


def test_what_a_package_meter_does_not_see_is_said_and_bounded(default, constants):
    decision = decide([edge_rapl(), cloud_gpu()], default, constants)
    primary = decision.views[0]
    assert primary.edge_j.boundary is Boundary.CPU_PACKAGE
    assert primary.edge_j.notes[0].code == "lower_bound"
    assert primary.edge_j.quality is Quality.CAVEATS
    assert primary.ratio.notes[0].code == "upper_bound"
    assert "took more than" in decision.verdict.condition
    assert any(note.code == "boundary.unseen" for note in decision.notes)


def test_a_narrow_win_of_a_partial_meter_is_no_verdict_for_the_device(default, constants):
    near = cloud_gpu(joules=4e-5, idle_w=30.0)
    decision = decide([edge_rapl(), near], replace(default, payload_up_bytes=0.0, payload_down_bytes=0.0), constants)
    assert decision.verdict.kind is VerdictKind.DEPENDS
    assert "does not see" in decision.verdict.headline
    whole = decide([edge_rapl(boundary=Boundary.WALL), near], replace(default, payload_up_bytes=0.0, payload_down_bytes=0.0), constants)
    assert whole.verdict.kind is VerdictKind.EDGE


def test_what_a_charger_may_lose_is_told_as_its_efficiency(default, constants):
    bare = replace(default, payload_up_bytes=0.0, payload_down_bytes=0.0)

    def verdict(joules, **stated):
        near = cloud_gpu(joules=joules, idle_w=30.0)
        return decide([edge_rapl(boundary=Boundary.USB_INPUT), near], replace(bare, **stated), constants).verdict

    won, close, open_already = verdict(4e-4), verdict(2e-5), verdict(1.7e-5)
    assert won.kind is VerdictKind.EDGE, "no charger loses as much as that"
    assert "or if the charger delivered less than" in won.condition
    assert close.kind is VerdictKind.DEPENDS
    assert "flips when the charger delivered less than 87 % of what it drew" in close.headline
    assert close.condition.endswith("State device.psu_efficiency, or meter the device at its plug to settle it.")
    assert verdict(2e-5, psu_efficiency=0.95).kind is VerdictKind.EDGE
    assert open_already.headline == "depends on what the meter does not see"
    assert open_already.condition.startswith("At the unfavourable 95 % edge the cloud takes less already before the loss in the charger")


def test_a_heavy_model_goes_to_a_shared_cloud_when_gpus_are_not_reserved(constants):
    text = 'payload = "100 kB"\ncloud.request_rate = "900 inference/s"'
    big = cloud_gpu(joules=0.02, seconds=1e-3)
    decision = decide([edge_wall(joules=40.0, seconds=0.9), big], scenario(text, constants), constants)
    assert decision.verdict.kind is VerdictKind.CLOUD
    assert decision.verdict.sentence.startswith("Send digits_cnn to the cloud: ")
    flip = next(item for item in decision.flips if item.name == "payload")
    assert flip.value > 100_000
    assert "a payload of more than" in decision.verdict.condition


def test_a_board_in_between_depends_on_a_convention_and_says_where_it_flips(constants):
    decision = decide([edge_wall(), cloud_gpu(joules=0.02, seconds=1e-3)], scenario('payload = "100 kB"', constants), constants)
    assert decision.verdict.kind is VerdictKind.DEPENDS
    assert decision.verdict.headline.startswith("depends on ")
    assert "flips at" in decision.verdict.headline


def test_the_pi_against_a_shared_server_depends_on_network_accounting(constants):
    # decision arithmetic of a Pi-class board: average network energy is above its 3.36 J, marginal far below
    text = 'payload = "300 kB"\ncloud.request_rate = "900 inference/s"'
    decision = decide([edge_wall(idle_w=None), cloud_gpu(joules=0.02, seconds=1e-3)], scenario(text, constants), constants)
    assert decision.verdict.headline.startswith("depends on how the network is charged")
    assert "kWh/GB" in decision.verdict.headline


def test_too_close_to_call_names_the_input_to_measure(constants):
    text = 'network = "none"\ncloud.request_rate = "990 inference/s"'
    near = cloud_gpu(joules=0.05, seconds=1e-3, spread=0.01, idle_w=1.0)
    decision = decide([edge_wall(joules=0.09, seconds=0.02, spread=0.5, idle_w=0.1), near], scenario(text, constants), constants)
    assert decision.verdict.kind is VerdictKind.INCONCLUSIVE
    assert decision.verdict.headline == "inconclusive: measure the energy of the device run"
    assert decision.influences[0].share > 0.5


def test_without_a_cloud_run_the_verdict_is_the_command_that_records_one(default, constants):
    onnx = edge_rapl("e2", model=artifact(recipe="fp32", form="onnx"))
    decision = decide([edge_rapl(), onnx], default, constants)
    assert decision.verdict.kind is VerdictKind.INCONCLUSIVE
    assert decision.verdict.headline == "inconclusive: record a cloud run on a machine with an NVIDIA GPU"
    assert decision.verdict.commands[0][1] == "edgekit bench PATH/TO/digits_cnn.fp32.onnx --device cuda --meter nvml"
    assert decision.views == ()
    assert {item.side for item in decision.totals} == {Side.DEVICE}
    assert all(isinstance(entry.energy_j, Unknown) for entry in decision.slots if entry.side is Side.CLOUD)


def test_without_a_device_run_the_verdict_is_the_command_that_records_one(default, constants):
    decision = decide([cloud_gpu()], default, constants)
    assert decision.verdict.commands[0][1].startswith("edgekit bench ")
    assert decision.totals == ()


def test_unknown_idle_power_leaves_views_unknown_and_says_how_many(default, constants):
    decision = decide([edge_estimated(), cloud_gpu()], default, constants)
    assert decision.verdict.kind is VerdictKind.EDGE
    assert "robust in 4 of 8 accounting views; not covered: the 4 with an incremental device" in decision.verdict.sentence
    assert "net joules" in decision.verdict.sentence
    unknown = [view for view in decision.views if isinstance(view.p_edge, Unknown)]
    assert {view.device for view in unknown} == {"incremental"}
    assert all("net joules" in view.p_edge.reason for view in unknown)


def test_different_model_families_are_refused_with_both_hashes(default, constants):
    model = artifact()
    other = cloud_gpu(model=replace(model, source=replace(model.source, family="0" * 64)))
    with pytest.raises(UsageError) as caught:
        decide([edge_rapl(), other], default, constants)
    assert caught.value.exit_code == 2
    assert "0" * 64 in caught.value.why
    assert "f4" * 32 in caught.value.why


def test_different_weights_compare_in_energy_with_a_note(default, constants):
    model = artifact(recipe="fp32", form="onnx")
    other = cloud_gpu(model=replace(model, source=replace(model.source, weights_sha256="9" * 64)))
    decision = decide([edge_rapl(), other], default, constants)
    assert decision.verdict.kind is VerdictKind.EDGE
    assert any(note.code == "weights.differ" for note in decision.notes)


def test_the_best_artifact_is_the_cheapest_that_is_verified_accurate_and_fast_enough(constants):
    text = 'accuracy_floor = "95 %"\nlatency_limit = "1 ms"\nrate = "100 inference/s"'
    runs = [
        edge_rapl("good", joules=5e-5),
        edge_rapl("better", joules=4e-5),
        edge_rapl("failed", joules=1e-5, model=artifact(status="failed")),
        edge_rapl("poor", joules=1e-5, model=artifact(accuracy=0.90)),
        edge_rapl("untested", joules=1e-5, model=artifact(accuracy=None)),
        edge_rapl("late", joules=1e-5, seconds=5e-3),
        edge_rapl("overrun", joules=1e-5, seconds=0.02),
        edge_rapl("wall", joules=9.0, boundary=Boundary.CPU_CORE),
        edge_estimated("guess", joules=1e-6),
        edge_emulated("dream", joules=1e-7),
        cloud_gpu(),
    ]
    options = {option.run: option for option in decide(runs, scenario(text, constants), constants).options}
    assert [name for name, option in options.items() if option.chosen] == ["better", "20260420-h100-fp32-d4"]
    assert options["good"].eligible
    reasons = {name: option.reason for name, option in options.items() if not option.eligible}
    assert set(reasons) == {"failed", "poor", "untested", "late", "overrun", "wall", "guess", "dream"}
    assert "below the floor" in reasons["poor"]
    assert "accuracy unknown" in reasons["untested"]
    assert "above the limit" in reasons["late"]
    assert "too long for" in reasons["overrun"]
    assert "cpu_core" in reasons["wall"]
    assert "estimated, while" in reasons["guess"]
    assert "emulated, while" in reasons["dream"]


def test_what_a_sensor_may_not_have_seen_does_not_make_a_run_the_cheapest(default, constants):
    cheap = edge_rapl("locked", joules=1e-5)
    energy = replace(cheap.analysis.energy_j_per_inference, high=9e-5, quality=Quality.UNMEASURABLE)
    locked = replace(cheap, analysis=replace(cheap.analysis, energy_j_per_inference=energy))
    options = {option.run: option for option in decide([locked, edge_rapl("seen"), cloud_gpu()], default, constants).options}
    assert (options["seen"].chosen, options["locked"].eligible) == (True, False)
    assert "unmeasurable" in options["locked"].reason
    alone = decide([locked, cloud_gpu()], default, constants)
    assert next(option for option in alone.options if option.run == "locked").chosen
    assert all(view.edge_j.quality is Quality.UNMEASURABLE for view in alone.views if isinstance(view.edge_j, Estimate))


def test_a_large_batch_counts_only_where_arrivals_can_fill_it(constants):
    runs = [edge_rapl(), cloud_gpu(), cloud_gpu("batched", joules=1e-4, batch=64, seconds=5e-7)]

    def chosen(text):
        return next(
            item.run for item in decide(runs, scenario(text, constants), constants).options if item.chosen and item.side is Side.CLOUD
        )

    assert chosen("") == "20260420-h100-fp32-d4"
    assert chosen('latency_limit = "100 ms"') == "20260420-h100-fp32-d4"
    assert chosen('latency_limit = "100 ms"\ncloud.request_rate = "10000 inference/s"') == "batched"
    assert chosen("cloud.batch = 64") == "batched"


def test_emulated_runs_are_called_so_wherever_they_are_used(default, constants):
    decision = decide([edge_emulated(), cloud_gpu()], default, constants)
    assert decision.notes[0].code == "origin.emulated"
    assert "(emulated)" in decision.verdict.sentence
    assert decision.verdict.headline == "edge (robust) on emulated figures"
    many = decide([*(edge_emulated(f"e{number}") for number in range(5)), cloud_gpu()], default, constants)
    assert many.notes[0].text.startswith("5 of 6 runs were emulated")
    assert many.notes[0].advice == "emulated: e0, e1, e2 and 2 more"
    assert Origin.EMULATED in decision.views[0].ratio.origins


def test_a_modeled_cloud_is_called_so_in_the_headline(default, constants):
    decision = decide([edge_rapl(), cloud_gpu(origin=Origin.MODELED)], default, constants)
    assert decision.verdict.headline == "edge (robust) against a modeled cloud"
    assert any(note.code == "cloud.modeled" for note in decision.notes)
    assert any("--device cuda" in command for _, command in decision.verdict.commands)


def test_every_slot_is_counted_or_says_why_not_and_none_is_zero(default, constants):
    decision = decide([edge_rapl(), cloud_gpu()], default, constants, training=training())
    named = {(entry.slot, entry.side) for entry in decision.slots}
    assert {slot for slot, _ in named} == set(Slot)
    for entry in decision.slots:
        if isinstance(entry.energy_j, Unknown):
            assert entry.energy_j.reason
        else:
            assert entry.energy_j.value > 0
            assert entry.evidence


def test_both_sides_are_the_sums_of_their_slots(default, constants):
    decision = decide([edge_wall(), cloud_gpu()], replace(default, network="ble"), constants)
    for side, quantity in ((Side.DEVICE, decision.views[0].edge_j), (Side.CLOUD, decision.views[0].cloud_j)):
        parts = [entry.energy_j.value for entry in decision.slots if entry.side is side and isinstance(entry.energy_j, Estimate)]
        assert sum(parts) == pytest.approx(quantity.value)


def test_training_is_spread_over_the_life_of_the_fleet_and_cancels(constants):
    text = 'fleet = 10\nlifetime = "1 year"\nrate = "2 inference/s"'
    with_training = decide([edge_rapl(), cloud_gpu()], scenario(text, constants), constants, training=training())
    slot = next(entry for entry in with_training.slots if entry.slot is Slot.TRAINING)
    assert slot.side is Side.BOTH
    assert slot.energy_j.value == pytest.approx(310 / (20 * 365.25 * 86400))
    assert slot.energy_j.origins == (Origin.ESTIMATED,)
    assert with_training.views == decide([edge_rapl(), cloud_gpu()], scenario(text, constants), constants).views


def test_a_usb_meter_stays_a_lower_bound_until_the_charger_is_stated(default, constants):
    usb = edge_wall(boundary=Boundary.USB_INPUT)
    unstated = decide([usb, cloud_gpu()], default, constants).views[0].edge_j
    assert unstated.boundary is Boundary.USB_INPUT
    assert unstated.value == pytest.approx(3.36)
    assert any(note.code == "lower_bound" for note in unstated.notes)
    stated = decide([usb, cloud_gpu()], replace(default, psu_efficiency=0.8), constants).views[0].edge_j
    assert stated.boundary is Boundary.GRID
    assert stated.value == pytest.approx(3.36 / 0.8)
    at_the_plug = decide([edge_wall(), cloud_gpu()], replace(default, psu_efficiency=0.8), constants).views[0].edge_j
    assert at_the_plug.value == pytest.approx(3.36)


def test_each_side_is_charged_with_its_own_grid(constants):
    text = 'device.region = "PL"\ncloud.region = "SE"\npayload = "1 MB"'
    decision = decide([edge_wall(), cloud_gpu()], scenario(text, constants), constants)
    million = {item.side: item for item in decision.totals if item.period == "million inferences"}
    assert million[Side.DEVICE].co2e_kg.value == pytest.approx(3.36e6 / 3.6e6 * 0.6619)
    network = next(entry.energy_j.value for entry in decision.slots if entry.slot is Slot.NETWORK)
    inside = decision.views[0].cloud_j.value - network
    assert million[Side.CLOUD].co2e_kg.value == pytest.approx(1e6 / 3.6e6 * (inside * 0.0407 + network * 0.6619))
    assert Origin.SOURCED in million[Side.DEVICE].co2e_kg.origins


def test_without_regions_and_prices_carbon_and_money_are_unknown_with_a_reason(default, constants):
    for item in decide([edge_wall(), cloud_gpu()], default, constants).totals:
        assert "region" in item.co2e_kg.reason
        assert "prices" in item.money.reason


def test_prices_become_money_of_their_own_currency(constants):
    text = 'prices.electricity = "0.36 EUR/kWh"\nprices.gpu_hour = "3.6 USD/h"\nprices.date = "2026-05-01"'
    busy = constants["cloud_pool_utilisation"].value  # the pool's idle time is rented too
    million = {
        item.side: item.money
        for item in decide([edge_wall(), cloud_gpu()], scenario(text, constants), constants).totals
        if item.period == "million inferences"
    }
    assert (million[Side.DEVICE].value, million[Side.DEVICE].unit) == (pytest.approx(0.336), "EUR")
    assert (million[Side.CLOUD].value, million[Side.CLOUD].unit) == (pytest.approx(1e6 * 1.8e-5 * 0.001 / busy), "USD")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (
            'payload = "1 MB"\nrate = "1 inference/s"\nlatency_limit = "1 s"',
            'payload = "8 Mbit"\nrate = "3600 inference/h"\nlatency_limit = "1000 ms"',
        ),
        ('accuracy_floor = "90 %"\ncloud.pue = 1.5', 'accuracy_floor = 0.9\ncloud.pue = "150 %"'),
    ],
)
def test_other_units_do_not_change_the_decision(one, two, constants):
    first, second = (decide([edge_wall(), cloud_gpu()], scenario(text, constants), constants) for text in (one, two))
    assert first.verdict == second.verdict
    assert first.views == second.views


KWH = {"EUR/kWh": 1.0, "EUR/MWh": 1000.0, "EUR/Wh": 1e-3, "EUR/MJ": 1 / 3.6}
GRAMS = {"gCO2e/kWh": 1.0, "kgCO2e/kWh": 1e-3, "kgCO2e/MWh": 1.0, "gCO2e/MJ": 1 / 3.6}
BYTES = {"B": 1.0, "kB": 1e-3, "Mbit": 8e-6, "KiB": 1 / 1024}
RATES = {"inference/s": 1.0, "inference/min": 60.0, "inference/h": 3600.0, "inference/day": 86_400.0}


@settings(max_examples=8)
@given(
    size=st.floats(10, 1e7),
    rate=st.floats(1e-3, 1.5),
    grid=st.floats(1, 1200),
    price=st.floats(0.01, 1),
    units=st.tuples(
        st.sampled_from(sorted(BYTES)), st.sampled_from(sorted(RATES)), st.sampled_from(sorted(GRAMS)), st.sampled_from(sorted(KWH))
    ),
)
def test_no_unit_changes_a_decision(size, rate, grid, price, units, constants):
    def answer(of_bytes, of_rate, of_grid, of_price):
        text = (
            f'payload = "{size * BYTES[of_bytes]!r} {of_bytes}"\nrate = "{rate * RATES[of_rate]!r} {of_rate}"\n'
            f'device.grid = "{grid * GRAMS[of_grid]!r} {of_grid}"\ncloud.grid = "{grid * GRAMS[of_grid]!r} {of_grid}"\n'
            f'prices = {{ electricity = "{price * KWH[of_price]!r} {of_price}", gpu_hour = "3 EUR/h", date = "2026-05-01" }}'
        )
        found = decide([edge_wall(seconds=0.3), cloud_gpu(joules=0.02, seconds=1e-3)], scenario(text, constants), constants, draws=500)
        figures = [view.cloud_j.value for view in found.views]
        figures += [item.value for own in found.accounts for item in (own.operational_kg, own.money)]
        return [*figures, *(flip.value or 0.0 for flip in found.flips)], [item.answer for item in found.criteria], found.verdict.kind

    base, other = answer("B", "inference/s", "gCO2e/kWh", "EUR/kWh"), answer(*units)
    assert other[0] == pytest.approx(base[0], rel=1e-6)
    assert other[1:] == base[1:]


@settings(max_examples=25)
@given(
    edge_j=st.floats(1e-6, 1e2),
    cloud_j=st.floats(1e-6, 1e2),
    payload=st.floats(0, 1e7),
    spread=st.floats(0.001, 0.9),
    network=st.sampled_from(["fixed", "mobile", "ble", "none"]),
)
def test_any_decision_holds_its_values_survives_json_and_repeats_itself(edge_j, cloud_j, payload, spread, network, constants):
    runs = [edge_wall(joules=edge_j, spread=spread), cloud_gpu(joules=cloud_j, spread=spread)]
    wanted = replace(default_scenario(constants), payload_up_bytes=payload, network=network)
    decision = decide(runs, wanted, constants, training=training(), draws=500)
    assert decision == decide(runs, wanted, constants, training=training(), draws=500)
    assert load_record(Decision, dump_record(decision), where="test") == decision
    assert len(decision.views) == (4 if network == "none" else 8)
    for view in decision.views:
        for quantity in (view.p_edge, view.edge_j, view.cloud_j, view.ratio):
            assert isinstance(quantity, Unknown) or quantity.low <= quantity.value <= quantity.high
    if decision.verdict.kind is VerdictKind.EDGE:
        assert all(view.p_edge.value >= 0.95 for view in decision.views)
    if decision.verdict.kind is VerdictKind.CLOUD:
        assert all(view.p_edge.value <= 0.05 for view in decision.views)


@given(one=st.floats(0, 1e6), other=st.floats(0, 1e6))
@settings(max_examples=20)
def test_more_payload_never_lowers_the_chance_of_the_device(one, other, constants):
    small, large = sorted((one, other))
    runs = [edge_wall(joules=0.1, seconds=0.01, spread=0.3), cloud_gpu(joules=0.03, seconds=1e-3)]
    chances = [
        [
            view.p_edge.value
            for view in decide(runs, replace(default_scenario(constants), payload_up_bytes=size), constants, draws=500).views
        ]
        for size in (small, large)
    ]
    assert all(before <= after for before, after in zip(*chances, strict=True))


def test_a_run_on_another_machine_can_be_named_the_cloud(default, constants):
    server = run("server", joules=0.5, boundary=Boundary.CPU_PACKAGE, device="rack", seconds=0.01)
    decision = decide([edge_rapl(), server], default, constants, cloud_ids=frozenset({"server"}))
    chosen = next(option for option in decision.options if option.side is Side.CLOUD)
    assert chosen.run == "server"
    assert decision.views[0].cloud_j.boundary is Boundary.CPU_PACKAGE
    assert decision.views[0].ratio.notes[0].code == "partial"
