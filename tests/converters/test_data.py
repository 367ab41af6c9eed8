from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters.data import Samples, read_samples, synthetic_samples
from edgekit.converters.source import Port
from edgekit.core.errors import UsageError

IMAGE = Port(name="image", shape=(None, 8, 6, 1), dtype="float32")
LEFT, RIGHT = Port(name="left", shape=(None, 4), dtype="float32"), Port(name="right", shape=(None, 2), dtype="int32")
GOOD = np.zeros((5, 8, 6, 1), np.float32)


def read(tmp_path: Path, *ports: Port, labelled: bool = False, **arrays: Any) -> Samples:
    np.savez(tmp_path / "data.npz", allow_pickle=True, **arrays)
    return read_samples(tmp_path / "data.npz", ports or (IMAGE,), option="--calib", labelled=labelled)


def refusal(tmp_path: Path, *ports: Port, labelled: bool = False, **arrays: Any) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, *ports, labelled=labelled, **arrays)
    assert caught.value.do, "every refusal says what to do"
    return caught.value


def test_x_feeds_the_only_input_and_so_does_its_name(tmp_path: Path) -> None:
    assert list(read(tmp_path, x=GOOD).inputs) == ["image"]
    assert read(tmp_path, image=GOOD).count == 5


def test_a_npy_file_feeds_the_only_input(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", GOOD)
    assert read_samples(tmp_path / "data.npy", [IMAGE], option="--calib", labelled=False).count == 5


def test_several_inputs_are_found_by_name(tmp_path: Path) -> None:
    samples = read(tmp_path, LEFT, RIGHT, left=np.zeros((3, 4), np.float32), right=np.zeros((3, 2), np.int32))
    assert {name: array.shape for name, array in samples.inputs.items()} == {"left": (3, 4), "right": (3, 2)}


def test_labels_come_with_the_samples(tmp_path: Path) -> None:
    assert read(tmp_path, x=GOOD, y=np.arange(5), labelled=True).labels.tolist() == [0, 1, 2, 3, 4]  # type: ignore[union-attr]


def test_float64_is_cast_and_said(tmp_path: Path) -> None:
    samples = read(tmp_path, x=GOOD.astype(np.float64))
    assert samples.inputs["image"].dtype == np.float32
    assert [note.code for note in samples.notes] == ["samples.cast"]


def test_a_free_dimension_takes_any_size(tmp_path: Path) -> None:
    assert read(tmp_path, Port(name="t", shape=(None, None, 3), dtype="float32"), t=np.zeros((2, 7, 3), np.float32)).count == 2


@pytest.mark.parametrize("empty", [np.zeros((0, 8, 6, 1), np.float32), np.zeros(0, np.float32)])
def test_an_empty_set_is_refused(tmp_path: Path, empty: Any) -> None:
    assert refusal(tmp_path, x=empty).code == "samples.empty"


def test_a_wrong_shape_is_refused_with_both_shapes(tmp_path: Path) -> None:
    assert "input image: expected (N, 8, 6, 1), got (5, 9, 6, 1)" in refusal(tmp_path, x=np.zeros((5, 9, 6, 1))).why


@pytest.mark.parametrize(
    ("shape", "hint"),
    [((5, 1, 8, 6), "looks NCHW"), ((5, 8, 6), "channel axis is missing"), ((8, 6, 1), "sample axis is missing")],
)
def test_a_shape_that_is_nearly_right_is_explained(tmp_path: Path, shape: tuple[int, ...], hint: str) -> None:
    assert hint in refusal(tmp_path, x=np.zeros(shape)).why


def test_channels_last_for_a_channels_first_model_is_explained(tmp_path: Path) -> None:
    assert "looks NHWC" in refusal(tmp_path, Port(name="x", shape=(None, 3, 8, 6), dtype="float32"), x=np.zeros((5, 8, 6, 3))).why


def test_a_single_unbatched_npy_of_a_flat_input_says_the_sample_axis_is_missing(tmp_path: Path) -> None:
    assert "sample axis is missing" in refusal(tmp_path, LEFT, left=np.zeros(4)).why


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (np.full((5, 8, 6, 1), "a"), "samples.dtype"),
        (np.zeros((5, 8, 6, 1), np.complex64), "samples.dtype"),
        (np.full((5, 8, 6, 1), np.nan), "samples.finite"),
    ],
)
def test_what_is_no_finite_number_is_refused(tmp_path: Path, array: Any, code: str) -> None:
    assert refusal(tmp_path, x=array).code == code


def test_values_that_the_input_cannot_hold_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, x=np.full(GOOD.shape, 1e300)).code == "samples.dtype"
    whole = Port(name="n", shape=(None, 2), dtype="int8")
    assert refusal(tmp_path, whole, n=np.full((3, 2), 300)).code == "samples.dtype"


