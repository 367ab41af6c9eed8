"""Build the DS-CNN of MLPerf Tiny's keyword spotting, with seeded random weights or trained on your recordings' features.

    python build.py --out DIR [--data FOLDER]

Writes kws_dscnn.keras and kws_dscnn.calib.npz (x); with --data also kws_dscnn.test.npz (x, y). Progress goes to stdout as JSON lines.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def graph() -> Any:
    """Return the untrained network: one convolution and four depthwise-separable blocks of 64 channels, 12 scores; 24,908 parameters."""
    from keras import Input, Model, layers

    def normalised(x: Any) -> Any:
        # The axis is stated as in the published files, which makes both one family.
        return layers.Activation("relu")(layers.BatchNormalization(axis=3)(x))

    features = Input((49, 10, 1), name="mfcc")
    x = normalised(layers.Conv2D(64, (10, 4), strides=2, padding="same", name="stem")(features))
    x = layers.Dropout(0.2)(x)
    for index in range(4):
        x = normalised(layers.DepthwiseConv2D(3, padding="same", name=f"depth{index}")(x))
        x = normalised(layers.Conv2D(64, 1, padding="same", name=f"point{index}")(x))
    x = layers.Dropout(0.4)(x)
    x = layers.Flatten()(layers.AveragePooling2D((24, 5))(x))
    return Model(features, layers.Dense(12, activation="softmax", name="scores")(x), name="kws_dscnn")


def features(count: int) -> Any:
    """Return synthetic inputs in [-120, 30], about the range to which the published int8 model is scaled."""
    from workbench.samples import smooth

    return smooth(count, 49, 10) * 75 - 45


def plan() -> Any:
    """State the model."""
    from workbench.plan import Plan

    return Plan(name="kws_dscnn", graph=graph, synthetic=features)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the workbench stands beside the models
    from workbench.build import run

    run(plan(), __doc__)
