"""Convert a trained network for real and hold the artifacts against the figures that are known of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters.base import RECIPES
from edgekit.converters.produce import open_artifact
from edgekit.converters.verify.evidence import Evidence
from edgekit.converters.verify.gate import verify
from edgekit.core.artifact import ModelArtifact
from edgekit.core.jsonio import load_record
from edgekit.core.quantity import Estimate
from edgekit.links.files import sha256_of
from tests.conftest import Completed
from tests.converters.digits import Digits

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("digits")]

KEYS = ["fp32.tflite", "fp16.tflite", "int8.tflite", "fp32.onnx", "int8.onnx"]


@pytest.fixture
def converted(digits: Digits) -> Path:
    return digits.artifacts


def record(folder: Path, key: str) -> ModelArtifact:
    return load_record(ModelArtifact, (folder / f"digits_cnn.{key}.json").read_text(), where=key)


def sqnr(folder: Path, key: str) -> float:
    proof = record(folder, key).verification
    assert proof is not None
    assert proof.sqnr_db is not None
    return proof.sqnr_db


def test_nothing_but_the_artifacts_their_records_and_the_samples_is_written(converted: Path) -> None:
    wanted = {f"digits_cnn.{key}{end}" for key in KEYS for end in ("", ".json")} | {"digits_cnn.samples.npz"}
    assert {path.name for path in converted.iterdir()} == wanted


@pytest.mark.parametrize("key", KEYS)
def test_a_record_describes_the_file_beside_it(converted: Path, key: str, digits: Digits) -> None:
    artifact = record(converted, key)
    assert artifact.sha256 == sha256_of(converted / artifact.path)
    assert artifact.size_bytes == (converted / artifact.path).stat().st_size
    assert artifact.source.sha256 == sha256_of(digits.model)
    assert artifact.source.parameters == 4426
    assert artifact.status == "verified"
    assert artifact.scheme_achieved == artifact.scheme_requested
    assert artifact.samples_origin == "64 held-out test inputs of the --eval file"
    assert artifact.inputs[0].name == "image"
    assert artifact.inputs[0].shape[1:] == (8, 8, 1)
    assert {artifact.inputs[0].dtype, artifact.outputs[0].dtype} == {"float32"}


def test_all_artifacts_are_of_one_family_with_equal_weights(converted: Path) -> None:
    assert len({(record(converted, key).family, record(converted, key).source.weights_sha256) for key in KEYS}) == 1


def test_the_samples_feed_the_artifacts(converted: Path, digits: Digits) -> None:
    with np.load(converted / "digits_cnn.samples.npz") as samples, np.load(digits.folder / "digits_cnn.test.npz") as test:
        assert samples.files == ["image"]
        assert (samples["image"] == test["x"][:64]).all()


def test_float_artifacts_agree_with_the_source_to_the_last_digits(converted: Path) -> None:
    assert sqnr(converted, "fp32.tflite") > 110
    assert sqnr(converted, "fp32.onnx") > 110
    assert sqnr(converted, "fp16.tflite") > 55


def test_int8_agrees_with_the_known_figure_and_across_two_runtimes(converted: Path) -> None:
    """Two toolchains that share nothing agree on one network: a wrong path in either stands out."""
    assert sqnr(converted, "int8.tflite") == pytest.approx(33.7, abs=1.5)
    assert sqnr(converted, "int8.tflite") == pytest.approx(sqnr(converted, "int8.onnx"), abs=0.3)


def test_int8_keeps_the_accuracy_of_the_source(converted: Path) -> None:
    for key in KEYS:
        proof = record(converted, key).verification
        assert proof is not None
        assert proof.accuracy is not None
        assert proof.source_accuracy is not None
        assert proof.source_accuracy.value is not None
        assert proof.source_accuracy.value > 0.97
        assert proof.accuracy.value == pytest.approx(proof.source_accuracy.value, abs=0.01)
        assert proof.accuracy.n == 597  # type: ignore[union-attr]


def test_onnx_keeps_a_free_batch_and_tflite_has_a_batch_of_one(converted: Path) -> None:
    assert record(converted, "fp32.onnx").inputs[0].shape[0] == -1
    assert record(converted, "fp32.tflite").inputs[0].shape[0] == 1


def test_the_same_model_converts_to_the_same_bytes_or_at_least_the_same_graph(
    converted: Path, digits: Digits, tmp_path: Path, run_edgekit: Callable[..., Completed]
) -> None:
    """TFLite is written byte for byte as before; the exporter to ONNX shuffles what it writes, and the hash of the graph holds."""
    words = ["-r", "fp32", "-r", "int8", *digits.data, "--out", tmp_path, "--name", "digits_cnn"]
    done = run_edgekit("convert", digits.model, *words, env={"PYTHONHASHSEED": "7"})
    assert done.returncode == 0, done.stderr
    for key in ("fp32.tflite", "int8.tflite"):
        assert record(tmp_path, key).sha256 == record(converted, key).sha256
    for key in ("fp32.tflite", "int8.tflite", "fp32.onnx", "int8.onnx"):
        assert record(tmp_path, key).graph_sha256 == record(converted, key).graph_sha256
    assert len({record(tmp_path, key).graph_sha256 for key in ("fp32.tflite", "int8.tflite", "fp32.onnx", "int8.onnx")}) == 4


def test_a_record_says_what_the_artifact_holds_and_how_it_was_proved(converted: Path) -> None:
    for key in KEYS:
        artifact, proof = record(converted, key), record(converted, key).verification
        assert proof is not None
        assert artifact.operators
        assert artifact.inputs[0].layout == ("NHWC" if key.endswith("tflite") else None)  # a reshape in front tells nothing
        assert (proof.data, proof.samples, proof.calibration_samples) == ("held-out", 597, 32)
        assert isinstance(proof.accuracy_change, Estimate)
        assert proof.accuracy_change.low <= 0 <= proof.accuracy_change.high
        assert proof.mcnemar_p is not None
        assert proof.mcnemar_p > 0.05
    known = record(converted, "int8.tflite").calibration
    assert known is not None
    assert known.samples == 128
    assert record(converted, "fp32.tflite").calibration is None
    assert record(converted, "fp32.onnx").opsets["ai.onnx"] == 17


def doctored(path: Path, key: str, digits: Digits, converted: Path) -> Any:
    """Verify the file at `path` as if it were the artifact of recipe `key`."""
    recipe = next(recipe for recipe in RECIPES if recipe.key == key)
    with np.load(digits.folder / "digits_cnn.test.npz") as test:
        proof, labels = {"image": test["x"]}, test["y"]
    reference = open_artifact("tflite", converted / "digits_cnn.fp32.tflite")[0].run(proof)
    model, found = open_artifact(recipe.format, path)
    return verify(recipe, model, found, Evidence(proof=proof, reference=reference, calibration_count=128, labels=labels))


@pytest.mark.parametrize("key", ["int8.tflite", "int8.onnx"])
def test_a_converter_that_silently_left_everything_float_is_caught(key: str, digits: Digits, converted: Path) -> None:
    verification = doctored(converted / f"digits_cnn.fp32.{key.split('.')[1]}", key, digits, converted)
    assert {check.name for check in verification.checks if not check.passed} == {"weights", "compute"}
    assert verification.quantized_share == 0


MOVING_AVERAGE = """
import sys, numpy as np
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe import static_wi8_ai8
hub, data, out = sys.argv[1:]
quantizer = Quantizer(hub, static_wi8_ai8())
samples = [{"image": x[None]} for x in np.load(data)["x"]]
result = quantizer.quantize(quantizer.calibrate({"serving_default": samples}, num_threads=1))
open(out, "wb").write(result.quantized_model)
"""


def test_the_moving_average_calibration_that_accuracy_hides_is_caught(digits: Digits, converted: Path, tmp_path: Path) -> None:
    """The quantizer's own default forgets extremes; edgekit never uses it."""
    out = tmp_path / "ema.tflite"
    paths = [converted / "digits_cnn.fp32.tflite", digits.folder / "digits_cnn.calib.npz", out]
    subprocess.run([sys.executable, "-c", MOVING_AVERAGE, *map(str, paths)], check=True, capture_output=True)
    verification = doctored(out, "int8-full.tflite", digits, converted)
    assert [check.name for check in verification.checks if not check.passed] == ["sqnr"]
    assert verification.accuracy.value == pytest.approx(verification.source_accuracy.value, abs=0.02)


