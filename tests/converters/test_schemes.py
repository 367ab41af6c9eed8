"""Make every recipe for real, of networks built in the test, and count what each one holds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters.base import RECIPES, Recipe, recipe_of
from edgekit.converters.canonical import graph_sha256
from edgekit.converters.contents.found import Contents
from edgekit.converters.produce import make, open_artifact
from edgekit.converters.settings import Settings
from edgekit.converters.targets.check import fit
from edgekit.converters.targets.profile import load_profile
from edgekit.converters.verify.metrics import sqnr_db
from edgekit.core.errors import ModelError, UsageError
from tests.converters import onnx_network
from tests.converters.network import Network, load, pack

MADE = [recipe for recipe in RECIPES if recipe.key not in ("fp32.tflite", "fp32.onnx")]
Inputs = Mapping[str, Any]


def network(path: Path) -> Inputs:
    """Write a convolutional network in the format of `path` and return inputs for it."""
    if path.suffix == ".tflite":
        net = Network(1, 8, 8, 1).conv(32).depthwise().reshape(1, 2048).dense(10)
        net.write(path)
        return {"x": net.inputs(24)}
    onnx_network.classifier(path)
    return {"x": np.random.default_rng(0).normal(size=(24, 1, 8, 8)).astype(np.float32)}


def made(recipe: Recipe, hub: Path, inputs: Inputs, settings: Settings | None = None) -> tuple[float, Contents]:
    """Make a recipe, and return its SQNR against the hub and its contents."""
    out = hub.with_name(f"out.{recipe.key}")
    make(recipe, hub, out, dict(inputs), settings or Settings())
    model, found = open_artifact(recipe.format, out)
    return sqnr_db(model.run(inputs), open_artifact(recipe.hub, hub)[0].run(inputs)), found


@pytest.mark.parametrize("recipe", MADE, ids=lambda recipe: recipe.key)
def test_a_recipe_gives_what_it_promises(recipe: Recipe, tmp_path: Path) -> None:
    hub = tmp_path / f"hub.{recipe.hub}"
    sqnr, found = made(recipe, hub, network(hub))
    assert sqnr > recipe.min_sqnr_db
    assert found.weights.get(recipe.weights, 0) >= recipe.min_share * sum(found.weights.values())
    assert list(found.activations) == list(found.compute) == [recipe.activations]
    assert sum(found.weights.values()) == sum(open_artifact(recipe.hub, hub)[1].weights.values())


@pytest.mark.parametrize("key", ["w4.tflite", "w4.onnx"])
def test_four_bits_are_kept_from_depthwise_convolutions(key: str, tmp_path: Path) -> None:
    hub = tmp_path / f"hub.{key.split('.')[1]}"
    found = made(recipe_of(key), hub, network(hub))[1]
    assert found.weights["int8"] >= 288
    assert found.weights.keys() == {"int4", "int8"}


@pytest.mark.parametrize("key", ["int8.onnx", "int16x8.onnx", "int8.ort"])
def test_activations_have_a_sign_where_the_target_is_faster_with_it(key: str, tmp_path: Path) -> None:
    hub = tmp_path / "hub.onnx"
    inputs = network(hub)
    recipe = recipe_of(key, "int8")
    sqnr, found = made(recipe, hub, inputs)
    assert list(found.activations) == [recipe.activations] == [{"int8": "int8", "int16": "int16"}[recipe.activations]]
    assert sqnr == pytest.approx(made(recipe_of(key), hub, inputs)[0], abs=0.5)


def test_inputs_and_outputs_are_integers_only_in_the_recipe_that_says_so(tmp_path: Path) -> None:
    hub = tmp_path / "hub.tflite"
    inputs = network(hub)
    for recipe in MADE:
        if recipe.format == "tflite":
            out = tmp_path / recipe.key
            make(recipe, hub, out, dict(inputs), Settings())
            model = open_artifact("tflite", out)[0]
            assert {port.dtype for port in (*model.inputs, *model.outputs)} == {recipe.io}, recipe.key


def test_a_file_from_before_2020_which_has_only_the_old_field_of_operators_is_quantized_as_any_other(tmp_path: Path) -> None:
    """The quantizer reads the new field, where 0 is ADD: biases in int8, which LiteRT refuses."""
    now, then = tmp_path / "now.tflite", tmp_path / "then.tflite"
    net = Network(1, 8, 8, 1).conv(32).depthwise().reshape(1, 2048).dense(10)
    model = load(net.write(now))
    for code in model.operatorCodes:
        code.builtinCode = 0
    pack(model, then)
    inputs = {"x": net.inputs(24)}
    for key in ("int8-full.tflite", "dynamic.tflite"):
        assert made(recipe_of(key), then, inputs)[1] == made(recipe_of(key), now, inputs)[1]


def test_a_dense_layer_has_one_scale_in_the_recipe_of_microcontrollers(tmp_path: Path) -> None:
    """One for each output costs 24 bytes of flash: 15 % of an autoencoder of dense layers."""
    hub = tmp_path / "hub.tflite"
    net = Network(1, 16).dense(32).dense(8)
    net.write(hub)
    scales = {}
    for key in ("int8.tflite", "int8-full.tflite"):
        made(recipe_of(key), hub, {"x": net.inputs(24)})
        tensors = load(tmp_path / f"out.{key}").subgraphs[0].tensors
        scales[key] = [len(tensor.quantization.scale) for tensor in tensors if list(tensor.shape) in ([32, 16], [8, 32])]
    assert scales == {"int8.tflite": [32, 8], "int8-full.tflite": [1, 1]}


@pytest.mark.parametrize(
    ("key", "versions"),
    [
        ("dynamic.tflite", {"CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 12}),
        ("int8.tflite", {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "DEQUANTIZE": 2}),
        ("int16x8.tflite", {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 5, "FULLY_CONNECTED": 7, "DEQUANTIZE": 3}),
        ("w8.tflite", {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "DEQUANTIZE": 5}),
        ("w4.tflite", {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "DEQUANTIZE": 6}),
        ("fp16.tflite", {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "DEQUANTIZE": 3}),
    ],
)
def test_operators_say_the_version_that_their_numbers_need(key: str, versions: dict[str, int], tmp_path: Path) -> None:
    """tflite-runtime 2.14 takes dynamic int8 as version 1 and computes 4 dB of it; as version 12 it refuses it."""
    hub = tmp_path / "hub.tflite"
    found = made(recipe_of(key), hub, network(hub))[1]
    highest = {name: max(one.version or 0 for one in found.operators if one.name == name) for name in versions}
    assert highest == versions


def test_a_target_with_an_old_runtime_is_not_sent_dynamic_int8(tmp_path: Path) -> None:
    hub = tmp_path / "hub.tflite"
    inputs = network(hub)
    old = load_profile("pi-legacy")
    for key, passed in (("dynamic.tflite", False), ("int8.tflite", True)):
        found = made(recipe_of(key), hub, inputs)[1]
        checks = {check.name: check for check in fit(old, tmp_path / f"out.{key}", found, format="tflite").checks}
        assert checks["target.versions"].passed is passed
        assert passed or "FULLY_CONNECTED version 12 (it has 10)" in checks["target.versions"].seen


def test_extremes_are_never_forgotten(tmp_path: Path) -> None:
    """A moving average would have lost the first sample by the end: its weight is 0.95 to the power of 200."""
    hub = tmp_path / "hub.tflite"
    x = np.array(network(hub)["x"][[0] * 200])
    x[0, 0, 0, 0], x[0, 1, 1, 0] = 50.0, -30.0
    make(recipe_of("int8-full.tflite"), hub, tmp_path / "out.tflite", {"x": x}, Settings())
    port = open_artifact("tflite", tmp_path / "out.tflite")[0].inputs[0]
    assert port.scale == pytest.approx(80 / 255, rel=1e-3)
    make(recipe_of("int8-full.tflite"), hub, tmp_path / "cut.tflite", {"x": x}, Settings(calibration="99.9"))
    cut = open_artifact("tflite", tmp_path / "cut.tflite")[0].inputs[0]
    assert cut.scale is not None
    assert cut.scale < 10 / 255


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_layers_that_are_kept_stay_float_and_are_named_whole_or_by_a_pattern(format_: str, tmp_path: Path) -> None:
    from edgekit.converters.quantize import onnx, tflite
    from edgekit.converters.quantize.shared import prepared_hub

    hub = tmp_path / f"hub.{format_}"
    inputs = network(hub)
    names = list(tflite.layer_sizes(hub) if format_ == "tflite" else onnx.layer_sizes(prepared_hub(hub)))
    assert len(names) == (3 if format_ == "tflite" else 4)
    recipe = recipe_of(f"int8.{format_}")
    whole, pattern = (Settings(keep={recipe.key: keep}) for keep in ((names[-1],), ("^" + names[-1][:-1],)))
    found = made(recipe, hub, inputs, whole)[1]
    assert found.activations == {recipe.activations: len(names) - 1, "float32": 1}
    assert found.weights["float32"] == (20480 if format_ == "tflite" else 640)
    assert made(recipe, hub, inputs, pattern)[1] == found
    for word, code in (("nothing like this", "layer.unknown"), ("(", "layer.pattern")):
        with pytest.raises(UsageError) as caught:
            made(recipe, hub, inputs, Settings(keep={recipe.key: (word,)}))
        assert caught.value.code == code


def test_a_product_with_a_constant_matrix_becomes_the_layer_that_it_is(tmp_path: Path) -> None:
    """The quantizer makes one that says 0 to everything of a BATCH_MATMUL, and reports success."""
    hub = tmp_path / "hub.tflite"
    net = Network(1, 4, 8).matmul(16).matmul(3)
    net.write(hub)
    sqnr, found = made(recipe_of("int8.tflite"), hub, {"x": net.inputs(24)})
    assert sqnr > 20
    assert found.activations == {"int8": 2}
    assert "FULLY_CONNECTED" in {operator.name for operator in found.operators}


@pytest.mark.parametrize(
    "key", ["dynamic.tflite", "w8.tflite", "fp16.tflite", "int8.tflite", "int16x8.tflite", "dynamic.onnx", "int8.onnx"]
)
def test_tables_of_lookups_are_stored_as_the_recipe_says(key: str, tmp_path: Path) -> None:
    recipe = recipe_of(key)
    hub = tmp_path / f"hub.{recipe.format}"
    if recipe.format == "tflite":
        Network(1, 12, dtype="INT32").lookup(50, 8).reshape(1, 96).dense(4).write(hub)
    else:
        onnx_network.lookup(hub)
    sqnr, found = made(
        recipe, hub, {"x": np.random.default_rng(0).integers(0, 50, (24, 12)).astype("int32" if "tflite" in key else "int64")}
    )
    assert sqnr > recipe.min_sqnr_db
    assert list(found.weights) == [recipe.weights]


@pytest.mark.parametrize("write", [onnx_network.recurrent, onnx_network.looped])
def test_recurrent_networks_are_dynamic_in_onnx_and_never_static(write: Any, tmp_path: Path) -> None:
    hub = write(tmp_path / "hub.onnx")
    shape = (1, 8) if write is onnx_network.looped else (1, 10, 4)
    inputs = {"x": np.random.default_rng(0).normal(size=(24, *shape[1:])).astype(np.float32)}
    for key in ("dynamic.onnx", "w8.onnx"):
        sqnr, found = made(recipe_of(key), hub, inputs)
        assert sqnr > 20
        assert list(found.weights) == ["int8"]
        assert list(found.activations) == [recipe_of(key).activations]
    with pytest.raises(ModelError) as caught:
        made(recipe_of("int8.onnx"), hub, inputs)
    assert caught.value.code == "recipe.recurrent"
    assert caught.value.do[0][1] == "edgekit convert ... --to onnx -r dynamic"


def test_a_model_without_weights_is_not_stored_in_fewer_bits(tmp_path: Path) -> None:
    from onnx import helper

    hub = onnx_network.save(tmp_path / "hub.onnx", [helper.make_node("Relu", ["x"], ["y"])], {}, x=(1, 4), y=(1, 4))
    with pytest.raises(ModelError) as caught:
        made(recipe_of("w8.onnx"), hub, {"x": np.zeros((2, 4), np.float32)})
    assert caught.value.code == "recipe.weights"


AGAIN = """
import sys
import numpy as np
from pathlib import Path
from edgekit.converters.base import recipe_of
from edgekit.converters.produce import make
from edgekit.converters.settings import Settings
from edgekit.converters.targets.check import fit
from edgekit.converters.targets.profile import load_profile
hub = Path(sys.argv[1])
for key in sys.argv[2:]:
    make(recipe_of(key), hub, hub.with_name("again." + key), {"x": np.load(hub.with_name("x.npy"))}, Settings())
