"""Turn real numbers into the integers that an artifact takes and gives, and back: code = round(value / scale) + zero point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.core.quantity import Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Hold how a tensor is quantized: its dtype, and one scale and zero point, or one of each per index of `axis`."""

    dtype: str
    scales: Sequence[float]
    zero_points: Sequence[int]
    axis: int = 0

    def encode(self, values: Any) -> tuple[Any, int]:
        """Return the codes of an array, rounded to the nearest and clipped, and how many were clipped."""
        import numpy as np

        scale, zero = self._along(values.ndim)
        steps = np.rint(values.astype("float64") / scale) + zero
        limits = np.iinfo(self.dtype)
        outside = (steps < limits.min) | (steps > limits.max)
        return np.clip(steps, limits.min, limits.max).astype(self.dtype), int(outside.sum())

    def decode(self, codes: Any) -> Any:
        """Return the real numbers that an array of codes means, as float32."""
        scale, zero = self._along(codes.ndim)
        return ((codes.astype("float64") - zero) * scale).astype("float32")

    def _along(self, dimensions: int) -> tuple[Any, Any]:
        import numpy as np

        scale, zero = np.asarray(self.scales, "float64"), np.asarray(self.zero_points, "float64")
        if len(scale) == 1:
            return scale[0], zero[0]
        shape = [1] * dimensions
        shape[self.axis] = len(scale)
        return scale.reshape(shape), np.broadcast_to(zero, scale.shape).reshape(shape)


class Feed:
    """Encode the real numbers that a quantized artifact is fed, and count those that its inputs cannot hold."""

    def __init__(self, codes: dict[str, Code | None]) -> None:
        self._codes = codes
        self._values = 0
        self._clipped = 0

    def encode(self, name: str, array: Any) -> Any:
        """Return an array as the input `name` takes it: floats become codes where it is quantized, all else stays."""
        code = self._codes.get(name)
        if code is None or array.dtype.kind != "f":
            return array
        coded, clipped = code.encode(array)
        self._values += array.size
        self._clipped += clipped
        return coded

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return a remark where values were clipped."""
        if not self._clipped:
            return ()
        text = f"{self._clipped} of {self._values} input values lie beyond what its quantized inputs can hold, and were clipped"
        return (Note(code="io.clipped", text=text, advice="calibrate on inputs that reach as far"),)
