"""Build the autoencoder of MLPerf Tiny's anomaly detection, with seeded random weights or trained on your machine's normal sounds.

    python build.py --out DIR [--data FOLDER]

Writes ad_autoencoder.keras and ad_autoencoder.calib.npz (x); with --data also ad_autoencoder.test.npz (x, and y where you gave it:
0 normal, 1 anomalous). Progress goes to stdout as JSON lines.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def graph() -> Any:
    """Return the untrained network: 640 - 128 x 4 - 8 - 128 x 4 - 640, all dense; 269,992 parameters."""
    from keras import Input, Model, layers

    frames = Input((640,), name="frames")
    x = frames
    for index, units in enumerate((128,) * 4 + (8,) + (128,) * 4):
        x = layers.Dense(units, name=f"dense{index}")(x)
        # The axis is stated as in the published files, which makes both one family.
        x = layers.Activation("relu")(layers.BatchNormalization(axis=1)(x))
    return Model(frames, layers.Dense(640, name="reconstruction")(x), name="ad_autoencoder")


def frames(count: int) -> Any:
    """Return synthetic inputs in [-85, 15], about the range in dB to which the published int8 model is scaled."""
    from workbench.samples import smooth

    return smooth(count, 5, 128).reshape(count, 640) * 50 - 35


def plan() -> Any:
    """State the model."""
    from workbench.plan import Plan

    return Plan(name="ad_autoencoder", graph=graph, synthetic=frames, reconstructing=True, epochs=100, batch=512)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the workbench stands beside the models
    from workbench.build import run

    run(plan(), __doc__)
