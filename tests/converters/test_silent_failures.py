"""Seven ways in which a converter reports success for a broken file, each made for real where its library still does it.

Every one would be handed to a user without the gate. The eighth and later ones were seen beside them.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters import produce
from edgekit.converters.base import RECIPES, Recipe
from edgekit.converters.hub import load as load_source
from edgekit.converters.produce import open_artifact
from edgekit.converters.settings import Settings
from edgekit.converters.verify.evidence import Demands, Evidence
from edgekit.converters.verify.gate import verify
from edgekit.core.artifact import Verification
from edgekit.core.errors import ModelError
from edgekit.core.jsonio import as_data, validate
from tests.conftest import clean_environment
from tests.converters.network import Network, classifier

quantizer = pytest.importorskip("ai_edge_quantizer.quantizer", reason="the convert extra is not installed")
recipes = pytest.importorskip("ai_edge_quantizer.recipe")

pytestmark = pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors")  # the quantizer's own calibration asks for them
BY_KEY = {recipe.key: recipe for recipe in RECIPES}
SAMPLES = 60


def few_bits(weights: str) -> Recipe:
    """Return a recipe for weights of few bits in layers that quantize as they go."""
    return Recipe(name="few", format="tflite", weights=weights, activations="dynamic int8", min_sqnr_db=10)


def quantized(network: Network, recipe: Any, folder: Path) -> tuple[Path, Evidence]:
    """Return what the quantizer made of `network`, which it reports as a success, and what the float network says."""
    hub = network.write(folder / "hub.tflite")
    inputs = {"x": network.inputs(SAMPLES)}
    job = quantizer.Quantizer(str(hub), recipe())
    ranges = None
    if recipe.__name__.startswith("static"):
        ranges = job.calibrate({"serving_default": [{"x": sample[None]} for sample in inputs["x"]]}, num_threads=1)
    made = folder / "made.tflite"
    made.write_bytes(job.quantize(ranges).quantized_model)
    said = open_artifact("tflite", hub)[0].run(inputs)
    labels = said[0].argmax(1) if said[0].ndim == 2 else None
    return made, Evidence(proof=inputs, reference=said, calibration_count=SAMPLES, labels=labels)


def judge(made: Path, recipe: Recipe, evidence: Evidence) -> Verification:
    model, found = open_artifact("tflite", made)
    return verify(recipe, model, found, evidence)


def failed(verification: Verification) -> set[str]:
    return {check.name for check in verification.checks if not check.passed}


def produced(hub: Path, key: str, ports: list[dict[str, Any]], proof: dict[str, Any], reference: Any, work: Path) -> Verification:
    """Take `hub` through the child that makes and judges an artifact, as `edgekit convert` does."""
    recipe = BY_KEY[key]
    hub.rename(work / f"hub.{recipe.hub}")
    (work / f"hub.{recipe.hub}.json").write_text(json.dumps({"tools": {}, "notes": []}))
    (work / "facts.json").write_text("{}")
    (work / "evidence.json").write_text(json.dumps({"data": "held-out", "inputs": ports}))
    np.savez(work / "proof.npz", **proof)
    np.savez(work / "reference.npz", **{"0": reference})
    out = work / f"made.{key}"
    job = {
        "recipe": key,
        "work": str(work),
        "out": str(out),
        "settings": as_data(Settings()),
        "demands": as_data(Demands()),
        "format": "keras",
    }
    answer = produce.run(job, lambda _: None)
    assert out.exists(), "an artifact that fails is kept"
    return validate(Verification, answer["verification"], where="the answer")


def test_s1_two_bit_weights_that_make_every_output_infinite(tmp_path: Path) -> None:
    made, evidence = quantized(classifier(), recipes.dynamic_wi2c_afp32, tmp_path)
    verification = judge(made, few_bits("int2"), evidence)
    assert "finite" in failed(verification)
    assert not {"weights", "compute", "outputs"} & failed(verification), "all else looks as it was ordered"


def test_s2_static_int8_of_a_product_with_a_constant_that_gives_only_zeros(tmp_path: Path) -> None:
    network = Network(1, 8, 8, 1).conv(8).reshape(1, 1, 512).matmul(10)
    made, evidence = quantized(network, recipes.static_wi8_ai8, tmp_path)
    verification = judge(made, BY_KEY["int8-full.tflite"], evidence)
    assert failed(verification) == {"varies", "sqnr"}
    assert not open_artifact("tflite", made)[0].run(evidence.proof)[0].any()


@pytest.mark.parametrize("recipe", ["dynamic_wi4b32_afp32", "dynamic_wi4c_hr_afp32"])
def test_s3_four_bit_recipes_that_leave_every_convolution_in_float(recipe: str, tmp_path: Path) -> None:
    made, evidence = quantized(classifier(), getattr(recipes, recipe), tmp_path)
    verification = judge(made, few_bits("int4"), evidence)
    assert failed(verification) == {"weights", "compute"}
    assert verification.computed_share is not None
    assert verification.computed_share < 0.1
    if "hr" in recipe:
        assert made.stat().st_size > 10 * (tmp_path / "hub.tflite").stat().st_size, "the file grew"


def test_s4_moving_average_calibration_whose_loss_accuracy_hides(tmp_path: Path) -> None:
    made, evidence = quantized(classifier(), recipes.static_wi8_ai8, tmp_path)
    verification = judge(made, BY_KEY["int8-full.tflite"], evidence)
    assert failed(verification) == {"sqnr"}
    assert verification.top1_agreement is not None
    assert verification.top1_agreement > 0.9
    assert verification.mcnemar_p is not None
    assert verification.mcnemar_p > 0.05


TENSORFLOW = """
import os, sys
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
import keras, numpy as np, onnx, tensorflow as tf, tf2onnx
from keras import layers as L
folder = sys.argv[1]
keras.utils.set_random_seed(3)
x = np.random.default_rng(3).standard_normal((20, 8, 8, 1)).astype("float32")

