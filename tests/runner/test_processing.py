"""The user's functions around an inference: what they are given, what they must return, and whose line an error comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.runner.engines.inputs import Tensor
from edgekit.runner.processing import processed, raw_inputs, wanted
from edgekit.runner.wire import Refusal

PREP = '''
import numpy as np

seen = []

def scale(image):
    """Bytes to 0..1."""
    return image.astype(np.float32) / 255

def both(arrays):
    return {"a": arrays["left"], "b": arrays["right"] * 2}

def keep(outputs):
    seen.append(outputs)

def broken(image):
    return image / {}

def later(image, calls=[]):
    calls.append(0)
    if len(calls) > 2:
        raise KeyError("the third")
    return image.astype(np.float32)

NOT_ONE = 3
'''


class Engine:
    """Add up its inputs."""

    def __init__(self, *inputs: Tensor, outputs: int = 1) -> None:
        self.inputs = list(inputs)
        self.outputs = [f"y{number}" for number in range(outputs)]
        self.fed: list[Any] = []

    def prepare(self, arrays: list[Any]) -> Any:
        return arrays

    def infer(self, prepared: Any) -> list[Any]:
        self.fed.append(prepared)
        return [sum(float(array.sum()) for array in prepared)] * len(self.outputs)


FLOAT = Tensor("x", (2, 3), "float32")
INT8 = Tensor("x", (2, 3), "int8", 0.5, -1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "my prep").mkdir()
    path = tmp_path / "my prep" / "prep.py"
    path.write_text(PREP)
    return path


def _functions(file: Path, pre: str | None = None, post: str | None = None) -> Any:
    named = {"pre": pre, "post": post}
    return wanted({role: {"file": str(file), "function": name} for role, name in named.items() if name is not None})


def test_without_functions_nothing_is_put_around_an_inference() -> None:
    assert wanted({"pre": None}) is None


def test_pre_makes_the_inputs_and_post_takes_the_outputs(file: Path) -> None:
    engine, functions = Engine(FLOAT), _functions(file, "scale", "keep")
    image = np.full((2, 3), 255, np.uint8)
    loop = processed(engine, functions, image)
    loop([image, image])
    assert [array.dtype for (array,) in engine.fed] == [np.float32] * 2
    assert functions.post.__globals__["seen"] == [6.0, 6.0], "one output is given as it is"


def test_several_inputs_and_outputs_go_by_name_and_in_their_order(file: Path) -> None:
    engine = Engine(Tensor("b", (1,), "float32"), Tensor("a", (1,), "float32"), outputs=2)
    functions = _functions(file, "both", "keep")
    item = {"left": np.array([1], np.float32), "right": np.array([3], np.float32)}
    processed(engine, functions, item)([item])
    assert [float(array[0]) for array in engine.fed[-1]] == [6.0, 1.0]
    assert functions.post.__globals__["seen"] == [[7.0, 7.0]]


def test_floats_are_quantized_for_a_model_that_wants_integers(file: Path) -> None:
    engine = Engine(INT8)
    image = np.full((2, 3), 255, np.uint8)
    processed(engine, _functions(file, "scale"), image)([image])
    assert engine.fed[-1][0].dtype == np.int8
    assert set(engine.fed[-1][0].ravel().tolist()) == {1}, "1.0 / 0.5 - 1"


def test_post_alone_leaves_prepared_inputs_as_they_are(file: Path) -> None:
    engine, functions = Engine(FLOAT), _functions(file, post="keep")
    prepared = [np.ones((2, 3), np.float32)]
    processed(engine, functions, prepared)([prepared])
    assert engine.fed == [prepared]
    assert functions.post.__globals__["seen"] == [6.0]


@pytest.mark.parametrize(
    ("function", "tensor", "code", "why"),
    [
        ("missing", FLOAT, "processing.unknown", "functions there: both, broken"),
        ("NOT_ONE", FLOAT, "processing.unknown", "functions there"),
        ("broken", FLOAT, "processing.failed", "line 17: return image / {}"),
        ("scale", Tensor("x", (1, 3), "float32"), "processing.result", "its shape is [2, 3], the model wants [1, 3]"),
        ("scale", Tensor("x", (2, 3), "int32"), "processing.result", "its type is float32, the model wants int32"),
        ("both", FLOAT, "processing.failed", "line 11: return"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(file: Path, function: str, tensor: Tensor, code: str, why: str) -> None:
    with pytest.raises(Refusal) as refused:
        processed(Engine(tensor), _functions(file, function), np.zeros((2, 3), np.uint8))
    assert refused.value.error["code"] == code
    assert why in refused.value.error["why"]


def test_an_error_in_the_middle_of_a_window_is_the_functions_own(file: Path) -> None:
    image = np.zeros((2, 3), np.uint8)
    loop = processed(Engine(FLOAT), _functions(file, "later"), image)
    loop([image])
    with pytest.raises(Refusal) as refused:
        loop([image, image])
    assert refused.value.error["what"] == "pre raised KeyError"
    assert "the third" in refused.value.error["why"]


def test_an_error_of_the_engine_is_not_blamed_on_the_functions(file: Path) -> None:
    engine = Engine(FLOAT)
    loop = processed(engine, _functions(file, "scale"), np.zeros((2, 3), np.uint8))
    engine.outputs, engine.infer = [], None  # type: ignore[assignment,method-assign]
    loop = processed(engine, _functions(file, "scale"), np.zeros((2, 3), np.uint8))
    with pytest.raises(TypeError, match="not callable"):
        loop([np.zeros((2, 3), np.uint8)])


@pytest.mark.parametrize(
    ("text", "why"), [("import nothing_like_it", "ModuleNotFoundError"), ("def (", "SyntaxError"), ("1/0", "ZeroDivision")]
)
def test_a_file_that_cannot_be_imported_says_why(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "prep.py").write_text(text)
    with pytest.raises(Refusal) as refused:
        _functions(tmp_path / "prep.py", "scale")
    assert refused.value.error["code"] == "processing.import"
    assert why in refused.value.error["why"]


def test_raw_arrays_are_batched_and_walk_through_all_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "raw.npz", frames=np.arange(10, dtype=np.uint8).reshape(5, 2))
    found = raw_inputs(str(tmp_path / "raw.npz"), [FLOAT], 2)
    assert [item.tolist() for item in found] == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]


def test_several_raw_arrays_come_by_name_and_no_file_means_random_ones(tmp_path: Path) -> None:
    np.savez(tmp_path / "raw.npz", left=np.zeros((3, 1)), right=np.ones((3, 1)))
    assert [sorted(item) for item in raw_inputs(str(tmp_path / "raw.npz"), [FLOAT], 1)] == [["left", "right"]] * 3
    assert all(item.shape == (2, 3) for item in raw_inputs(None, [FLOAT], 2))


@pytest.mark.parametrize("arrays", [{}, {"x": np.float32(1)}, {"x": np.zeros((0, 3))}])
def test_raw_files_without_samples_are_refused(tmp_path: Path, arrays: Any) -> None:
    np.savez(tmp_path / "raw.npz", **arrays)
    with pytest.raises(Refusal) as refused:
        raw_inputs(str(tmp_path / "raw.npz"), [FLOAT], 1)
    assert refused.value.error["code"] == "samples.empty"


def test_pickled_objects_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "raw.npz", x=np.array([{}], dtype=object))
    with pytest.raises(Refusal) as refused:
        raw_inputs(str(tmp_path / "raw.npz"), [FLOAT], 1)
    assert refused.value.error["code"] == "samples.unreadable"
