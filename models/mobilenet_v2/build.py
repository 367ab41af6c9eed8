"""Build MobileNetV2 with seeded random weights: a graph to measure size, latency and energy with, never accuracy.

    python build.py --out DIR [--data FOLDER]

Writes mobilenet_v2.keras and mobilenet_v2.calib.npz (x). No weights are downloaded. The statistics of its normalisation layers
are taken from synthetic images, so that activations stay in the range of a trained network's. Progress goes to stdout as JSON lines.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def graph() -> Any:
    """Return MobileNetV2 (Sandler et al., CVPR 2018) at width 1.0 with 1000 logits; 3,538,984 parameters."""
    import keras

    image = keras.Input((224, 224, 3), name="image")
    return keras.applications.MobileNetV2(weights=None, input_tensor=image, classifier_activation=None, name="mobilenet_v2")


def images(count: int) -> Any:
    """Return synthetic images in [-1, 1]."""
    from workbench.samples import smooth

    return smooth(count, 224, 224, 3)


def plan() -> Any:
    """State the model."""
    from workbench.plan import Plan

    return Plan(name="mobilenet_v2", graph=graph, synthetic=images, pixels=(1 / 127.5, -1.0), calibration=32)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the workbench stands beside the models
    from workbench.build import run

    run(plan(), __doc__)
