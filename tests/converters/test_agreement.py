"""The same file in several runtimes: what differs is counted, and what cannot be asked is a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters.base import RECIPES
from edgekit.converters.produce import make
from edgekit.converters.runtimes.agreement import INPUTS, OTHERS, Ran, compare, run
from edgekit.converters.settings import Settings
from edgekit.core.artifact import Agreement
from edgekit.core.jsonio import validate
from tests.conftest import Completed
from tests.converters.network import classifier

pytestmark = pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors")


BY_KEY = {recipe.key: recipe for recipe in RECIPES}


def test_integers_differ_in_steps_and_floats_in_their_own_unit() -> None:
    coded = [np.array([[1, 2], [3, 4]], np.int8)], [np.array([[1, 5], [3, 3]], np.int8)]
    found = compare(Ran("a", coded[0], [0.5]), Ran("b", coded[1], [0.5]))
    assert found == Agreement(runtime="b", values=4, differing=2, max_abs=1.5, max_steps=3.0)
    real = [np.array([[1.0, 2.0]], np.float32)], [np.array([[1.0, 2.5]], np.float32)]
    assert compare(Ran("a", real[0], [0.25]), Ran("b", real[1], [0.25])).max_steps == 2.0
    assert compare(Ran("a", real[0], [None]), Ran("b", real[1], [None])) == Agreement(
        runtime="b", values=2, differing=1, max_abs=0.5, max_steps=None
    )


def asked(path: Path, runtime: str, inputs: Any, work: Path, *, name: str = "x") -> Agreement:
    np.savez(work / "proof.npz", **{name: inputs})
    np.savez(work / "reference.npz", **{"0": np.zeros(1)})
    (work / "facts.json").write_text("{}")
    (work / "evidence.json").write_text(json.dumps({"data": "held-out", "inputs": []}))
    job = {"path": str(path), "format": "tflite", "runtime": runtime, "work": str(work)}
    return validate(Agreement, run(job, lambda _: None), where="the answer")


@pytest.fixture
def int8(tmp_path: Path) -> tuple[Path, Any]:
    network = classifier()
    hub, inputs = network.write(tmp_path / "hub.tflite"), network.inputs(60)
    made = tmp_path / "int8.tflite"
    make(BY_KEY["int8.tflite"], hub, made, {"x": inputs}, Settings())
    return made, inputs


@pytest.mark.parametrize("runtime", ["reference", "plain"])
def test_kernels_of_one_library_round_differently_and_not_by_much(runtime: str, int8: tuple[Path, Any], tmp_path: Path) -> None:
    found = asked(int8[0], runtime, int8[1], tmp_path)
    assert found.reason is None
    assert found.values == INPUTS * 10
    assert 0 < found.differing < found.values
    assert found.max_steps is not None
    assert 1 <= found.max_steps <= 4
    assert found.max_abs == pytest.approx(found.max_steps * step_of(int8[0]), rel=1e-3)


def step_of(path: Path) -> float:
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(str(path))
    model.allocate_tensors()
    coded = [
        tensor["quantization"][0]
        for tensor in model.get_tensor_details()
        if tensor["dtype"] == np.int8 and list(tensor["shape"]) == [1, 10]
    ]
    return float(coded[-1])


def test_a_microcontroller_s_interpreter_gives_what_the_reference_kernels_give(int8: tuple[Path, Any], tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 only")
    micro, reference = (asked(int8[0], runtime, int8[1], tmp_path) for runtime in ("micro", "reference"))
    assert micro.reason is None
    assert micro.runtime.startswith("TFLite Micro 0.dev")
    assert micro.values == reference.values
    assert abs(micro.differing - reference.differing) < 0.1 * micro.values


def test_the_published_anomaly_detector_is_another_model_on_a_microcontroller(shared_data: Path, tmp_path: Path) -> None:
    """A third of its outputs differ: kernels round its products once in one library and twice in the other."""
    pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 only")
    path = shared_data / "mlperf_tiny" / "models" / "ad01_int8.tflite"
    inputs = np.random.default_rng(0).integers(-128, 128, size=(INPUTS, 640)).astype(np.int8)
    micro, reference = (asked(path, runtime, inputs, tmp_path, name="input_1") for runtime in ("micro", "reference"))
    assert reference.differing == 0
    assert micro.differing == pytest.approx(micro.values / 3, rel=0.1)
    assert micro.max_steps == 3


def test_a_runtime_that_refuses_the_model_is_a_reason(tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 only")
    network = classifier()
    hub, inputs = network.write(tmp_path / "hub.tflite"), network.inputs(2)
    make(BY_KEY["fp16.tflite"], hub, tmp_path / "fp16.tflite", {}, Settings())
    found = asked(tmp_path / "fp16.tflite", "micro", inputs, tmp_path)
    assert found.reason is not None
    assert found.reason.startswith("it refuses the model")
    assert (found.values, found.max_abs) == (0, None)


ABSENT = "import sys; sys.modules['tflite_micro'] = None"
CRASH = """
import os, signal, sys
class Killer:
    def find_spec(self, name, path=None, target=None):
        if name == "tflite_micro":
            os.kill(os.getpid(), signal.SIGSEGV)
sys.meta_path.insert(0, Killer())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("site", "said"), [(ABSENT, "not installed"), (CRASH, "SIGSEGV")])
def test_a_runtime_that_is_absent_or_crashes_takes_nothing_down(
    site: str, said: str, int8: tuple[Path, Any], tmp_path: Path, run_edgekit: Callable[..., Completed]
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(site)
    np.savez(tmp_path / "calib.npz", x=int8[1][:30])
    words = ["hub.tflite", "-r", "int8", "--calib", "calib.npz", "--runtime-agreement"]
    done = run_edgekit("convert", *words, "--json", env={"PYTHONPATH": str(tmp_path / "site")})
    assert done.returncode == 0, done.stderr
    found = done.json()["data"]["rows"][0]["artifact"]["verification"]["agreements"]
    assert [item["reason"] is None for item in found] == [True, True, False]
    assert said in found[2]["reason"]
    record = json.loads((tmp_path / "artifacts" / "hub.int8.tflite.json").read_text())
    assert record["verification"]["agreements"] == found


def test_every_format_that_has_several_runtimes_is_asked() -> None:
    assert OTHERS == {"tflite": ("reference", "plain", "micro"), "onnx": ("unoptimised",)}
