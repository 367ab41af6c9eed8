"""Each silent failure that a converter has been seen to report as success is caught here by one named check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.converters.base import RECIPES
from edgekit.converters.contents.found import Contents
from edgekit.converters.port import Port
from edgekit.converters.verify.accuracy import accuracy, wilson
from edgekit.converters.verify.evidence import Demands, Evidence
from edgekit.converters.verify.gate import verify
from edgekit.converters.verify.metrics import sqnr_db
from edgekit.converters.verify.paired import accuracy_change, mcnemar_p, tango
from edgekit.converters.verify.ports import changes, input_check, output_check
from edgekit.core.artifact import TensorSpec, Verification
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


# the figures of M. W. Fagerland, S. Lydersen, P. Laake, Statistics in Medicine 33 (2014) 2850: 1 gained, 7 lost of 21
def test_the_interval_of_a_paired_difference_is_the_published_one() -> None:
    low, high = tango(1, 7, 21)
    assert (low, high) == (pytest.approx(-0.517, abs=5e-4), pytest.approx(-0.026, abs=5e-4))


@given(st.integers(1, 300).flatmap(lambda count: st.tuples(st.integers(0, count), st.integers(0, count), st.just(count))))
def test_a_paired_interval_holds_its_value_and_mirrors_when_both_models_change_places(counts: tuple[int, int, int]) -> None:
    gained, lost, count = counts[0], min(counts[1], counts[2] - counts[0]), counts[2]
    low, high = tango(gained, lost, count)
    assert -1 <= low <= (gained - lost) / count <= high <= 1
    assert high > low
    assert tango(lost, gained, count) == (pytest.approx(-high), pytest.approx(-low))


def paired(gained: int, lost: int, both: int) -> tuple[Any, Any]:
    after, before = [True] * gained + [False] * lost + [True] * both, [False] * gained + [True] * lost + [True] * both
    return np.array(after), np.array(before)


def test_the_exact_p_of_mcnemar_is_that_of_the_binomial_distribution() -> None:
    assert mcnemar_p(*paired(1, 7, 13)) == pytest.approx(2 * (1 + 8) / 2**8)
    assert mcnemar_p(*paired(0, 0, 9)) == 1.0
    assert mcnemar_p(*paired(4, 4, 9)) == 1.0
    assert 0 < mcnemar_p(*paired(900, 1100, 10)) < 1e-4


def test_the_change_of_accuracy_is_told_with_its_interval() -> None:
    change = accuracy_change(*paired(2, 5, 93))
    assert (change.value, change.n) == (pytest.approx(-0.03), 100)
    assert (change.low, change.high) == tango(2, 5, 100)


LABELS = REFERENCE.argmax(1)
ROUGH = np.eye(10, dtype=np.float32)[LABELS] * 5  # decides as the source does, and is nothing like it


def test_a_low_sqnr_is_excused_where_labelled_data_shows_no_loss() -> None:
    allowed = Demands(max_accuracy_drop=0.10)
    strict, excused = judge(ROUGH, labels=LABELS), judge(ROUGH, labels=LABELS, demands=allowed)
    assert failed(strict) == {"sqnr"}
    assert failed(excused) == set()
    assert "loss of accuracy is within 10.00%" in next(check.seen for check in excused.checks if check.name == "sqnr")
    assert [note.code for note in excused.notes] == ["sqnr.excused"]
    assert strict.notes == ()


def test_too_few_labels_excuse_nothing() -> None:
    """No sample of fifty differs, and still a loss of 3 % cannot be ruled out."""
    assert failed(judge(ROUGH, labels=LABELS, demands=Demands(max_accuracy_drop=0.03))) == {"sqnr"}


def test_a_loss_of_accuracy_fails_even_with_a_good_sqnr() -> None:
    broken = REFERENCE.copy()
    broken[:5, LABELS[:5]] -= 0.001
    broken[np.arange(5), (LABELS[:5] + 1) % 10] = broken[:5].max(1) + 0.01
    verification = judge(broken, labels=LABELS, demands=Demands(max_accuracy_drop=0.05, min_sqnr_db=0))
    assert failed(verification) == {"accuracy"}
    assert verification.mcnemar_p == pytest.approx(2 / 2**5)


def test_ranges_that_are_too_narrow_for_other_inputs_are_told() -> None:
    calibration = {"calibration": {"x": np.zeros((50, 3))}, "calibration_reference": [REFERENCE + 0.1 * NOISE]}
    seen = judge(REFERENCE + 0.1 * NOISE, **calibration)
    assert seen.calibration_samples == 50
    assert seen.calibration_sqnr_db is None, "identical"
    assert seen.sqnr_db == pytest.approx(20, abs=1)
    assert [note.code for note in seen.notes] == ["calibration.narrow"]
    assert judge(REFERENCE + 0.1 * NOISE, data="calibration", **calibration).calibration_samples == 0


X = Port(name="x", shape=(None, 8, 8, 3), dtype="float32")


def spec(name: str = "x", shape: tuple[int, ...] = (1, 8, 8, 3), dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name=name, shape=shape, dtype=dtype)


def inputs_seen(recipe: Any, *specs: TensorSpec, **more: Any) -> Any:
    return input_check(recipe, Evidence(proof={}, reference=[], inputs=(X,), **more), specs)


FULL = next(recipe for recipe in RECIPES if recipe.key == "int8-full.tflite")


def test_inputs_may_change_only_as_declared() -> None:
    assert inputs_seen(INT8, spec()).passed
    assert inputs_seen(INT8, spec(shape=(-1, 8, 8, 3))).passed
    assert inputs_seen(FULL, spec(dtype="int8")).passed
    assert inputs_seen(INT8, spec("serving_x"), renamed={"x": "serving_x"}).passed


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (spec(dtype="int8"), "x is int8"),
        (spec(shape=(1, 8, 3, 8)), "axes were moved"),
        (spec(shape=(1, 3, 8, 8)), "axes were moved"),
        (spec(shape=(4, 8, 8, 3)), "x is (4, 8, 8, 3)"),
        (spec(shape=(1, 8, 8)), "x is (1, 8, 8)"),
        (spec("image"), "x is not an input of the artifact; image is an input that the source does not have"),
    ],
)
def test_inputs_that_changed_otherwise_are_caught(found: TensorSpec, said: str) -> None:
    check = inputs_seen(INT8, found)
    assert (check.passed, said in check.seen) == (False, True), check.seen


def test_a_declared_change_is_a_remark() -> None:
    evidence = Evidence(proof={}, reference=[], inputs=(X,), renamed={"x": "serving_x"})
    assert [note.code for note in changes(FULL, evidence, [spec("serving_x", dtype="int8")])] == ["io.batch", "io.dtype", "io.renamed"]


def test_outputs_of_another_dtype_or_name_are_caught() -> None:
    said = np.zeros((5, 4), np.float32)
    evidence = Evidence(proof={}, reference=[said], outputs=(spec("scores", (1, 4)),))
    assert output_check(INT8, evidence, [spec("scores", (1, 4))], [said]).passed
    assert not output_check(INT8, evidence, [spec("Identity", (1, 4))], [said]).passed
    assert not output_check(INT8, evidence, [spec("scores", (1, 4), "int8")], [said]).passed
    assert output_check(FULL, evidence, [spec("scores", (1, 4), "int8")], [said]).passed


def test_an_artifact_that_opens_and_cannot_be_run_fails_and_says_why() -> None:
    class Refusing(Saying):
        def run(self, inputs: Any) -> list[Any]:
            raise RuntimeError("Node number 3 (GATHER) failed to invoke.")

    verification = verify(INT8, Refusing(), WHOLE, Evidence(proof={"x": np.zeros((5, 3))}, reference=[REFERENCE]))
    assert failed(verification) == {"loads"}
    assert "GATHER" in verification.checks[0].seen


def test_layers_that_were_to_stay_in_float_are_no_failure() -> None:
    part = Contents(weights={"int8": 370, "float32": 630}, activations={"int8": 6})
    assert failed(judge(REFERENCE + 0.01 * NOISE, found=part, demands=Demands(kept=("conv2",), kept_share=0.65))) == set()
    nothing = Contents(weights={"float32": 1000}, activations={"float32": 6})
    assert failed(judge(REFERENCE, found=nothing, demands=Demands(kept=("conv2",), kept_share=0.65))) == {"weights", "compute"}


def test_compute_counts_by_multiplications_where_they_are_known() -> None:
    lopsided = Contents(weights={"int8": 1000}, activations={"int8": 1, "float32": 5}, compute={"int8": 990, "float32": 10})
    verification = judge(REFERENCE + 0.01 * NOISE, found=lopsided)
    assert failed(verification) == set()
    assert verification.computed_share == pytest.approx(0.99)


def test_a_source_that_is_not_finite_itself_is_said_to_be_so() -> None:
    broken = REFERENCE.copy()
    broken[0, 0] = np.nan
    verification = judge(REFERENCE, reference=[broken])
    assert "the source's own" in next(check.seen for check in verification.checks if check.name == "finite")