OTHER = """
import os, sys
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
import keras, numpy as np, tensorflow as tf
model, data, out = sys.argv[1:]
converter = tf.lite.TFLiteConverter.from_keras_model(keras.saving.load_model(model))
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([x[None].astype("float32")] for x in np.load(data)["x"])
open(out, "wb").write(converter.convert())
"""


def test_three_toolchains_that_share_nothing_make_the_same_int8(digits: Digits, converted: Path, tmp_path: Path) -> None:
    """TensorFlow's own quantizer, ai-edge-quantizer and ONNX Runtime's, with the same extremes: a wrong path in any stands out."""
    out = tmp_path / "tensorflow.tflite"
    words = [str(digits.model), str(digits.folder / "digits_cnn.calib.npz"), str(out)]
    subprocess.run([sys.executable, "-c", OTHER, *words], check=True, capture_output=True, timeout=300)
    verification = doctored(out, "int8.tflite", digits, converted)
    assert verification.passed, verification.checks
    known = sqnr(converted, "int8.tflite"), sqnr(converted, "int8.onnx")
    assert max(*known, verification.sqnr_db) - min(*known, verification.sqnr_db) < 0.3
    holds = [open_artifact("tflite", path)[1] for path in (out, converted / "digits_cnn.int8.tflite")]
    assert (holds[0].weights, holds[0].compute, holds[0].activations) == (holds[1].weights, holds[1].compute, holds[1].activations)


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_every_recipe_of_a_trained_network_passes_its_gate(
    format_: str, converted: Path, digits: Digits, tmp_path: Path, run_edgekit: Callable[..., Completed]
) -> None:
    recipes = [recipe for recipe in RECIPES if recipe.hub == format_]
    words = [word for recipe in recipes for word in ("-r", recipe.name, "--to", recipe.format)]
    hub = converted / f"digits_cnn.fp32.{format_}"
    done = run_edgekit("--json", "convert", hub, *words, *digits.data, "--out", tmp_path, "--name", "digits_cnn", timeout=300)
    assert done.returncode == 0, done.stderr
    for recipe in recipes:
        artifact = record(tmp_path, recipe.key)
        assert artifact.status == "verified", recipe.key
        proof = artifact.verification
        assert proof is not None
        assert proof.computed_share in (None, 1.0)
        kept = 1 if recipe.name not in ("fp32", "w4") else None if recipe.name == "fp32" else pytest.approx(0.87, abs=0.03)
        assert proof.quantized_share == kept, recipe.key
    sizes = {recipe.name: record(tmp_path, recipe.key).size_bytes or 0 for recipe in recipes if recipe.format == format_}
    assert sizes["w4"] < sizes["w8"] < sizes["fp16"] < sizes["fp32"]


