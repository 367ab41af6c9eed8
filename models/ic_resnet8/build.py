"""Build the ResNet-8 of MLPerf Tiny's image classification, with seeded random weights or trained on your images.

    python build.py --out DIR [--data FOLDER]

Writes ic_resnet8.keras and ic_resnet8.calib.npz (x); with --data also ic_resnet8.test.npz (x, y). Progress goes to stdout as JSON lines.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def graph() -> Any:
    """Return the untrained network: one convolution, three residual stacks of 16, 32 and 64 channels, 10 scores; 78,666 parameters."""
    from keras import Input, Model, layers

    def convolved(x: Any, filters: int, stride: int = 1) -> Any:
        # The axis is stated as in the published files, which makes both one family.
        return layers.BatchNormalization(axis=3)(layers.Conv2D(filters, 3, strides=stride, padding="same")(x))

    image = Input((32, 32, 3), name="image")
    x = layers.Activation("relu")(convolved(image, 16))
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        y = convolved(layers.Activation("relu")(convolved(x, filters, stride)), filters)
        if stride > 1:
            x = layers.Conv2D(filters, 1, strides=stride, padding="same")(x)
        x = layers.Activation("relu")(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return Model(image, layers.Dense(10, activation="softmax", name="scores")(x), name="ic_resnet8")


def images(count: int) -> Any:
    """Return synthetic images in [0, 255]: this network takes grey levels as they are."""
    from workbench.samples import smooth

    return smooth(count, 32, 32, 3) * 127.5 + 127.5


def plan() -> Any:
    """State the model."""
    from workbench.plan import Plan

    return Plan(name="ic_resnet8", graph=graph, synthetic=images, pixels=(1.0, 0.0))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the workbench stands beside the models
    from workbench.build import run

    run(plan(), __doc__)
