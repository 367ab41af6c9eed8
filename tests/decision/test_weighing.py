from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.decision import Side, VerdictKind
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Unknown
from edgekit.decision.decide import decide
from edgekit.decision.draws.criteria import grids
from edgekit.decision.draws.montecarlo import draw, shared_terms
from edgekit.decision.scenario.read import default_scenario, parse_scenario
from edgekit.decision.turning.tornado import tornado
from edgekit.decision.turning.worth import _value
from tests.decision.test_accounting_rules import PRIMARY, USE, inputs
from tests.decision.test_draws import made
from tests.reports.records import artifact, cloud_gpu, edge_rapl, edge_wall, estimate, run

DRAWS = 20_000


def decided(runs, constants, text="", **changes):
    return decide(runs, parse_scenario(text, where="s.toml", constants=constants), constants, draws=DRAWS, **changes)


def metered(run_id, joules, instrument, **changes):
    budget = (BudgetTerm(name="gain", kind="B", u=0.04 * joules, instrument=instrument), BudgetTerm(name="rest", kind="A", u=0.01 * joules))
    return run(run_id, joules=joules, boundary=Boundary.WALL, spread=0.08, budget=budget, seconds=0.01, **changes)


def test_what_one_meter_errs_alike_on_both_sides_cancels_in_the_ratio(constants):
    def width(device_meter, cloud_meter):
        pair = [metered("edge", 1.0, device_meter), metered("server", 0.5, cloud_meter)]
        ratio = decided(pair, constants, 'network = "none"\ncloud.pue = 1.0', cloud_ids=frozenset({"server"})).views[0].ratio
        assert ratio.value == pytest.approx(0.5)
        return ratio.high - ratio.low

    assert width("plug:1", "plug:1") < 0.45 * width("plug:1", "plug:2")


def test_inputs_share_what_their_instruments_bring_and_keep_their_own_interval():
    budget = (BudgetTerm(name="gain", kind="B", u=0.03, instrument="m"), BudgetTerm(name="noise", kind="A", u=0.04))
    shares = shared_terms(replace(estimate(1.0, 0.1, "W", origin="measured"), budget=budget))
    assert shares == (("m", pytest.approx(0.36)),)
    one, two = (replace(made(name, 1.0, 0.9, 1.1), shared=shares) for name in "ab")
    drawn = draw({"a": one, "b": two}, draws=100_000)
    assert float(np.corrcoef(np.log(drawn["a"]), np.log(drawn["b"]))[0, 1]) == pytest.approx(0.36, abs=0.01)
    assert np.percentile(drawn["a"], (2.5, 97.5)) == pytest.approx((0.9, 1.1), rel=0.005)


def test_bars_of_a_product_are_as_long_upwards_as_downwards_and_ordered_by_length(constants):
    x = inputs(device_j=0.5, network_marginal=0.0, pue=1.0)
    table = {
        "device_j": made("device_j", 0.5, 0.25, 1.0),
        "cloud_j": made("cloud_j", 0.01, 0.008, 0.0125),
        **{name: made(name, float(x[name][0]), float(x[name][0]), float(x[name][0])) for name in x if name not in ("device_j", "cloud_j")},
    }
    bars = {bar.input: bar for bar in tornado(PRIMARY, [PRIMARY], default_scenario(constants), table, x, replace(USE, payload_bytes=0.0))}
    assert list(bars) == ["the energy of the device run", "the energy of the cloud run"]
    base = 0.01 / 0.58 / 0.5 * 0.92  # cloud over device with neither facility nor network
    for bar in bars.values():
        assert math.log(bar.ratio_high / base) == pytest.approx(-math.log(bar.ratio_low / base), rel=1e-6)
    assert not any(bar.flips for bar in bars.values())


def test_a_bar_that_turns_the_answer_says_at_which_value(constants):
    decision = decided([edge_wall(), cloud_gpu(joules=0.02, seconds=1e-3)], constants, 'payload = "1 MB"')
    bar = next(item for item in decision.tornado if item.input.startswith("the payload"))
    flip = next(item for item in decision.flips if item.name == "payload")
    assert bar.flips
    assert bar.at == pytest.approx(flip.value, rel=1e-6)
    assert bar.ratio_low < 1 < bar.ratio_high


def test_knowing_an_input_is_worth_what_theory_says_and_nothing_where_it_cannot_turn_the_answer():
    rng = np.random.default_rng(3)
    wide, narrow = rng.standard_normal(200_000), 0.2 * rng.standard_normal(200_000)
    changes, avoided = _value(wide, wide + narrow)
    assert changes == pytest.approx(0.5, abs=0.04)
    assert avoided == pytest.approx(1 / math.sqrt(2 * math.pi), rel=0.02)  # E[max(z, 0)]
    assert _value(narrow, wide + narrow)[1] < 0.25 * avoided
    assert _value(wide, wide + 100.0) == (0.0, pytest.approx(0.0, abs=1e-9))