cnn = keras.Sequential([L.Input((8, 8, 1)), L.Conv2D(8, 3, activation="relu"), L.Flatten(), L.Dense(4)])
converter = tf.lite.TFLiteConverter.from_keras_model(cnn)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: iter(())
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
open(f"{folder}/empty.tflite", "wb").write(converter.convert())
np.savez(f"{folder}/empty.npz", x=x, y=cnn(x))

image = L.Input((8, 8, 1), name="x")
gelu = keras.Model([image], {"y": L.Dense(4, name="y")(L.Dense(8, activation="gelu")(L.Flatten()(image)))})
proto, _ = tf2onnx.convert.from_keras(gelu, input_signature=[tf.TensorSpec((None, 8, 8, 1), name="x")], opset=17)
onnx.save(proto, f"{folder}/gelu.onnx")
np.savez(f"{folder}/gelu.npz", x=x, y=gelu(x)["y"])
"""


@pytest.fixture(scope="session")
def tensorflow_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what TensorFlow and tf2onnx wrote and called a success, made once for all workers."""
    pytest.importorskip("tf2onnx", reason="the convert extra is not installed")
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "silent"
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "gelu.npz").exists():
            done = subprocess.run(
                [sys.executable, "-c", TENSORFLOW, str(root)],
                env=clean_environment(),
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-2000:]
    return root


@pytest.mark.slow
def test_s5_int8_from_an_empty_calibration_set_that_is_the_float_model(tensorflow_made: Path) -> None:
    with np.load(tensorflow_made / "empty.npz") as data:
        (port,) = open_artifact("tflite", tensorflow_made / "empty.tflite")[0].inputs
        evidence = Evidence(proof={port.name: data["x"]}, reference=[data["y"]], calibration_count=0)
    verification = judge(tensorflow_made / "empty.tflite", BY_KEY["int8-full.tflite"], evidence)
    assert {"weights", "compute", "calibration"} <= failed(verification)
    assert verification.quantized_share == 0


@pytest.mark.slow
def test_s6_gelu_for_which_a_file_is_written_that_no_runtime_opens(tensorflow_made: Path, tmp_path: Path) -> None:
    with np.load(tensorflow_made / "gelu.npz") as data:
        proof, said = {"x": data["x"]}, data["y"]
    hub = tmp_path / "gelu.onnx"
    hub.write_bytes((tensorflow_made / "gelu.onnx").read_bytes())
    verification = produced(hub, "fp32.onnx", [{"name": "x", "shape": [None, 8, 8, 1], "dtype": "float32"}], proof, said, tmp_path)
    assert failed(verification) == {"loads"}
    assert "Erfc" in verification.checks[0].seen


def test_s7_an_exporter_that_moves_the_axes_of_an_image(tmp_path: Path) -> None:
    """onnx2tf turns (1, 224, 224, 3) into (1, 224, 3, 224) where it takes the input for NCHW; here such a file is made by hand."""
    hub = Network(1, 8, 3, 8).reshape(1, 8, 8, 3).conv(8).reshape(1, 512).dense(4).write(tmp_path / "moved.tflite")
    proof = {"x": np.zeros((5, 8, 8, 3), np.float32)}
    ports = [{"name": "x", "shape": [None, 8, 8, 3], "dtype": "float32"}]
    verification = produced(hub, "fp32.tflite", ports, proof, np.zeros((5, 4), np.float32), tmp_path)
    assert failed(verification) == {"inputs"}
    (check,) = (check for check in verification.checks if check.name == "inputs")
    assert "(1, 8, 3, 8): its axes were moved" in check.seen


def test_a_model_that_is_int8_already_is_not_quantized_again(tmp_path: Path) -> None:
    """The quantizer takes one without complaint and hands it back."""
    made, _ = quantized(classifier(), recipes.static_wi8_ai8, tmp_path)
    with pytest.raises(ModelError) as caught:
        load_source("tflite", made, Settings())
    assert caught.value.code == "model.quantized"


def test_four_bits_that_were_only_promised(tmp_path: Path) -> None:
    """An int4 export that writes the float model is one whose size nobody looked at."""
    network = classifier()
    hub = network.write(tmp_path / "hub.tflite")
    inputs = {"x": network.inputs(SAMPLES)}
    verification = judge(hub, BY_KEY["w4.tflite"], Evidence(proof=inputs, reference=open_artifact("tflite", hub)[0].run(inputs)))
    assert failed(verification) == {"weights"}