"""


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_two_processes_make_the_same_of_the_same(format_: str, tmp_path: Path) -> None:
    hub = tmp_path / f"hub.{format_}"
    inputs = network(hub)
    keys = [recipe.key for recipe in MADE if recipe.format == format_]
    np.save(tmp_path / "x.npy", inputs["x"])
    for key in keys:
        make(recipe_of(key), hub, tmp_path / f"once.{key}", dict(inputs), Settings())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in (hub.name, "x.npy"):
        (elsewhere / name).write_bytes((tmp_path / name).read_bytes())
    subprocess.run([sys.executable, "-c", AGAIN, str(elsewhere / hub.name), *keys], check=True, capture_output=True, timeout=120)
    for key in keys:
        once, again = tmp_path / f"once.{key}", elsewhere / f"again.{key}"
        assert graph_sha256(once, format_) == graph_sha256(again, format_) is not None, key
        assert format_ == "onnx" or once.read_bytes() == again.read_bytes(), key


def test_constants_that_lie_behind_the_graph_are_taken_along(tmp_path: Path) -> None:
    """The quantizer writes models of some size so, and a file that is written again by halves loads nowhere."""
    hub = tmp_path / "hub.tflite"
    net = Network(1, 1024).dense(1024).dense(600)
    net.write(hub)
    for key in ("dynamic.tflite", "int8.tflite"):
        sqnr, found = made(recipe_of(key), hub, {"x": net.inputs(8)})
        assert sqnr > 20
        assert found.weights == {"int8": 1024 * 1624}
