"""Train a small vision transformer on handwritten digits, and write it with its calibration and test data.

    python build.py --out DIR [--data FOLDER]

Writes transformer_small.keras, transformer_small.calib.npz (x) and transformer_small.test.npz (x, y).
Progress goes to stdout as JSON lines.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

WIDTH, HEADS, BLOCKS, PATCHES = 32, 4, 2, 16


def graph() -> Any:
    """Return the untrained network: sixteen patches of 2 x 2, two pre-norm encoder blocks, their mean, ten logits; 19,146 parameters."""
    from keras import Input, Model, layers

    image = Input((8, 8, 1), name="image")
    x = layers.Reshape((PATCHES, WIDTH), name="patches")(layers.Conv2D(WIDTH, 2, strides=2, use_bias=False, name="embedding")(image))
    # A product with a bias of its own at each place: what a patch says, and where it is.
    x = layers.EinsumDense("bpw,wv->bpv", (PATCHES, WIDTH), bias_axes="pv", name="place")(x)
    for index in range(BLOCKS):
        y = layers.LayerNormalization(name=f"norm{index}a")(x)
        x = layers.Add()([x, layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"attention{index}")(y, y)])
        y = layers.Dense(2 * WIDTH, activation="relu", name=f"wide{index}")(layers.LayerNormalization(name=f"norm{index}b")(x))
        x = layers.Add()([x, layers.Dense(WIDTH, name=f"narrow{index}")(y)])
    x = layers.GlobalAveragePooling1D(name="pool")(layers.LayerNormalization(name="norm")(x))
    return Model(image, layers.Dense(10, name="logits")(x), name="transformer_small")


def plan() -> Any:
    """State the model."""
    from workbench.plan import Plan
    from workbench.samples import digits

    return Plan(name="transformer_small", graph=graph, data=digits, pixels=(1 / 255, 0.0), batch=64, rate=3e-3, epochs=30)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the workbench stands beside the models
    from workbench.build import run

    run(plan(), __doc__)
