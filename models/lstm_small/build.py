"""Train a small LSTM that reads a handwritten digit row by row, and write it with its calibration and test data.

    python build.py --out DIR [--data FOLDER]

Writes lstm_small.keras, lstm_small.calib.npz (x) and lstm_small.test.npz (x, y). Progress goes to stdout as JSON lines.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def graph() -> Any:
    """Return the untrained network: 32 LSTM units over 8 steps of 8 values, ten logits; 5,578 parameters."""
    from keras import Input, Model, layers

    rows = Input((8, 8), name="rows")
    return Model(rows, layers.Dense(10, name="logits")(layers.LSTM(32, name="memory")(rows)), name="lstm_small")


def sequences() -> Any:
    """Return the digits as sequences: each image is eight rows of eight grey levels, from top to bottom."""
    from dataclasses import replace

    from workbench.samples import digits

    split = digits()
    return replace(split, x=split.x[..., 0], test_x=split.test_x[..., 0])


def plan() -> Any:
    """State the model."""
    from workbench.plan import Plan

    return Plan(name="lstm_small", graph=graph, data=sequences, batch=64, rate=1e-2)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the workbench stands beside the models
    from workbench.build import run

    run(plan(), __doc__)
