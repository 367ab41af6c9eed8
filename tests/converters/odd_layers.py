"""Define layers of one's own: what --custom-objects names."""

from __future__ import annotations

from typing import Any

import keras


class Scale(keras.layers.Layer):  # type: ignore[misc]
    def __init__(self, factor: float = 2.0, **more: Any) -> None:
        super().__init__(**more)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class Twins(keras.Model):  # type: ignore[misc]
    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.first, self.second = keras.layers.Dense(3), keras.layers.Dense(2)

    def call(self, x: Any) -> Any:
        return {"b": self.first(x), "a": self.second(x)}


def bent(x: Any) -> Any:
    return keras.ops.tanh(x) * 2
