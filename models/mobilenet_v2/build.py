"""Build MobileNetV2 with seeded random weights: a graph to measure size, latency and energy with, never accuracy.

    python build.py --out DIR

Writes mobilenet_v2.keras and mobilenet_v2.calib.npz (x). No weights are downloaded. The statistics of its normalisation layers
are taken from synthetic images, so that activations stay in the range of a trained network's. Progress goes to stdout as JSON lines.
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
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

NAME = "mobilenet_v2"
SEED = 20
CALIBRATION_IMAGES = 32
PASSES = 6


def say(**event: object) -> None:
    """Print one progress event."""
    print(json.dumps(event), flush=True)


def synthetic_images(count: int) -> Any:
    """Return (count, 224, 224, 3) float32 images in [-1, 1]: coarse random colours, smoothed, with fine grain."""
    import numpy as np

    random = np.random.default_rng(SEED)
    coarse = random.uniform(-1, 1, (count, 8, 8, 3))
    rows = np.linspace(0, 7, 224)
    low, part = np.minimum(rows.astype(int), 6), (rows - np.minimum(rows.astype(int), 6))[:, None, None]
    tall = coarse[:, low] * (1 - part) + coarse[:, low + 1] * part
    wide = tall[:, :, low] * (1 - part) + tall[:, :, low + 1] * part
    return np.clip(wide + random.normal(0, 0.1, wide.shape), -1, 1).astype(np.float32)


def settle_normalisation(model: Any, images: Any) -> None:
    """Set the moving statistics of every BatchNormalization layer from `images`, one progress event per pass."""
    import keras

    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    kept = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.3
    say(step=f"settling the normalisation of {NAME}", total=PASSES)
    for index in range(PASSES):
        model(images[index % 2 :: 2], training=True)
        say(advance=index + 1)
    for layer, momentum in zip(norms, kept, strict=True):
        layer.momentum = momentum


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
    say(step=f"building {NAME}", total=None)
    image = keras.Input((224, 224, 3), name="image")
    model = keras.applications.MobileNetV2(weights=None, input_tensor=image, classifier_activation=None, name=NAME)
    images = synthetic_images(CALIBRATION_IMAGES)
    settle_normalisation(model, images)
    say(step="writing the model and its data", total=None)
    out.mkdir(parents=True, exist_ok=True)
    model.save(out / f"{NAME}.keras")
    np.savez(out / f"{NAME}.calib.npz", x=images)
    say(facts={"parameters": model.count_params(), "test_accuracy": None})


if __name__ == "__main__":
    main()
