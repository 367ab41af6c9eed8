"""What a decision says where something that it needs is not known: the scenario's own view, a whole side, or a cloud run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgekit.core.decision import Side, VerdictKind
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Unknown
from edgekit.decision.decide import decide
from edgekit.decision.scenario.read import default_scenario, parse_scenario
from edgekit.decision.sides.commands import Surroundings
from tests.reports.records import artifact, cloud_gpu, edge_estimated, edge_rapl, edge_wall


def scenario(text, constants):
    return parse_scenario(text, where="s.toml", constants=constants)


def commands(decision):
    return [command for _, command in decision.verdict.commands]


def test_a_dedicated_device_of_unknown_idle_power_gets_no_verdict_but_what_the_other_views_say(constants):
    decision = decide([edge_estimated(), cloud_gpu()], scenario('device.role = "dedicated"', constants), constants)
    assert decision.verdict.kind is VerdictKind.INCONCLUSIVE
    assert decision.verdict.headline == "inconclusive: measure the idle power of the device"
    assert "The 4 views that can be computed all say that the device takes less" in decision.verdict.sentence
    assert "sees busy time only" in decision.verdict.sentence
    assert commands(decision) == ["edgekit meters --all", "edgekit bench PATH/TO/digits_cnn.int8.tflite --meter METER"]
    assert all(isinstance(item.energy_j, Unknown) for item in decision.totals if item.side is Side.DEVICE)


def test_a_dedicated_device_whose_idle_power_was_metered_gets_a_verdict(constants):
    decision = decide([edge_rapl(), cloud_gpu(joules=40.0)], scenario('device.role = "dedicated"', constants), constants)
    assert decision.verdict.headline.startswith("edge (robust)")
    assert "robust in 8 of 8" in decision.verdict.sentence


def test_reserved_gpus_of_unknown_idle_power_get_no_verdict(constants):
    decision = decide([edge_rapl(), cloud_gpu(idle_w=None)], scenario('cloud.shape = "dedicated"', constants), constants)
    assert decision.verdict.headline == "inconclusive: measure the idle power of the cloud GPU"
    assert "--device cuda" in commands(decision)[0]
    shared = decide([edge_rapl(), cloud_gpu(idle_w=None)], default_scenario(constants), constants)
    assert shared.verdict.kind is VerdictKind.EDGE
    assert "robust in 4 of 8 accounting views; not covered: the 4 with a dedicated cloud" in shared.verdict.sentence


def test_without_a_cloud_a_dedicated_device_has_no_total_that_leaves_its_idle_power_out(constants):
    decision = decide([edge_estimated()], scenario('device.role = "dedicated"', constants), constants)
    assert "its idle power not counted" in decision.verdict.sentence
    assert all(isinstance(item.energy_j, Unknown) for item in decision.totals)


def test_the_reason_that_leaves_out_most_runs_is_the_one_that_is_said(constants):
    runs = [
        edge_rapl("a", joules=1e-5, model=artifact(status="failed")),
        edge_rapl("b", joules=2e-5, model=artifact(accuracy=None)),
        edge_rapl("c", joules=3e-5, model=artifact(accuracy=None, recipe="fp32")),
        cloud_gpu(),
    ]
    verdict = decide(runs, scenario('accuracy_floor = "95 %"', constants), constants).verdict
    assert verdict.headline == "inconclusive: remove accuracy_floor, or give --eval labels to convert"
    assert "2 of 3 runs: accuracy unknown: no labelled data was given against accuracy_floor = 95 %" in verdict.sentence
    assert verdict.commands[0][1] == "edgekit convert PATH/TO/digits_cnn.keras --eval PATH/TO/LABELS.npz"
    failed = decide([runs[0], cloud_gpu()], default_scenario(constants), constants).verdict
    assert "digits_cnn.int8.tflite: its artifact is failed" in failed.sentence


def test_a_shipped_model_is_recorded_by_its_name_and_not_modeled_again(constants):
    around = Surroundings(reference="digits_cnn")
    assert commands(decide([edge_rapl()], default_scenario(constants), constants, around=around)) == ["edgekit models record digits_cnn"]


def test_an_own_model_gets_an_onnx_file_for_the_gpu_and_a_way_without_one(constants):
    around = Surroundings(report="edgekit report a --scenario s.toml")
    spaced = artifact(model="my model", recipe="fp32", form="onnx")
    found = commands(decide([edge_rapl("a", model=spaced)], default_scenario(constants), constants, around=around))
    assert found == [
        "edgekit bench 'PATH/TO/my model.fp32.onnx' --device cuda --meter nvml",
        "edgekit models record 'my model' --modeled --artifact 'PATH/TO/my model.fp32.onnx' --into refs",
        "edgekit report a --scenario s.toml --cloud refs/modeled-gpu-b1",
    ]


def test_without_an_onnx_run_the_model_is_converted_first_and_no_tflite_is_sent_to_a_gpu(constants):
    found = commands(decide([edge_rapl()], default_scenario(constants), constants))
    assert found[:2] == [
        "edgekit convert PATH/TO/digits_cnn.keras -r fp32 --to onnx",
        "edgekit bench PATH/TO/digits_cnn.fp32.onnx --device cuda --meter nvml",
    ]


def test_runs_of_two_models_are_shown_by_their_own_files(constants):
    other = artifact()
    other = edge_rapl("b", model=replace(other, source=replace(other.source, family="0" * 64)))
    around = Surroundings(folders={"a": "my runs/a", "b": "my runs/b"})
    with pytest.raises(UsageError) as caught:
        decide([edge_rapl("a"), other], default_scenario(constants), constants, around=around)
    assert caught.value.do[0][1] == "grep -m1 '\"family\"' 'my runs/a/run.json' 'my runs/b/run.json'"


def test_the_flip_is_stated_at_the_central_values_as_in_the_table_and_at_the_edge(constants):
    decision = decide([edge_rapl(), cloud_gpu()], default_scenario(constants), constants)
    table = next(flip for flip in decision.flips if flip.name == "cloud factor")
    assert "took 140 times less than stated, at the central values" in table.text
    assert "took 140 times less than stated at the central values, " in decision.verdict.condition
    assert "times less even at the unfavourable 95 % edge" in decision.verdict.condition


def test_the_price_of_the_cloud_has_the_interval_of_its_gpu_time(constants):
    text = 'cloud.shape = "serverless"\nprices.gpu_hour = "3.6 USD/h"\nprices.date = "2026-05-01"'
    totals = decide([edge_wall(), cloud_gpu()], scenario(text, constants), constants).totals
    money = next(item.money for item in totals if item.side is Side.CLOUD and item.period == "million inferences")
    assert (money.low, money.value, money.high) == pytest.approx((0.98 * 0.018, 0.018, 1.02 * 0.018), rel=1e-3)
