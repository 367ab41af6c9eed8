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

left, right = Input((8,), name="left"), Input((4,), name="right")
joined = L.Concatenate()([L.Dense(8, activation="relu")(left), L.Dense(8, activation="relu")(right)])
models = {
    "mlp": flat(L.Dense(4)),
    "conv1d": Sequential([Input((20, 3)), L.Conv1D(8, 3, activation="relu"), L.GlobalAveragePooling1D(), L.Dense(3, activation="softmax")]),
    "two": Model({"right": right, "left": left}, L.Dense(3, name="scores")(joined)),
    "sigmoid": flat(L.Dense(1, activation="sigmoid")),
    "regression": flat(L.Dense(1)),
    "lstm": Sequential([Input(batch_shape=(1, 10, 4)), L.LSTM(8), L.Dense(3)]),
}
for name, model in models.items():
    inputs = {port.name: random.standard_normal((48, *port.shape[1:])).astype("float32") for port in model.inputs}
    pick = lambda at: {key: array[at : at + 1] for key, array in inputs.items()}
    rows = [model(pick(at) if len(inputs) > 1 else next(iter(pick(at).values()))) for at in range(48)]
    said = np.concatenate([np.asarray(row) for row in rows])
    y = said.argmax(1) if said.shape[1] > 1 else (said[:, 0] > 0.5).astype("int64") if name == "sigmoid" else said[:, 0]
    model.save(f"{sys.argv[1]}/{name}.keras")
    np.savez(f"{sys.argv[1]}/{name}.npz", y=y, **(inputs if len(inputs) > 1 else {"x": next(iter(inputs.values()))}))
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
        if not (root / "lstm.npz").exists():
            subprocess.run([sys.executable, "-c", BUILD, str(root)], env=clean_environment(), check=True, capture_output=True, timeout=300)
    return root
