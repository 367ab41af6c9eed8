"""Build the 1D DS-CNN of MLPerf Tiny's streaming wake word, with seeded random weights or trained on your recordings' features.

    python build.py --out DIR [--data FOLDER]

Writes wakeword_dscnn1d.keras and wakeword_dscnn1d.calib.npz (x); with --data also wakeword_dscnn1d.test.npz (x, y).
Progress goes to stdout as JSON lines.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

BLOCKS = ((3, 128), (5, 128), (10, 128), (15, 32))  # frames seen, filters: together they see all 30 frames


def graph() -> Any:
    """Return the untrained network: four depthwise-separable convolutions over time, 3 scores; 47,707 parameters."""
    from keras import Input, Model, layers

    frames = Input((30, 1, 40), name="features")
    x = frames
    for index, (length, filters) in enumerate(BLOCKS):
        x = layers.DepthwiseConv2D((length, 1), use_bias=False, name=f"depth{index}")(x)
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"point{index}")(x)
        # The axis is stated as in the published files, which makes both one family.
        x = layers.Dropout(0.2)(layers.Activation("relu")(layers.BatchNormalization(axis=3)(x)))
    return Model(frames, layers.Dense(3, activation="softmax", name="scores")(layers.Flatten()(x)), name="wakeword_dscnn1d")


def features(count: int) -> Any:
    """Return synthetic inputs in [0, 0.94], the range to which the published int8 model is scaled."""
    from workbench.samples import smooth

    return smooth(count, 30, 40).reshape(count, 30, 1, 40) * 0.47 + 0.47


def plan() -> Any:
    """State the model."""
    from workbench.plan import Plan

    return Plan(name="wakeword_dscnn1d", graph=graph, synthetic=features)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the workbench stands beside the models
    from workbench.build import run

    run(plan(), __doc__)
