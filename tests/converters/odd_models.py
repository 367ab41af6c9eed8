"""Build the models that loading has to explain, load each as a child would, and print what it said.

python -m tests.converters.odd_models FOLDER
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np
import tensorflow as tf
from keras import layers

from edgekit.converters.hub import load
from edgekit.converters.settings import Settings
from edgekit.converters.source import recognise
from edgekit.core.errors import EdgekitError
from tests.converters import odd_layers

OWN = tuple(f"tests.converters.odd_layers:{name}" for name in ("Scale", "Twins", "bent"))


def dense(*more: Any, batch: int | None = None) -> Any:
    return keras.Sequential([keras.Input(batch_shape=(batch, 4)), layers.Dense(3), *more])


def edited(model: Any, path: Path, change: Callable[[str], str]) -> None:
    """Write the model as .h5 with its description changed, to what another version of Keras would have written."""
    model.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = change(file.attrs["model_config"])


def keras_models(folder: Path) -> None:
    dense(odd_layers.Scale(3.0)).save(folder / "scale.keras")
    dense(odd_layers.Scale(3.0)).save(folder / "scale.h5")
    keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=odd_layers.bent)]).save(folder / "bent.keras")
    twins = odd_layers.Twins()
    twins(np.zeros((1, 5), "float32"))
    twins.save(folder / "twins.keras")
    keras.Sequential([layers.Dense(3)]).save(folder / "unbuilt.keras")
    dense().save(folder / "suffix.keras")
    shutil.copyfile(folder / "suffix.keras", folder / "suffix.model")
    dense(batch=8).save(folder / "eight.keras")
    x = keras.Input((4,), name="x")
    keras.Model(x, keras.ops.sum(layers.Dense(3)(x))).save(folder / "summed.keras")
    keras.Model(x, {"x": layers.Dense(3)(x), "y": layers.Dense(2)(x)}).save(folder / "echo.keras")
    quantized = dense()
    quantized.quantize("int8")
    quantized.save(folder / "quantized.keras")
    mixed = keras.Sequential([keras.Input((4,)), layers.Dense(64, dtype="mixed_float16"), layers.Dense(3, dtype="mixed_bfloat16")])
    mixed.save(folder / "mixed.keras")
    mixed.save(folder / "mixed.h5")
    old = [keras.Input((6, 4, 2)), layers.DepthwiseConv2D(3), layers.Reshape((8, 2)), layers.LSTM(3)]
    says = {'"DepthwiseConv2D", "config": {': '"groups": 1, ', '"LSTM", "config": {': '"time_major": false, '}
    edited(keras.Sequential(old), folder / "keras2.h5", lambda text: insert(text, says))
    edited(dense(), folder / "option.h5", lambda text: insert(text, {'"Dense", "config": {': '"sparsity": 0.5, '}))
    edited(dense(), folder / "function.h5", lambda text: text.replace('"class_name": "Dense"', '"class_name": "TFOpLambda"'))


def insert(text: str, says: dict[str, str]) -> str:
    for place, words in says.items():
        assert place in text, text
        text = text.replace(place, place + words)
    return text


class Served(tf.Module):  # type: ignore[misc]
    """Hold functions as TensorFlow's own users write them, without Keras."""

    def __init__(self, seed: int = 1, slope: float = 0.2) -> None:
        super().__init__()
        self.kernel = tf.Variable(tf.random.stateless_normal((4, 3), (seed, 1)))
        self.slope = slope

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x"), tf.TensorSpec((None, 3), tf.float32, name="bias")])
    def predict(self, x: Any, bias: Any) -> Any:
        return {"score": tf.nn.leaky_relu(x @ self.kernel + bias) * self.slope, "mean": tf.reduce_mean(x, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def double(self, x: Any) -> Any:
        return x * 2


def double(x: Any) -> Any:
    return x * 2


def leak(x: Any) -> Any:
    tf.io.write_file("leaked.txt", "x")
    return x * 2


def save_itself(x: Any) -> Any:
    tf.raw_ops.SaveV2(prefix="leaked", tensor_names=["x"], shape_and_slices=[""], tensors=[x])
    return x * 2


def saved_models(folder: Path) -> None:
    def save(name: str, module: Served, **functions: str) -> None:
        signatures = {key: getattr(module, function) for key, function in functions.items()}
        tf.saved_model.save(module, str(folder / name), signatures=signatures)

    def save_function(name: str, function: Callable[[Any], Any], shape: Any = (None, 4), dtype: Any = tf.float32) -> None:
        module = tf.Module()
        module.function = tf.function(function, input_signature=[tf.TensorSpec(shape, dtype, name="x")])
        tf.saved_model.save(module, str(folder / name), signatures={"serving_default": module.function})

    save("one", Served(), predict="predict")
    save("again", Served(), predict="predict")
    save("retrained", Served(seed=2), predict="predict")
    save("steeper", Served(slope=0.5), predict="predict")
    save("many", Served(), predict="predict", double="double")
    save("usual", Served(), predict="predict", serving_default="double")
    save("none", Served())
    save_function("unranked", double, shape=None)
    save_function("words", tf.strings.length, shape=(None,), dtype=tf.string)
    save_function("leaking", leak)
    save_function("saving", save_itself)
    shutil.copytree(folder / "one", folder / "cut")
    content = (folder / "cut" / "saved_model.pb").read_bytes()
    (folder / "cut" / "saved_model.pb").write_bytes(content[: len(content) // 2])


def cases(folder: Path) -> Iterator[tuple[str, Path, Settings]]:
    for path in sorted(folder.iterdir()):
        yield path.name, path, Settings()
    yield "scale.keras own", folder / "scale.keras", Settings(custom_objects=OWN)
    yield "scale.h5 own", folder / "scale.h5", Settings(custom_objects=OWN)
    yield "bent.keras own", folder / "bent.keras", Settings(custom_objects=OWN)
    yield "twins.keras own", folder / "twins.keras", Settings(custom_objects=OWN)
    for name in ("no_such_module:Scale", "tests.converters.odd_layers:Missing", "Scale"):
        yield f"scale.keras {name}", folder / "scale.keras", Settings(custom_objects=(name,))
    yield "leaking allowed", folder / "leaking", Settings(allow_unsafe=True)


def said(path: Path, settings: Settings) -> dict[str, Any]:
    try:
        source = load(recognise(path, allow_unsafe=settings.allow_unsafe).format, path, settings)
        facts = source.facts()
        inputs = {port.name: np.full((3, *(size or 2 for size in port.shape[1:])), 0.5, port.dtype) for port in source.ports}
        outputs = [output.tolist() for output in source.run(inputs)]
    except EdgekitError as error:
        return {"code": error.code, "what": error.what, "why": error.why, "do": error.do}
    return {"ports": [[port.name, port.shape] for port in source.ports], **facts, "ran": outputs}


def main(folder: Path) -> None:
    keras.utils.set_random_seed(3)
    keras_models(folder)
    saved_models(folder)
    answers = {name: said(path, settings) for name, path, settings in cases(folder)}
    (folder.parent / "said.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
