"""Train the digits network on scikit-learn's handwritten digits and write it with its calibration and test data.

    python build.py --out DIR

Writes digits_cnn.keras, digits_cnn.calib.npz (x) and digits_cnn.test.npz (x, y). Progress goes to stdout as JSON lines:
{"step": title, "total": n}, {"advance": n, "text": words} and, at the end, {"facts": {...}}.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # one rounding order, so that a machine repeats its own weights
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

NAME = "digits_cnn"
SEED = 20
TRAIN_IMAGES = 1200
CALIBRATION_IMAGES = 128
EPOCHS = 40


def say(**event: object) -> None:
    """Print one progress event."""
    print(json.dumps(event), flush=True)


def load_digits() -> tuple[Any, Any, Any, Any]:
    """Return train images, train labels, test images and test labels; images are (n, 8, 8, 1) float32 in [0, 1]."""
    import numpy as np
    from sklearn.datasets import load_digits as load

    digits = load()
    images = (digits.images / 16.0).astype(np.float32)[..., None]
    labels = digits.target.astype(np.int64)
    order = np.random.default_rng(SEED).permutation(len(images))
    train, test = order[:TRAIN_IMAGES], order[TRAIN_IMAGES:]
    return images[train], labels[train], images[test], labels[test]


def build_graph() -> Any:
    """Return the untrained network: one convolution, two depthwise-separable blocks, global pooling, ten logits; 4,426 parameters."""
    from keras import Input, Model, layers

    def normalised(x: Any, name: str) -> Any:
        return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_norm")(x))

    image = Input((8, 8, 1), name="image")
    x = normalised(layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem")(image), "stem")
    for index, filters in enumerate((32, 64)):
        x = normalised(layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"depth{index}")(x), f"depth{index}")
        x = normalised(layers.Conv2D(filters, 1, use_bias=False, name=f"point{index}")(x), f"point{index}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return Model(image, layers.Dense(10, name="logits")(x), name=NAME)


def train(model: Any, x: Any, y: Any) -> None:
    """Train `model` in place, one progress event per epoch."""
    import keras

    steps = -(-len(x) // 32) * EPOCHS
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    report = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: say(advance=epoch + 1, text=f"train accuracy {logs['accuracy']:.3f}")
    )
    say(step=f"training {NAME}", total=EPOCHS)
    model.fit(x, y, batch_size=32, epochs=EPOCHS, verbose=0, callbacks=[report])


def main() -> None:
    """Build everything into the folder given by --out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--wait", action="store_true", help="begin when a line comes on stdin, so that a meter can be ready")
    arguments = parser.parse_args()
    if arguments.wait:
        sys.stdin.readline()
    out: Path = arguments.out
    say(step="loading TensorFlow", total=None)
    import keras
    import numpy as np

    keras.utils.set_random_seed(SEED)
    x, y, test_x, test_y = load_digits()
    model = build_graph()
    train(model, x, y)
    say(step="writing the model and its data", total=None)
    accuracy = float((model.predict(test_x, verbose=0).argmax(axis=1) == test_y).mean())
    out.mkdir(parents=True, exist_ok=True)
    model.save(out / f"{NAME}.keras")
    np.savez(out / f"{NAME}.calib.npz", x=x[:CALIBRATION_IMAGES])
    np.savez(out / f"{NAME}.test.npz", x=test_x, y=test_y)
    say(facts={"parameters": model.count_params(), "test_accuracy": accuracy, "test_images": len(test_y), "epochs": EPOCHS})


if __name__ == "__main__":
    main()
