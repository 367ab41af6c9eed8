"""Build the MobileNetV1 of MLPerf Tiny's visual wake words, with seeded random weights or trained on your images.

    python build.py --out DIR [--data FOLDER]

Writes vww_mobilenet_v1.keras and vww_mobilenet_v1.calib.npz (x); with --data also vww_mobilenet_v1.test.npz (x, y).
Progress goes to stdout as JSON lines.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

BLOCKS = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *((128, 1),) * 5, (256, 2), (256, 1))  # filters and stride at width 0.25


def graph() -> Any:
    """Return the untrained network: one convolution and thirteen depthwise-separable blocks, 2 scores; 221,794 parameters."""
    from keras import Input, Model, layers

    def normalised(x: Any) -> Any:
        # The axis is stated as in the published files, which makes both one family.
        return layers.Activation("relu")(layers.BatchNormalization(axis=3)(x))

    image = Input((96, 96, 3), name="image")
    x = normalised(layers.Conv2D(8, 3, strides=2, padding="same", name="stem")(image))
    for index, (filters, stride) in enumerate(BLOCKS):
        x = normalised(layers.DepthwiseConv2D(3, strides=stride, padding="same", name=f"depth{index}")(x))
        x = normalised(layers.Conv2D(filters, 1, padding="same", name=f"point{index}")(x))
    x = layers.Flatten()(layers.AveragePooling2D(3)(x))
    return Model(image, layers.Dense(2, activation="softmax", name="scores")(x), name="vww_mobilenet_v1")


def images(count: int) -> Any:
    """Return synthetic images in [0, 1]."""
    from workbench.samples import smooth

    return smooth(count, 96, 96, 3) / 2 + 0.5


def plan() -> Any:
    """State the model."""
    from workbench.plan import Plan

    return Plan(name="vww_mobilenet_v1", graph=graph, synthetic=images, pixels=(1 / 255, 0.0), calibration=64)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the workbench stands beside the models
    from workbench.build import run

    run(plan(), __doc__)