def test_what_is_worth_measuring_is_named_with_its_command_and_joules(constants):
    near = cloud_gpu(joules=0.05, seconds=1e-3, spread=0.01, idle_w=1.0)
    text = 'network = "none"\ncloud.request_rate = "990 inference/s"'
    decision = decided([edge_wall(joules=0.09, seconds=0.02, spread=0.5, idle_w=0.1), near], constants, text)
    best = decision.worth[0]
    assert best.input == "the energy of the device run"
    assert best.command.startswith("edgekit bench")
    assert 0 < best.regret_avoided_j.value < 0.09
    assert 0.2 < best.changes <= 0.6
    sure = decided([edge_rapl(), cloud_gpu()], constants)
    assert sure.worth == ()


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("requires.offline = true", "offline"),
        ('requires.privacy = "device"', "privacy"),
        ('requires.privacy = "region"\ndevice.region = "DE"\ncloud.region = "US"', "privacy"),
        ('radio.kind = "lora"\npayload = "27.6 kB"\nrate = "1 inference/min"', "radio airtime"),
        ('latency_limit = "100 ms"\nradio.round_trip = "200 ms"', "latency"),
    ],
)
def test_a_side_that_cannot_do_the_job_is_no_answer_however_little_it_takes(text, gate, constants):
    cheap = cloud_gpu(joules=1e-9)
    decision = decided([edge_rapl(joules=10.0), cheap], constants, text)
    assert decision.verdict.kind is VerdictKind.EDGE
    assert f"ruled out by {gate}" in decision.verdict.headline
    assert "Flips only if this is given up" in decision.verdict.condition
    failed = [item for item in decision.gates if item.passed is False]
    assert {(item.name, item.side) for item in failed} == {(gate, Side.CLOUD)}


def test_the_device_is_the_answer_offline_even_where_no_cloud_run_is_at_hand(constants):
    decision = decided([edge_rapl()], constants, "requires.offline = true")
    assert decision.verdict.headline == "edge (robust): the cloud is ruled out by offline"


def test_a_gate_decides_also_where_the_idle_power_of_the_scenarios_own_view_is_unknown(constants):
    text = 'requires.offline = true\ndevice.role = "bought"'
    verdict = decided([edge_rapl(idle_w=None), cloud_gpu()], constants, text).verdict
    assert verdict.headline == "edge (robust): the cloud is ruled out by offline"
    assert "gross device, shared cloud; the scenario's own accounting needs more than is known" in verdict.sentence


def test_a_disturbed_run_is_named_in_the_verdict(constants):
    hot = edge_rapl("pi-hot")
    hot = replace(hot, analysis=replace(hot.analysis, notes=(Note(code="run.throttled", text="throttled twice"),)))
    sentence = decided([hot, cloud_gpu()], constants).verdict.sentence
    assert "pi-hot (throttled)" in sentence
    assert "disturbed" not in decided([edge_rapl(), cloud_gpu()], constants).verdict.sentence


def test_the_regime_is_upload_only_where_sending_alone_takes_more_in_every_view(constants):
    mcu = edge_rapl(joules=2.45e-4, boundary=Boundary.WALL, seconds=0.04, idle_w=1e-5)
    sound = decided([mcu, cloud_gpu()], constants, 'network = "ble"\npayload = "32 kB"').verdict
    assert sound.regime.startswith("upload: sending the input alone takes")
    assert "free computing" in sound.regime
    features = decided([mcu, cloud_gpu()], constants, 'network = "ble"\npayload = "490 B"').verdict
    assert not features.regime.startswith("upload")


def test_advice_ranks_what_the_runs_at_hand_show(constants):
    runs = [
        edge_wall("fp32", joules=3.36, model=artifact(recipe="fp32")),
        edge_wall("int8", joules=1.86),
        cloud_gpu(joules=0.02, seconds=1e-3),
    ]
    text = 'device.role = "dedicated"\nrate = "1 inference/min"\ncloud.region = "PL"\ndevice.region = "PL"'
    decision = decided(runs, constants, text)
    assert [item.rank for item in decision.advice] == list(range(1, len(decision.advice) + 1))
    by_what = {item.what: item for item in decision.advice}
    precision = by_what["int8 rather than fp32 on the device"]
    assert precision.saves_j.value == pytest.approx(1.5)
    assert set(precision.evidence) == {"fp32", "int8"}
    sleep = by_what["let the device sleep between two inferences"]
    assert sleep.rank == 1
    assert sleep.saves_j.value == pytest.approx(3.06 * (60 - 0.588))
    region = next(item for item in decision.advice if item.what.startswith("run the cloud side in"))
    assert isinstance(region.saves_j, Unknown)
    assert region.saves_kg.value > 0


