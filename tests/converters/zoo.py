"""Build one small Keras model of each kind that exporters have stumbled over, once per test session and for all its workers."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import clean_environment

BUILD = """
import os, sys
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
import keras, numpy as np
from keras import Input, Model, Sequential, layers as L
keras.utils.set_random_seed(7)
random = np.random.default_rng(7)

def flat(last):
    return Sequential([Input((8,)), L.Dense(16, activation="relu"), last])

def recurrent(layer, batch=None, time=10):
    return Sequential([Input(batch_shape=(batch, time, 4)), layer, L.Dense(3)])

def attention():
    x = Input((10, 16), name="x")
    seen = L.LayerNormalization()(x + L.MultiHeadAttention(2, 8)(x, x))
    return Model(x, L.Dense(4)(L.GlobalAveragePooling1D()(seen)))

left, right = Input((8,), name="left"), Input((4,), name="right")
joined = L.Concatenate()([L.Dense(8, activation="relu")(left), L.Dense(8, activation="relu")(right)])
models = {
    "mlp": flat(L.Dense(4)),
    "conv1d": Sequential([Input((20, 3)), L.Conv1D(8, 3, activation="relu"), L.GlobalAveragePooling1D(), L.Dense(3, activation="softmax")]),
    "two": Model({"right": right, "left": left}, L.Dense(3, name="scores")(joined)),
    "sigmoid": flat(L.Dense(1, activation="sigmoid")),
    "regression": flat(L.Dense(1)),
    "lstm": recurrent(L.LSTM(8), 1),
    "lstm_free": recurrent(L.LSTM(8)),
    "gru_free": recurrent(L.GRU(8)),
    "gru": recurrent(L.GRU(8), 1),
    "bilstm": recurrent(L.Bidirectional(L.LSTM(8)), 1),
    "lstm_time": recurrent(L.LSTM(8), None, None),
    "lstm_unrolled": recurrent(L.LSTM(8, unroll=True), 1),
    "attention": attention(),
    "causal_gelu": Sequential([
        Input((20, 3)), L.Conv1D(8, 3, padding="causal", activation="gelu"), L.Conv1D(8, 3, dilation_rate=2, activation="gelu"),
        L.GlobalAveragePooling1D(), L.Dense(3),
    ]),
    "resizing": Sequential([
        Input((20, 20, 3)), L.Rescaling(1 / 127.5, offset=-1), L.Resizing(16, 16), L.Conv2D(8, 3, activation="swish"),
        L.DepthwiseConv2D(3, dilation_rate=2), L.GlobalAveragePooling2D(), L.Dense(4),
    ]),
    "transposed": Sequential([
        Input((8, 8, 3)), L.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
        L.Conv2DTranspose(4, 3, strides=2, padding="same"), L.Softmax(),
    ]),
    "embedding": Sequential([Input((12,), dtype="int32"), L.Embedding(50, 8), L.GlobalAveragePooling1D(), L.Dense(4)]),
    "grouped": Sequential([Input((8, 8, 4)), L.Conv2D(8, 3, groups=2, activation="relu"), L.GlobalAveragePooling2D(), L.Dense(3)]),
    "named": Model(
        {"left": left, "right": right}, {"scores": L.Dense(3, name="first")(joined), "level": L.Dense(1, name="second")(joined)}
    ),
    "erfinv": Sequential([
        Input((8,)), L.Dense(4, activation="tanh"),
        L.Lambda(lambda x: __import__("tensorflow").math.erfinv(x * 0.5), name="inverse"), L.Dense(2),
    ]),
}
for name, model in models.items():
    def some(port):
        shape = (48 if port.shape[0] else 240, *(size or 10 for size in port.shape[1:]))  # those of a fixed batch run one by one
        return random.integers(0, 50, shape).astype("int32") if port.dtype == "int32" else random.uniform(-2, 2, shape).astype("float32")
    inputs = {port.name: some(port) for port in model.inputs}
    if name == "resizing":
        inputs = {key: 63 * (2 + array) for key, array in inputs.items()}
    if name == "named":
        inputs["right"] = 3 * inputs["right"]  # so that an exchange of inputs would show
    model.save(f"{sys.argv[1]}/{name}.keras")
    whole = inputs if len(inputs) > 1 else {"x": next(iter(inputs.values()))}
    if name not in ("mlp", "conv1d", "two", "sigmoid", "regression", "lstm"):
        np.savez(f"{sys.argv[1]}/{name}.npz", **whole)
        continue
    step = model.inputs[0].shape[0] or 240
    parts = [{key: array[at : at + step] for key, array in inputs.items()} for at in range(0, 48 if step == 1 else 240, step)]
    said = np.concatenate([np.asarray(model(part if len(part) > 1 else next(iter(part.values())))) for part in parts])
    y = said.argmax(1) if said.shape[1] > 1 else (said[:, 0] > 0.5).astype("int64") if name == "sigmoid" else said[:, 0]
    np.savez(f"{sys.argv[1]}/{name}.npz", y=y, **whole)
for name, folder in (("named", "named_saved"), ("named", "named_again"), ("lstm_free", "lstm_saved")):
    keras.saving.load_model(f"{sys.argv[1]}/{name}.keras").export(f"{sys.argv[1]}/{folder}", verbose=False)
open(f"{sys.argv[1]}/built", "w").close()
"""


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that holds NAME.keras and NAME.npz, whose labels are what the source says."""
    pytest.importorskip("tensorflow", reason="the convert extra is not installed")
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "zoo"
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first worker builds, the others wait for it
        if not (root / "built").exists():
            subprocess.run([sys.executable, "-c", BUILD, str(root)], env=clean_environment(), check=True, capture_output=True, timeout=300)
    return root