def test_an_artifact_that_fails_its_gate_is_kept_and_said(
    converted: Path, digits: Digits, tmp_path: Path, run_edgekit: Callable[..., Completed]
) -> None:
    words = ["-r", "int8", "--min-sqnr", "int8=60", *digits.data, "--out", tmp_path / "out", "--name", "digits_cnn"]
    done = run_edgekit("--json", "convert", converted / "digits_cnn.fp32.tflite", *words)
    assert done.returncode == 3
    assert done.json()["status"] == "failed"
    assert record(tmp_path / "out", "int8.tflite").status == "failed"
    assert "--min-sqnr" in json.dumps(done.json()["notes"])


CRASH = """
import os, signal, sys
class Killer:
    def find_spec(self, name, path=None, target=None):
        if name in {names!r}:
            os.kill(os.getpid(), signal.SIGSEGV)
sys.meta_path.insert(0, Killer())
"""


@pytest.mark.parametrize(
    ("names", "lost"),
    [
        (("ai_edge_quantizer.quantizer",), {"fp16.tflite", "int8.tflite"}),
        (("tf2onnx.convert", "torch._C"), {"fp32.onnx", "int8.onnx"}),  # and the detour that would save it
    ],
)
def test_a_crash_costs_the_recipes_it_concerns_and_no_other(
    names: tuple[str, ...], lost: set[str], digits: Digits, tmp_path: Path, run_edgekit: Callable[..., Completed]
) -> None:
    """A library that dies when it is imported stands for a converter that dies on a model."""
    (tmp_path / "sitecustomize.py").write_text(CRASH.replace("{names!r}", repr(names)))
    done = run_edgekit("--json", "convert", digits.model, *digits.data, "--out", tmp_path / "out", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 5, done.stderr
    document = done.json()
    assert document["status"] == "partial"
    rows = {f"{row['recipe']}.{row['format']}": row for row in document["data"]["rows"]}
    assert {key for key, row in rows.items() if row["failure"]} == lost
    assert {row["failure"]["code"] for row in rows.values() if row["failure"]} == {"convert.crashed"}
    assert all("SIGSEGV" in row["failure"]["why"] for row in rows.values() if row["failure"])
    made = {path.name for path in (tmp_path / "out").glob("*.json")}
    assert made == {f"digits_cnn.{key}.json" for key in set(KEYS) - lost}


RETRAIN = """
import sys, keras
model = keras.saving.load_model(sys.argv[1], compile=False)
model.set_weights([weight + 0.01 for weight in model.get_weights()])
model.save(sys.argv[2])
"""


def test_other_weights_in_the_older_file_format_are_of_the_same_family(
    digits: Digits, tmp_path: Path, run_edgekit: Callable[..., Completed]
) -> None:
    subprocess.run([sys.executable, "-c", RETRAIN, str(digits.model), str(tmp_path / "again.h5")], check=True, capture_output=True)
    done = run_edgekit("--json", "convert", tmp_path / "again.h5", "-r", "fp32", "--to", "tflite", *digits.data, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    again, first = done.json()["data"]["source"], record(digits.artifacts, "fp32.tflite").source
    assert (again["format"], again["family"]) == ("h5", first.family)
    assert again["weights_sha256"] != first.weights_sha256


def test_a_truncated_tflite_is_refused(converted: Path, tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    (tmp_path / "half.tflite").write_bytes((converted / "digits_cnn.fp32.tflite").read_bytes()[:9000])
    done = run_edgekit("convert", "half.tflite", "-r", "fp16", cwd=tmp_path)
    assert done.returncode == 5
    assert "[model.damaged]" in done.stderr
    assert not (tmp_path / "artifacts").exists()


def test_a_quantized_model_is_not_quantized_again(converted: Path, run_edgekit: Callable[..., Completed]) -> None:
    done = run_edgekit("convert", converted / "digits_cnn.int8.tflite", "-r", "fp16")
    assert done.returncode == 5
    assert "[model.quantized]" in done.stderr


def test_a_float_tflite_is_quantized_as_well_as_its_source(
    converted: Path, digits: Digits, tmp_path: Path, run_edgekit: Callable[..., Completed]
) -> None:
    done = run_edgekit(
        "convert", converted / "digits_cnn.fp32.tflite", "-r", "int8", *digits.data, "--out", tmp_path, "--name", "digits_cnn"
    )
    assert done.returncode == 0, done.stderr
    assert sqnr(tmp_path, "int8.tflite") == pytest.approx(sqnr(converted, "int8.tflite"), abs=0.1)