def test_a_header_that_claims_more_than_there_is_memory_is_refused(tmp_path: Path) -> None:
    for claim in (10**14, 10**30):
        with (tmp_path / "data.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (claim,)})
        with pytest.raises(UsageError) as caught:
            read_samples(tmp_path / "data.npy", [IMAGE], option="--calib", labelled=False)
        assert caught.value.code == "samples.format"


def test_a_member_that_is_no_array_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("x.npy", "hello")
    with pytest.raises(UsageError) as caught:
        read_samples(tmp_path / "data.npz", [IMAGE], option="--calib", labelled=False)
    assert caught.value.code == "samples.format"


def test_fractions_for_a_whole_number_input_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, RIGHT, right=np.full((2, 2), 0.5)).code == "samples.dtype"


def test_python_objects_are_never_loaded(tmp_path: Path) -> None:
    assert "Python objects" in refusal(tmp_path, x=np.array([{}], dtype=object)).why


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_text("1,2,3\n")
    with pytest.raises(UsageError, match=r"not a \.npz or \.npy"):
        read_samples(tmp_path / "data.npz", [IMAGE], option="--calib", labelled=False)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=GOOD)
    (tmp_path / "data.npz").write_bytes((tmp_path / "data.npz").read_bytes()[:200])
    with pytest.raises(UsageError, match="damaged"):
        read_samples(tmp_path / "data.npz", [IMAGE], option="--calib", labelled=False)


@pytest.mark.parametrize(("name", "code"), [("absent.npz", "file.missing"), (".", "samples.folder")])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_samples(tmp_path / name, [IMAGE], option="--calib", labelled=False)
    assert caught.value.code == code


def test_wrong_names_are_answered_with_the_right_ones(tmp_path: Path) -> None:
    assert "it holds img; the model's input is x or image" in refusal(tmp_path, img=GOOD).why


def test_inputs_of_different_lengths_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, LEFT, RIGHT, left=np.zeros((3, 4)), right=np.zeros((2, 2), np.int32)).code == "samples.count"


@pytest.mark.parametrize(
    ("y", "numbers"),
    [
        (np.array([[0], [1], [0], [1], [1]]), [0, 1, 0, 1, 1]),
        (np.eye(5, dtype=np.float32)[[3, 1, 0, 2, 4]], [3, 1, 0, 2, 4]),
        (np.array([True, False, True, True, False]), [1, 0, 1, 1, 0]),
        (np.array([0.0, 1.0, 1.0, 0.0, 1.0]), [0, 1, 1, 0, 1]),
        (np.array([0.5, 1.0, -3.0, 0.0, 1.0]), [0.5, 1.0, -3.0, 0.0, 1.0]),
    ],
)
def test_labels_in_other_forms_become_class_numbers_where_they_mean_classes(tmp_path: Path, y: Any, numbers: list[float]) -> None:
    labels = read(tmp_path, x=GOOD, y=y, labelled=True).labels
    assert labels is not None
    assert labels.tolist() == numbers


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ({}, "labels.missing"),
        ({"y": np.arange(4)}, "labels.shape"),
        ({"y": np.array(["cat"] * 5)}, "labels.shape"),
        ({"y": np.array(3)}, "labels.shape"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, Any], code: str) -> None:
    assert refusal(tmp_path, labelled=True, x=GOOD, **arrays).code == code


def test_synthetic_inputs_repeat_themselves_and_know_what_they_cannot_know() -> None:
    first, second = synthetic_samples([IMAGE]), synthetic_samples([IMAGE])
    assert first.inputs["image"].shape == (32, 8, 6, 1)
    assert (first.inputs["image"] == second.inputs["image"]).all()
    with pytest.raises(UsageError, match="free dimensions"):
        synthetic_samples([Port(name="t", shape=(None, None), dtype="float32")])


def test_samples_that_unpack_to_more_than_there_is_room_for_are_refused_before_they_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros((2000, 8, 6, 1), np.float32))
    assert (tmp_path / "bomb.npz").stat().st_size < 10_000
    with pytest.raises(UsageError) as caught:
        read_samples(tmp_path / "bomb.npz", [IMAGE], option="--calib", labelled=False, most_bytes=100_000)
    assert caught.value.code == "samples.size"
    assert read_samples(tmp_path / "bomb.npz", [IMAGE], option="--calib", labelled=False, most_bytes=1_000_000).count == 2000


def test_no_random_inputs_are_drawn_for_which_there_is_no_room() -> None:
    with pytest.raises(UsageError) as caught:
        synthetic_samples([Port(name="x", shape=(1, 1 << 40), dtype="float32")])
    assert (caught.value.code, caught.value.what) == ("samples.size", "input x is too large for this machine: (1, 1099511627776)")
