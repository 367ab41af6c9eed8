"""Layers are weighed one at a time, and what is kept in float is chosen by the joint result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.converters.sensitivity import fewest
from tests.conftest import Completed
from tests.converters.digits import Digits

Run = Callable[..., Completed]


@given(gains=st.lists(st.floats(0.01, 10), min_size=1, max_size=60), floor=st.floats(0, 200))
def test_the_fewest_layers_that_reach_the_floor_are_kept(gains: list[float], floor: float) -> None:
    reached = [20 + sum(gains[:count]) for count in range(len(gains) + 1)]
    asked: list[int] = []

    def joint(count: int) -> float:
        asked.append(count)
        return reached[count]

    count, found = fewest(joint, len(gains), floor)
    if reached[-1] >= floor:
        assert count == min(at for at, value in enumerate(reached) if value >= floor)
    else:
        assert found == max(reached)
    assert found == reached[count]
    assert len(asked) == len(set(asked)) <= 2 * len(gains).bit_length() + 2


def test_where_keeping_more_makes_it_worse_the_nearest_is_taken() -> None:
    assert fewest(lambda count: [10.0, 15.0, 12.0, 11.0][count], 3, 90.0) == (1, 15.0)


def convert(digits: Digits, out: Path, run_edgekit: Run, *words: str) -> Any:
    hub = digits.artifacts / f"digits_cnn.fp32.{words[0]}"
    done = run_edgekit("--json", "convert", hub, "-r", "int8", *digits.data, "--out", out, *words[1:])
    assert done.returncode == 0, done.stderr
    return done.json()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_the_worst_layers_stay_in_float_until_the_floor_holds(suffix: str, digits: Digits, tmp_path: Path, run_edgekit: Run) -> None:
    answer = convert(digits, tmp_path, run_edgekit, suffix, "--mixed", "auto", "--min-sqnr", "int8=38")
    layers = answer["data"]["layers"][0]
    losses = [loss["sqnr_db"] for loss in layers["layers"]]
    assert losses == sorted(losses)
    assert sum(loss["weights"] for loss in layers["layers"]) == 9 * 16 + 9 * 16 + 16 * 32 + 9 * 32 + 32 * 64 + 64 * 10
    assert layers["joint_db"] < 38 <= layers["mixed_db"]
    assert layers["kept"] == [loss["layer"] for loss in layers["layers"][: len(layers["kept"])]]
    artifact = answer["data"]["rows"][0]["artifact"]
    assert (artifact["recipe"], artifact["status"]) == ("int8-mixed", "verified")
    assert artifact["path"] == f"digits_cnn.fp32.int8-mixed.{suffix}"
    assert set(artifact["kept"]) == set(layers["kept"])
    assert artifact["verification"]["sqnr_db"] == pytest.approx(layers["mixed_db"], abs=1.0)
    assert 0.5 < artifact["verification"]["quantized_share"] < 1
    assert "float32" in artifact["scheme_achieved"]


@pytest.mark.slow
def test_layers_can_be_kept_by_name_and_weighed_by_the_way(digits: Digits, tmp_path: Path, run_edgekit: Run) -> None:
    answer = convert(digits, tmp_path, run_edgekit, "tflite", "--mixed", "stem", "--sensitivity")
    artifact = answer["data"]["rows"][0]["artifact"]
    assert len(artifact["kept"]) == 1
    assert "stem" in artifact["kept"][0]
    assert len(answer["data"]["layers"][0]["layers"]) == 6


@pytest.mark.slow
def test_where_the_floor_holds_anyway_nothing_is_kept(digits: Digits, tmp_path: Path, run_edgekit: Run) -> None:
    answer = convert(digits, tmp_path, run_edgekit, "tflite", "--mixed", "auto")
    assert answer["data"]["rows"][0]["artifact"]["recipe"] == "int8"
    assert any(note["code"] == "layers.kept" and "no layer has to stay" in note["text"] for note in answer["notes"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [(("-r", "fp32", "--mixed", "auto"), "layers.none"), (("-r", "int8", "--mixed", "no_such_layer"), "layer.unknown")],
)
def test_what_cannot_be_kept_is_answered(words: tuple[str, ...], code: str, digits: Digits, tmp_path: Path, run_edgekit: Run) -> None:
    hub = digits.artifacts / "digits_cnn.fp32.tflite"
    done = run_edgekit("--json", "convert", hub, *digits.data, "--out", tmp_path / "out", *words)
    assert done.returncode == 2, done.stderr
    assert done.json()["data"]["code"] == code
