"""Whatever a library says when it fails becomes an error with a code, a reason, and a way on.

The rows are those error texts that users of these libraries search for. Where the library can be made to say it here, it is made to: its
next version may put it in other words. What is put right without a word is tested where it is done:

- a free batch of a recurrent layer: test_zoo.test_a_free_batch_is_one_in_tflite_and_stays_free_in_onnx
- another exporter for what tf2onnx breaks: test_zoo.test_what_tf2onnx_breaks_is_exported_by_keras_on_pytorch_and_said
- float64 data: test_data.test_float64_is_cast_and_said; data in the other layout: test_data.test_a_shape_that_is_nearly_right_is_explained
- integer inputs and outputs: test_codes.test_a_tflite_of_integers_takes_and_gives_real_numbers
- files that are not what their names say: test_source.test_a_file_that_is_not_what_its_name_says_is_refused
- the operator and the layer that TFLite lacks: test_operators.test_a_missing_operator_is_named_with_its_layer
- an onnx2tf that asks the network: test_onnx2tf.test_a_version_that_asks_the_network_is_told_apart
- a device's real tflite-runtime 2.14: test_tflite_legacy.test_a_model_that_is_too_new_for_it_is_refused_with_the_remedy
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters import process
from edgekit.converters.explain import explain
from edgekit.converters.process import Children, run_worker
from edgekit.core.errors import EdgekitError, ModelError, UsageError
from tests.conftest import REPOSITORY, clean_environment
from tests.converters.targets.networks import write_chain
from tests.tiny import write_onnx

SAID = [
    (
        "'tf.TensorListReserve' op requires element_shape to be static during TF Lite transformation pass",
        "model.recurrent",
        "list",
        "--to onnx",
    ),
    ("ConverterError: Variable constant folding is failed. TensorListReserve", "model.recurrent", "recurrent layer", "batch_shape=(1"),
    ("tflite/kernels/read_variable.cc:67 variable != nullptr was not true.", "model.variables", "weights", "model.export("),
    ("Tensor data is null. Run allocate_tensors() first", "recipe.recurrent", "dynamic int8 is offered", "-r dynamic"),
    ("For full integer quantization, a `representative_dataset` must be specified.", "calibration.missing", "sample inputs", "--calib"),
    ("For full integer quantization, a representative_dataset must be specified.", "calibration.missing", "sample inputs", "--calib"),
    ("ConverterError: Could not translate MLIR to FlatBuffer.\\n error: 'tf.Erfinv' op", "model.operator", "tf.Erfinv", "--to onnx"),
    ("Could not translate MLIR to FlatBuffer.", "model.operator", "one of its operators", "--to onnx"),
    ("The model provided has never called. ", "model.unbuilt", "before it has run once", "model.save("),
    (
        "File format not supported: filepath=saved. Keras 3 only supports V3 `.keras` files, legacy H5 format files",
        "model.format",
        "folder that holds saved_model.pb",
        "edgekit convert FOLDER",
    ),
    (
        "Requested the deserialization of a Lambda layer with a Python `lambda` inside it. ... pass `safe_mode=False` to the loading",
        "model.lambda",
        "Python code",
        "--allow-unsafe-model",
    ),
    ("Could not locate class 'Foo'. Make sure custom classes are decorated", "model.custom", "Foo", "--custom-objects"),
    ("`prune_low_magnitude` can only prune an object of the following types: keras.models.Sequential", "model.custom", "Keras 3", "strip"),
    ("`to_quantize` can only either be a keras Sequential or Functional model.", "model.custom", "Keras 3", "strip"),
    (
        "[ONNXRuntimeError] : 1 : FAIL : Load model from /a b/m.onnx failed:Initializer 'w': raw_data size (0) does not match\nmore",
        "model.refused",
        "ONNX Runtime refuses it: Initializer 'w': raw_data size (0) does not match",
        "onnx.checker",
    ),
]


@pytest.mark.parametrize(("words", "code", "why", "do"), SAID, ids=[row[0][:40] for row in SAID])
def test_what_a_library_says_is_translated(words: str, code: str, why: str, do: str) -> None:
    error = explain(ValueError(words), {"what": "converting m"})
    assert (error.what, error.code) == ("converting m failed", code)
    assert why in error.why
    assert any(do in command for _, command in error.do)
    assert words in str(error.data["log"])


def session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def tiny(folder: Path, change: Callable[[Any], None]) -> Any:
    import onnx

    proto = onnx.load(write_onnx(folder / "m.onnx"))
    change(proto)
    onnx.save(proto, folder / "m.onnx")
    return session(folder / "m.onnx")


def newer_ir(folder: Path) -> None:
    tiny(folder, lambda proto: setattr(proto, "ir_version", 99))


def newer_opset(folder: Path) -> None:
    tiny(folder, lambda proto: setattr(proto.opset_import[0], "version", 99))


def unknown_operator(folder: Path) -> None:
    tiny(folder, lambda proto: setattr(proto.graph.node[0], "op_type", "Erfc"))


def other_sizes(folder: Path) -> None:
    tiny(folder, lambda _: None).run(None, {"x": np.zeros((1, 3), np.float32)})


def other_rank(folder: Path) -> None:
    tiny(folder, lambda _: None).run(None, {"x": np.zeros((1, 3, 2), np.float32)})


def absent_weights(folder: Path) -> None:
    import onnx

    proto = onnx.load(write_onnx(folder / "m.onnx"))
    onnx.save(proto, folder / "m.onnx", save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    (folder / "m.onnx.data").unlink()
    session(folder / "m.onnx")


def no_protobuf(folder: Path) -> None:
    (folder / "m.onnx").write_bytes(b"garbage" * 9)
    session(folder / "m.onnx")


def no_samples(folder: Path) -> None:
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Nothing(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> None:
            return None

    quantize_static(str(write_onnx(folder / "m.onnx")), str(folder / "o.onnx"), Nothing())


def interpreter(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    opened = Interpreter(str(path), num_threads=1)
    opened.allocate_tensors()
    return opened


def no_flatbuffer(folder: Path) -> None:
    (folder / "m.tflite").write_bytes(b"this is no model" * 9)
    interpreter(folder / "m.tflite")


def newer_operator(folder: Path) -> None:
    interpreter(write_chain(folder / "m.tflite", [4, 4], version=99))


def other_batch(folder: Path) -> None:
    interpreter(write_chain(folder / "m.tflite", [4, 4])).resize_tensor_input(0, [2, 4], strict=True)


def doubles(folder: Path) -> None:
    interpreter(write_chain(folder / "m.tflite", [4, 4])).set_tensor(0, np.zeros((1, 4)))


def floats_for_integers(folder: Path) -> None:
    interpreter(write_chain(folder / "m.tflite", [4, 4], operator="ABS", dtype="INT32")).set_tensor(0, np.zeros((1, 4), np.float32))


def too_few(folder: Path) -> None:
    interpreter(write_chain(folder / "m.tflite", [4, 4])).set_tensor(0, np.zeros((1, 3), np.float32))


@pytest.mark.parametrize(
    ("provoke", "kind", "code", "why", "do"),
    [
        (newer_ir, ModelError, "model.too_new", "IR version 99, the ONNX Runtime installed takes up to ", "pip install -U onnxruntime"),
        (newer_opset, ModelError, "model.too_new", "opset 99, the ONNX Runtime installed takes up to ", "pip install -U onnxruntime"),
        (unknown_operator, ModelError, "model.operator", "Erfc", "--to tflite"),
        (other_sizes, UsageError, "samples.shape", "input x", "transpose"),
        (other_rank, UsageError, "samples.shape", "input x", "transpose"),
        (absent_weights, ModelError, "model.external_data", "m.onnx.data", "ls -l"),
        (no_protobuf, ModelError, "model.damaged", "not a whole .onnx", "ls -l"),
        (no_samples, UsageError, "calibration.missing", "sample inputs", "--calib"),
        (no_flatbuffer, ModelError, "model.damaged", "not a whole .tflite", "ls -l"),
        (newer_operator, ModelError, "model.too_new", "too old for RELU version 99", "pip install -U ai-edge-litert"),
        (other_batch, UsageError, "samples.shape", "shape or order", "numpy.savez"),
        (doubles, UsageError, "samples.dtype", "fed with FLOAT64 and takes FLOAT32", "astype"),
        (floats_for_integers, UsageError, "samples.dtype", "fed with FLOAT32 and takes INT32", "astype"),
        (too_few, UsageError, "samples.shape", "other dimensions", "transpose"),
    ],
)
def test_what_today_s_runtimes_really_say_is_translated(
    provoke: Callable[[Path], None], kind: type[EdgekitError], code: str, why: str, do: str, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the convert extra is not installed")
    pytest.importorskip("ai_edge_litert", reason="the convert extra is not installed")
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- each library has classes of its own
        provoke(tmp_path)
    error = explain(caught.value, {"what": "converting m"})
    assert (type(error), error.code) == (kind, code), caught.value
    assert why in error.why
    assert any(do in command for _, command in error.do)


@pytest.mark.parametrize(
    ("recipe", "offered"),
    [("int8.tflite", ["-r dynamic", "--to onnx -r int8"]), ("int8.onnx", ["-r dynamic"]), ("fp32.tflite", []), ("", [])],
)
def test_a_converter_that_dies_of_a_segmentation_fault_is_told_with_a_way_around(recipe: str, offered: list[str]) -> None:
    """Status 139 of a shell: what TensorFlow's own int8 does to recurrent layers."""
    died = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"]

    class Dying(Children):
        def run(self, command: Any, **more: Any) -> process.Ended:
            return super().run(died, **more)

    with Dying() as children, pytest.raises(ModelError) as caught:
        run_worker(children, {"task": "produce", "recipe": recipe}, on_stage=lambda _: None, what="recipe")
    assert (caught.value.code, caught.value.why) == ("convert.crashed", "it was ended by signal SIGSEGV")
    assert [command.removeprefix("edgekit convert ... ") for _, command in caught.value.do[1:]] == offered


