"""Train a small recurrent Keras network on scikit-learn's digits, and write what `edgekit convert` reads: `python digits_keras.py`.

digits.keras is the model and digits_saved the folder that `model.export` makes of it; digits.calib.npz and digits.test.npz hold images as
sequences of eight rows, the latter with their class numbers.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers


class Standardize(layers.Layer):
    """Bring inputs to mean 0 and deviation 1: a layer of one's own, which Keras does not know."""

    def __init__(self, mean: float = 0.0, deviation: float = 1.0, **more: Any) -> None:
        super().__init__(**more)
        self.mean, self.deviation = mean, deviation

    def call(self, x: Any) -> Any:
        """Return the inputs brought to scale."""
        return (x - self.mean) / self.deviation

    def get_config(self) -> dict[str, Any]:
        """Return what it takes to make the layer again."""
        return {**super().get_config(), "mean": self.mean, "deviation": self.deviation}


def main() -> None:
    """Train, save and write."""
    from sklearn.datasets import load_digits

    keras.utils.set_random_seed(0)
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.images))
    x = (digits.images[order] / 16).astype(np.float32)
    y = digits.target[order].astype(np.int64)
    rows = keras.Input((8, 8), name="rows")
    scaled = Standardize(float(x[:1200].mean()), float(x[:1200].std()))(rows)
    model = keras.Model(rows, layers.Dense(10, name="digit")(layers.GRU(32)(scaled)))
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x[:1200], y[:1200], batch_size=64, epochs=40, verbose=0)
    model.save("digits.keras")
    model.export("digits_saved", verbose=False)
    np.savez("digits.calib.npz", x=x[:200])
    np.savez("digits.test.npz", x=x[1200:], y=y[1200:])


if __name__ == "__main__":
    main()
