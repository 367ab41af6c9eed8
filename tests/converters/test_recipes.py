from __future__ import annotations

import pytest

from edgekit.converters.base import RECIPES, choose, recipe_of, signed
from edgekit.core.errors import UsageError


def keys(*names: str, formats: tuple[str, ...] = (), calibrated: bool = True) -> list[str]:
    return [recipe.key for recipe in choose(names, formats, calibrated=calibrated)]


def test_everything_is_made_when_calibration_data_is_given() -> None:
    assert keys() == ["fp32.tflite", "fp16.tflite", "int8.tflite", "fp32.onnx", "int8.onnx"]


def test_int8_is_left_out_when_nothing_was_asked_and_no_calibration_data_is_given() -> None:
    assert keys(calibrated=False) == ["fp32.tflite", "fp16.tflite", "fp32.onnx"]


def test_int8_is_refused_when_it_was_asked_for_without_calibration_data() -> None:
    with pytest.raises(UsageError) as caught:
        keys("int8", calibrated=False)
    assert caught.value.code == "calibration.missing"


def test_a_recipe_is_made_for_those_formats_that_have_it() -> None:
    assert keys("fp16", "int8", formats=("tflite", "onnx")) == ["fp16.tflite", "int8.tflite", "fp16.onnx", "int8.onnx"]


def test_a_recipe_that_no_chosen_format_has_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        keys("int8-full", formats=("onnx",))
    assert caught.value.code == "recipe.format"


def test_onnx_runtimes_own_format_is_made_of_onnx_when_it_is_asked_for() -> None:
    assert keys(formats=("ort",)) == ["fp32.ort", "int8.ort"]
    assert {recipe.hub for recipe in RECIPES} == {"tflite", "onnx"}
    assert "ort" not in {recipe.format for recipe in RECIPES if recipe.usual}


def test_a_sign_is_given_to_the_activations_of_onnx_only() -> None:
    changed = {recipe.key for recipe in RECIPES if signed(recipe) != recipe}
    assert changed == {"int8.onnx", "int16x8.onnx", "int8.ort"}
    assert recipe_of("int8.onnx", "int8").scheme == "int8 weights, int8 activations"
    assert recipe_of("int8.onnx").scheme == "int8 weights, uint8 activations"


def test_asking_twice_makes_it_once() -> None:
    assert keys("fp32", "fp32", formats=("onnx", "onnx")) == ["fp32.onnx"]


@pytest.mark.parametrize(("recipe", "formats", "near"), [("in8", (), "int8"), ("fp32", ("tflit",), "tflite")])
def test_a_misspelt_name_is_answered_with_the_nearest(recipe: str, formats: tuple[str, ...], near: str) -> None:
    with pytest.raises(UsageError) as caught:
        keys(recipe, formats=formats)
    assert (f"did you mean {near}?", "") in caught.value.do


def test_lower_precision_never_has_the_higher_floor() -> None:
    floors = {recipe.key: recipe.min_sqnr_db for recipe in RECIPES}
    assert floors["fp32.tflite"] > floors["fp16.tflite"] > floors["int8.tflite"]
    assert floors["fp32.onnx"] > floors["int8.onnx"]
