"""Samples become inputs only when they fit; what does not fit is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.runner.engines.inputs import MAX_SAMPLES, Tensor, prepare
from edgekit.runner.wire import Refusal


class Plain:
    """Stand where an engine stands: some inputs, arrays passed through."""

    def __init__(self, *tensors: Tensor) -> None:
        self.inputs = list(tensors)

    def prepare(self, arrays: list[Any]) -> list[Any]:
        return arrays


IMAGE = Tensor("image", (1, 2, 2), "float32")
CODES = Tensor("image", (1, 2, 2), "uint8", 0.5, 10)


def saved(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return str(path)


def test_the_key_x_serves_a_model_with_one_input(tmp_path: Path) -> None:
    rows, origin = prepare(Plain(IMAGE), saved(tmp_path / "s.npz", x=np.ones((3, 2, 2), np.float32)), 1)
    assert origin == "samples"
    assert [row[0].shape for row in rows] == [(1, 2, 2)] * 3


def test_several_inputs_are_matched_by_name(tmp_path: Path) -> None:
    other = Tensor("mask", (1, 3), "float32")
    path = saved(tmp_path / "s.npz", mask=np.zeros((5, 3), np.float32), image=np.ones((4, 2, 2), np.float32))
    rows, _ = prepare(Plain(IMAGE, other), path, 1)
    assert len(rows) == 4
    assert [array.shape for array in rows[0]] == [(1, 2, 2), (1, 3)]
    with pytest.raises(Refusal) as caught:
        prepare(Plain(IMAGE, other), saved(tmp_path / "t.npz", image=np.ones((4, 2, 2), np.float32)), 1)
    assert caught.value.error["code"] == "samples.names"


def test_float_samples_are_quantized_rounded_and_kept_in_range(tmp_path: Path) -> None:
    path = saved(tmp_path / "s.npz", x=np.array([[[-100.0, 0.0], [1.2, 1000.0]]]))
    rows, _ = prepare(Plain(CODES), path, 1)
    assert rows[0][0].dtype == np.uint8
    assert rows[0][0].ravel().tolist() == [0, 10, 12, 255]


def test_float64_is_narrowed_and_exact_types_pass_unchanged(tmp_path: Path) -> None:
    assert prepare(Plain(IMAGE), saved(tmp_path / "s.npz", x=np.ones((1, 2, 2))), 1)[0][0][0].dtype == np.float32
    codes = np.full((1, 2, 2), 7, np.uint8)
    np.testing.assert_array_equal(prepare(Plain(CODES), saved(tmp_path / "t.npz", x=codes), 1)[0][0][0], codes)


@pytest.mark.parametrize(
    ("tensor", "array", "code"),
    [
        (IMAGE, np.ones((3, 2, 3), np.float32), "samples.shape"),
        (IMAGE, np.ones((3, 4), np.float32), "samples.shape"),
        (IMAGE, np.float32(1), "samples.shape"),
        (IMAGE, np.ones((3, 2, 2), np.uint8), "samples.dtype"),
        (IMAGE, np.array([[["a", "b"], ["c", "d"]]]), "samples.dtype"),
        (CODES, np.ones((3, 2, 2), np.int8), "samples.dtype"),
        (Tensor("image", (1, 2, 2), "int8"), np.ones((3, 2, 2), np.float32), "samples.dtype"),
        (IMAGE, np.ones((0, 2, 2), np.float32), "samples.empty"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, tensor: Tensor, array: Any, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        prepare(Plain(tensor), saved(tmp_path / "s.npz", x=array), 1)
    assert caught.value.error["code"] == code


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04broken"])
def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.npz"
    path.write_bytes(content)
    with pytest.raises(Refusal) as caught:
        prepare(Plain(IMAGE), str(path), 1)
    assert caught.value.error["code"] == "samples.unreadable"


def test_a_lone_array_is_not_an_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.ones((3, 2, 2), np.float32))
    with pytest.raises(Refusal) as caught:
        prepare(Plain(IMAGE), str(tmp_path / "s.npy"), 1)
    assert caught.value.error["code"] == "samples.unreadable"


def test_pickled_samples_are_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(Refusal) as caught:
        prepare(Plain(IMAGE), str(path), 1)
    assert caught.value.error["code"] == "samples.unreadable"


def test_synthetic_inputs_differ_from_one_another_and_are_the_same_every_time() -> None:
    first, origin = prepare(Plain(IMAGE), None, 1)
    second, _ = prepare(Plain(IMAGE), None, 1)
    assert origin == "synthetic"
    np.testing.assert_array_equal([row[0] for row in first], [row[0] for row in second])
    assert len({row[0].tobytes() for row in first}) == len(first) > 1


def test_memory_stays_bounded(tmp_path: Path) -> None:
    many, _ = prepare(Plain(IMAGE), saved(tmp_path / "s.npz", x=np.ones((1000, 2, 2), np.float32)), 1)
    assert len(many) == MAX_SAMPLES
    large, _ = prepare(Plain(Tensor("x", (1, 5_000_000), "float32")), None, 1)
    assert sum(row[0].nbytes for row in large) <= 64 << 20
