"""Train the digits network on scikit-learn's handwritten digits and write it with its calibration and test data.

    python build.py --out DIR

Writes digits_cnn.keras, digits_cnn.calib.npz (x) and digits_cnn.test.npz (x, y). Progress goes to stdout as JSON lines.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def graph() -> Any:
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
    return Model(image, layers.Dense(10, name="logits")(x), name="digits_cnn")


def plan() -> Any:
    """State the model."""
    from workbench.plan import Plan
    from workbench.samples import digits

    return Plan(name="digits_cnn", graph=graph, data=digits, pixels=(1 / 255, 0.0), rate=4e-3)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the workbench stands beside the models
    from workbench.build import run

    run(plan(), __doc__)