OLD = """
class Interpreter:
    def __init__(self, **_):
        raise ValueError("Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'. An older version might be supported.")
"""
ASK = """
from edgekit.runner.engines.litert import LiteRT
from edgekit.runner.wire import Refusal
try:
    LiteRT("m.tflite", "tflite_runtime", 1, 1)
except Refusal as refusal:
    print(refusal.error["code"], refusal.error["do"], refusal, sep="\\n")
"""


def test_a_device_whose_runtime_is_too_old_is_told_which_one_to_install(tmp_path: Path) -> None:
    (tmp_path / "tflite_runtime").mkdir()
    (tmp_path / "tflite_runtime" / "__init__.py").touch()
    (tmp_path / "tflite_runtime" / "interpreter.py").write_text(OLD)
    environment = clean_environment({"PYTHONPATH": str(tmp_path)})
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    code, do, what = done.stdout.splitlines()[:3]
    assert code == "engine.too_old"
    assert "pip install ai-edge-litert" in do
    assert "too old: the model uses FULLY_CONNECTED version 12" in what


def test_edgekit_does_not_depend_on_what_does_not_know_keras_3() -> None:
    assert "tensorflow-model-optimization" not in str(tomllib.loads((REPOSITORY / "pyproject.toml").read_text()))


def test_the_check_of_an_onnx_file_is_of_the_users_own_file_and_can_be_pasted(tmp_path: Path) -> None:
    model = tmp_path / "it's mine.onnx"
    write_onnx(model)
    error = explain(RuntimeError("[ONNXRuntimeError] : 1 : FAIL : no"), {"source": str(model), "what": "reading it"})
    (_, command), *_ = error.do
    words = shlex.split(command)
    assert (words[:2], str(model) in words[2]) == (["python", "-c"], True)
    subprocess.run([sys.executable, *words[1:]], check=True)
