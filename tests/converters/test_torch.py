"""PyTorch as a source: programs and functions, and one small model of each kind that exporters have stumbled over."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, Completed, clean_environment

needs_torch = pytest.mark.skipif(
    not all(find_spec(name) for name in ("torch", "litert_torch", "onnxscript")), reason="the torch extra is not installed"
)
MODELS = (
    "mlp",
    "cnn",
    "conv1d",
    "lstm",
    "gru",
    "bilstm",
    "attention",
    "dot_product",
    "embedding",
    "upsample",
    "activations",
    "resizing",
    "two",
)
# In two processes, so that two cores have something to do.
HALVES = ((*MODELS[:5], "programs"), MODELS[5:])


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which all models were converted, once for all workers of the test session."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "torch_zoo"
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first worker converts, the others wait for it
        if not (root / f"{MODELS[-1]}.json").exists():
            command = [sys.executable, "-m", "tests.converters.torch_zoo", str(root)]
            log = (root / "log").open("w")
            running = [
                subprocess.Popen([*command, *half], cwd=REPOSITORY, env=clean_environment(), stdout=log, stderr=log) for half in HALVES
            ]
            assert [process.wait(timeout=400) for process in running] == [0, 0], (root / "log").read_text()[-2000:]
            log.close()
    return root


def rows(converted: Path, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((converted / f"{name}.json").read_text())
    assert "crashed" not in told, told["crashed"]
    return told


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_float_tflite_and_onnx_say_what_pytorch_says(converted: Path, name: str) -> None:
    told = rows(converted, name)
    for key in ("fp32.tflite", "fp32.onnx"):
        proof = told[key]["verification"]
        assert proof["passed"], proof["checks"]
        assert proof["sqnr_db"] > 120


# Where a runtime or a quantizer has no int8 form, the gate says so: what it counts is below the floor.
PARTLY = {"lstm": ("int8.onnx",), "gru": ("int8.onnx",), "bilstm": ("int8.onnx",), "embedding": ("int8.onnx", "int8.tflite")}


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_int8_agrees_with_pytorch_or_is_not_called_int8(converted: Path, name: str) -> None:
    told = rows(converted, name)
    for key in ("int8.tflite", "int8.onnx"):
        if "failure" in told[key]:
            assert key in PARTLY.get(name, ()), told[key]
            continue
        proof = told[key]["verification"]
        assert proof["passed"] or key in PARTLY.get(name, ()), proof["checks"]
        assert not proof["passed"] or proof["sqnr_db"] > 20


@needs_torch
@pytest.mark.slow
def test_inputs_and_outputs_keep_the_names_and_the_nest_of_the_source(converted: Path) -> None:
    told = rows(converted, "two")
    for key in ("fp32.tflite", "fp32.onnx"):
        assert {port["name"] for port in told[key]["inputs"]} == {"left", "right"}
        assert [port["name"] for port in told[key]["outputs"]] == ["parts_0", "parts_1", "scores"]


@needs_torch
@pytest.mark.slow
def test_the_layout_of_an_image_stays_and_onnx_keeps_the_free_batch(converted: Path) -> None:
    told = rows(converted, "cnn")
    assert told["fp32.tflite"]["inputs"][0]["shape"] == [1, 3, 16, 16]
    assert told["fp32.onnx"]["inputs"][0]["shape"] == [-1, 3, 16, 16]


@needs_torch
@pytest.mark.slow
def test_wide_integers_stay_wide(converted: Path) -> None:
    told = rows(converted, "embedding")
    assert {told[key]["inputs"][0]["dtype"] for key in ("fp32.tflite", "fp32.onnx")} == {"int64"}


@needs_torch
@pytest.mark.slow
def test_a_layer_of_the_result_is_called_as_in_pytorch(converted: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    names = {detail["name"] for detail in Interpreter(str(converted / "cnn" / "fp32.tflite")).get_tensor_details()}
    assert {"body.0", "body.3", "body.6", "body.7", "head"} <= names


@needs_torch
@pytest.mark.slow
def test_random_weights_are_remarked_on(converted: Path) -> None:
    assert [note["code"] for note in rows(converted, "mlp")["fp32.onnx"]["notes"]] == ["torch.random"]


@needs_torch
@pytest.mark.slow
def test_a_program_and_a_function_of_one_model_are_one_family_with_one_set_of_weights(converted: Path) -> None:
    known, function = rows(converted, "programs"), rows(converted, "cnn")["facts"]
    for name in ("fixed", "free"):
        assert known[name]["family"] == function["family"]
        assert known[name]["weights_sha256"] == function["weights_sha256"]
        assert known[name]["parameters"] == function["parameters"]
    assert known["fixed"]["shape"] == [1, 3, 16, 16]
    assert known["free"]["shape"] == [None, 3, 16, 16]
    for one, other in zip(known["fixed"]["output"][0], known["free"]["output"][0], strict=True):
        assert abs(one - other) < 1e-5


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("four", "model.batch"), ("half", "model.dtype"), ("training", "model.training")])
def test_a_program_that_cannot_be_converted_is_refused(converted: Path, name: str, code: str) -> None:
    assert rows(converted, "programs")[name] == {"code": code}


@needs_torch
@pytest.mark.slow
def test_a_model_that_mixes_samples_is_asked_for_one_at_a_time(converted: Path) -> None:
    assert rows(converted, "programs")["mixing"]["output"] == [[1, 2, 3, 4], [5, 6, 7, 8]]


@needs_torch
@pytest.mark.slow
def test_an_operator_that_an_exporter_lacks_is_named(converted: Path) -> None:
    refused = rows(converted, "programs")["erfinv"]["refused"]
    assert [code for code, _ in refused] == ["model.operator", "model.operator"]
    assert ["erf" in why for _, why in refused] == [True, True]


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("branch", "model.untraceable", "depends on the values"),
        ("broken", "model.function", "the weights are not here"),
        ("single", "model.function", "counts samples"),
    ],
)
def test_a_function_whose_model_cannot_be_used_is_told_why(converted: Path, name: str, code: str, words: str) -> None:
    told = rows(converted, "programs")[name]
    assert (told["code"], words in told["why"]) == (code, True)


@needs_torch
@pytest.mark.slow
def test_the_same_model_gives_the_same_bytes_in_another_process(
    converted: Path, tmp_path: Path, run_edgekit: Callable[..., Completed]
) -> None:
    done = run_edgekit("--json", "convert", converted / "fixed.pt2", "-r", "fp32", "--to", "tflite", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.json()["data"]["source"]["format"] == "pt2"
    assert (tmp_path / "fixed.fp32.tflite").read_bytes() == (converted / "cnn" / "fp32.tflite").read_bytes()


NET = "import torch\n\ndef net():\n    return torch.nn.Linear(4, 2), torch.zeros(1, 4)\n\ndef other():\n    return 5\n"


@needs_torch
@pytest.mark.slow
def test_a_function_of_this_folder_is_converted_under_its_name(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    (tmp_path / "mine.py").write_text(NET)
    done = run_edgekit("convert", "mine:net", "-r", "fp32", "--to", "onnx")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "artifacts" / "net.fp32.onnx").is_file()
    record = json.loads((tmp_path / "artifacts" / "net.fp32.onnx.json").read_text())
    assert "draws 2 of its 2 weights at random" in " ".join(note["text"] for note in record["notes"])
    assert "torchao" not in done.stderr  # what the libraries say while they are loaded


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize(("name", "words"), [("mine:other", "it returned int"), ("mine:absent", "mine defines no absent")])
def test_a_function_that_gives_no_model_is_refused(tmp_path: Path, name: str, words: str, run_edgekit: Callable[..., Completed]) -> None:
    (tmp_path / "mine.py").write_text(NET)
    done = run_edgekit("convert", name)
    assert (done.returncode, words in done.stderr, "model.function" in done.stderr) == (5 if "other" in name else 2, True, True)


WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == "torch" else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""


def test_without_pytorch_the_line_that_installs_it_is_told(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text(WITHOUT)
    (tmp_path / "mine.py").write_text(NET)
    done = run_edgekit("convert", "mine:net", env={"PYTHONPATH": str(tmp_path / "hidden")})
    assert done.returncode == 6
    assert 'pip install "edgekit[torch]"' in done.stderr


@needs_torch
@pytest.mark.slow
def test_what_is_rewritten_for_tflite_computes_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.converters.torch_equals"],
        cwd=REPOSITORY,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [int(word) for word in done.stdout.split()] >= [1000, 200]


def test_every_model_of_the_zoo_is_in_both_lists() -> None:
    assert set(itertools.chain(*HALVES)) - {"programs"} == set(MODELS)