def test_two_precisions_on_one_meter_save_more_surely_than_on_two(constants):
    def spread(one, other):
        runs = [metered("slow", 2.0, one, model=artifact(recipe="fp32")), metered("fast", 1.0, other), cloud_gpu()]
        saves = next(item for item in decided(runs, constants).advice if item.what.startswith("int8")).saves_j
        return saves.high - saves.low

    assert spread("plug:1", "plug:1") < spread("plug:1", "plug:2")


def test_a_cascade_and_a_split_stand_beside_both_sides(constants):
    small = edge_wall("small", joules=0.05, seconds=0.01, model=artifact(recipe="int8", accuracy=0.8))
    big = edge_wall("big", joules=0.6, seconds=0.1, model=artifact(recipe="fp32", accuracy=0.98))
    text = 'accuracy_floor = "95 %"\npayload_up = "1 MB"'
    decision = decided([small, big, cloud_gpu(joules=0.02, seconds=1e-3)], constants, text)
    by_kind = {item.kind: item for item in decision.alternatives}
    device_j, cloud_j = decision.views[0].edge_j.value, decision.views[0].cloud_j.value
    band = by_kind["cascade"].band
    assert band[1] == pytest.approx((min(device_j, cloud_j) - 0.05) / cloud_j)
    assert by_kind["cascade"].energy_j.value == pytest.approx(0.05 + 0.2 * cloud_j)
    assert by_kind["cascade"].best == (band[1] > 0.2)
    split = by_kind["split"]
    assert split.value == 256  # the model's own input of 8 x 8 floats
    assert split.energy_j.value < cloud_j
    assert any(note.code == "lower_bound" for note in split.energy_j.notes)


def test_carbon_is_asked_over_every_convention_and_contradiction_is_said(constants):
    text = 'payload = "0 B"\ndevice.region = "PL"\ncloud.region = "SE"\ncloud.request_rate = "900 inference/s"'
    decision = decided(
        [edge_wall(joules=0.06, seconds=0.05, spread=0.02, idle_w=0.1), cloud_gpu(joules=0.05, seconds=1e-3, spread=0.01)], constants, text
    )
    carbon = next(item for item in decision.criteria if item.name == "carbon of operation")
    assert decision.verdict.kind is VerdictKind.EDGE
    assert carbon.answer == "cloud"
    assert "the cloud causes less" in decision.verdict.sentence
    assert all(isinstance(view.p_edge_carbon, Estimate) for view in decision.views if isinstance(view.p_edge, Estimate))
    unnamed = decided([edge_wall(), cloud_gpu()], constants).criteria[0]
    assert (unnamed.answer, unnamed.views) == ("unknown", 0)


def test_curves_hold_both_sides_and_cross_where_the_break_even_says(constants):
    decision = decided([edge_wall(), cloud_gpu(joules=0.02, seconds=1e-3)], constants, 'payload = "1 MB"')
    curve = next(item for item in decision.curves if item.name == "payload")
    flip = next(item for item in decision.flips if item.name == "payload").value
    assert all(low <= value <= high for series in (curve.edge_j, curve.cloud_j) for value, low, high in series)
    for at, edge, cloud in zip(curve.x, curve.edge_j, curve.cloud_j, strict=True):
        assert (cloud[0] > edge[0]) == (at > flip)


MARGINAL = """
[device]
region = "NL"
grid_marginal = "600 gCO2e/kWh"
[cloud]
region = "FR"
grid_marginal = "500 gCO2e/kWh"
"""


@pytest.mark.parametrize("view", ["average", "marginal"])
def test_a_view_of_the_grid_holds_its_own_factors_whichever_the_scenario_takes(constants, view):
    scenario = parse_scenario(f'grid.view = "{view}"\n{MARGINAL}', where="s.toml", constants=constants)
    found = {grid.name: (grid.device_kg_per_j, grid.cloud_kg_per_j) for grid in grids(scenario, constants)}
    assert next(iter(found)) == view
    assert found["average"] == (constants["grid_NL"].value, constants["grid_FR"].value)
    assert found["marginal"] == pytest.approx((600 / 3.6e9, 500 / 3.6e9))


def test_a_cleaner_region_is_found_by_mean_factors_alone(constants):
    """The table of regions holds means: a marginal factor here beside a mean one there would promise what no move saves."""
    pair = [edge_wall(), cloud_gpu()]

    def promised(view):
        advice = decided(pair, constants, f'grid.view = "{view}"\n{MARGINAL}').advice
        return [(item.saves_kg, item.because) for item in advice if "run the cloud side in" in item.what]

    assert promised("average") == promised("marginal") != []
