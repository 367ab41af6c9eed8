"""Each silent failure that a converter has been seen to report as success is caught here by one named check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.converters.base import RECIPES
from edgekit.converters.contents.found import Contents
from edgekit.converters.verify.accuracy import accuracy, wilson
from edgekit.converters.verify.evidence import Demands, Evidence
from edgekit.converters.verify.gate import verify
from edgekit.converters.verify.metrics import sqnr_db
from edgekit.core.artifact import Verification
from edgekit.core.quantity import Estimate, Unknown

INT8 = next(recipe for recipe in RECIPES if recipe.key == "int8.tflite")
FP32 = next(recipe for recipe in RECIPES if recipe.key == "fp32.tflite")
WHOLE = Contents(weights={"int8": 1000}, activations={"int8": 6})
REFERENCE = np.random.default_rng(1).normal(size=(50, 10)).astype(np.float32)
NOISE = np.random.default_rng(2).normal(size=(50, 10)).astype(np.float32)


class Saying:
    """Say the given outputs whatever is asked."""

    inputs = ()
    outputs = ()
    runtime = "fake 1"

    def __init__(self, *outputs: Any) -> None:
        self._outputs = list(outputs)

    def run(self, inputs: Any) -> list[Any]:
        return self._outputs


def judge(*outputs: Any, found: Contents = WHOLE, recipe: Any = INT8, demands: Any = None, **more: Any) -> Verification:
    given = {"proof": {"x": np.zeros((50, 3))}, "reference": [REFERENCE], "calibration_count": 100, **more}
    return verify(recipe, Saying(*outputs), found, Evidence(**given), demands)


def failed(verification: Verification) -> set[str]:
    assert verification.passed == (not {check.name for check in verification.checks if not check.passed})
    assert all(check.advice for check in verification.checks if not check.passed and check.name != "sqnr")
    return {check.name for check in verification.checks if not check.passed}


def test_a_good_artifact_passes() -> None:
    verification = judge(REFERENCE + 0.01 * NOISE)
    assert failed(verification) == set()
    assert verification.sqnr_db == pytest.approx(40, abs=1)
    assert verification.top1_agreement == pytest.approx(1.0, abs=0.05)
    assert verification.samples == 50
    assert verification.quantized_share == 1.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_not_finite_are_caught(value: float) -> None:
    broken = REFERENCE.copy()
    broken[3, 4] = value
    verification = judge(broken)
    assert {"finite", "sqnr"} <= failed(verification)
    assert verification.sqnr_db is None


def test_an_output_that_never_changes_is_caught() -> None:
    assert "varies" in failed(judge(np.zeros_like(REFERENCE)))


def test_an_output_that_never_changes_in_the_source_either_is_not_held_against_the_artifact() -> None:
    still = np.tile(REFERENCE[:1], (50, 1))
    assert failed(judge(still + 0.001, reference=[still])) == set()


def test_one_stuck_output_of_two_is_caught() -> None:
    assert "varies" in failed(judge(REFERENCE, np.zeros_like(REFERENCE), reference=[REFERENCE, REFERENCE]))


def test_weights_that_were_left_float_are_caught() -> None:
    part = Contents(weights={"int8": 370, "float32": 630}, activations={"int8": 6})
    verification = judge(REFERENCE + 0.01 * NOISE, found=part)
    assert failed(verification) == {"weights"}
    assert verification.quantized_share == pytest.approx(0.37)
    assert part.scheme == "63.0% float32 + 37.0% int8 weights, int8 activations"


def test_a_float_file_called_int8_is_caught() -> None:
    nothing = Contents(weights={"float32": 1000}, activations={"float32": 6})
    assert failed(judge(REFERENCE, found=nothing)) == {"weights", "compute"}


def test_dynamic_quantization_is_not_taken_for_static() -> None:
    assert failed(judge(REFERENCE, found=Contents(weights={"int8": 1000}, activations={"float32": 6}))) == {"compute"}


def test_a_calibration_without_samples_is_caught() -> None:
    assert failed(judge(REFERENCE, calibration_count=0)) == {"calibration"}


def test_a_loss_that_leaves_accuracy_as_it_was_is_caught() -> None:
    noisy = REFERENCE * 0.8
    verification = judge(noisy, labels=REFERENCE.argmax(1))
    assert failed(verification) == {"sqnr"}
    assert isinstance(verification.accuracy, Estimate)
    assert verification.accuracy.value == 1.0
    assert verification.sqnr_db == pytest.approx(13.98, abs=0.01)


def test_the_floor_can_be_moved() -> None:
    assert failed(judge(REFERENCE * 0.8, demands=Demands(min_sqnr_db=10))) == set()


def test_other_shapes_than_the_source_are_caught() -> None:
    verification = judge(REFERENCE[:, :4])
    assert {"outputs", "sqnr"} <= failed(verification)
    assert verification.max_abs_error is None


def test_identical_outputs_pass_without_an_infinite_number() -> None:
    verification = judge(REFERENCE, recipe=FP32, found=Contents(weights={"float32": 9}, activations={"float32": 1}))
    assert verification.sqnr_db is None
    assert next(check.seen for check in verification.checks if check.name == "sqnr") == "identical"
    assert verification.quantized_share is None


def test_the_worst_output_decides() -> None:
    assert sqnr_db([REFERENCE, REFERENCE * 0.9], [REFERENCE, REFERENCE]) == pytest.approx(20)


def test_accuracy_of_the_source_stands_beside_that_of_the_artifact() -> None:
    labels = REFERENCE.argmax(1)
    labels[0] = (labels[0] + 1) % 10
    verification = judge(REFERENCE, labels=labels)
    assert isinstance(verification.source_accuracy, Estimate)
    assert verification.source_accuracy.value == 0.98
    assert verification.source_accuracy.n == 50


def test_accuracy_of_a_model_without_classes_is_unknown() -> None:
    maps = REFERENCE.reshape(50, 5, 2)
    assert isinstance(judge(maps, reference=[maps], labels=np.zeros(50, int)).accuracy, Unknown)


def test_the_wilson_interval_is_the_published_one() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998) 857, table I: 81/263, 15/148, 0/20, 1/29
    for hits, count, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]:
        interval = wilson(hits, count)
        assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert wilson(7, 7).high == 1.0


COLUMN = np.array([[0.2], [0.7], [0.4], [0.9]], np.float32)


@pytest.mark.parametrize(("threshold", "hits"), [(0.5, 4), (0.0, 2), (None, None)])
def test_a_single_column_is_divided_where_its_activation_says(threshold: float | None, hits: int | None) -> None:
    found = accuracy([COLUMN], np.array([0, 1, 0, 1]), threshold)
    assert found.value == (None if hits is None else hits / 4)
    if isinstance(found, Unknown):
        assert "activation" in found.reason


@pytest.mark.parametrize(
    ("columns", "labels", "why"),
    [
        (1, [0.3, 1.7, 0.2, 0.5], "measured"),
        (1, [3.0, 1.0, 2.0, 0.0], "measured"),
        (1, [0, 3, 1, 7], "from 0 to 7"),
        (4, [1, 2, 3, 4], "from 1 to 4, and the model has 4 classes"),
        (4, [[1, 2]] * 4, "shape"),
    ],
)
def test_labels_that_are_no_classes_give_no_accuracy_and_say_why(columns: int, labels: Any, why: str) -> None:
    found = accuracy([np.tile(COLUMN, (1, columns))], np.array(labels), 0.0)
    assert isinstance(found, Unknown)
    assert "not a classification" in found.reason
    assert why in found.reason


def test_classes_stored_as_whole_floats_are_classes() -> None:
    assert accuracy([REFERENCE], REFERENCE.argmax(1).astype(float)).value == 1.0


def test_two_models_with_a_single_output_agree_where_they_decide_alike() -> None:
    said, reference = np.tile(COLUMN, (13, 1))[:50], np.tile(COLUMN, (13, 1))[:50]
    said[0] = 0.6
    sure = judge(said, reference=[reference], threshold=0.5)
    assert sure.top1_agreement == 0.98
    assert judge(said, reference=[reference], threshold=0.0).top1_agreement is None  # it may be a regression
    measured = judge(said, reference=[reference], threshold=0.0, labels=reference[:, 0])
    assert measured.top1_agreement is None
    assert isinstance(measured.accuracy, Unknown)
