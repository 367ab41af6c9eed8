"""Say which float hubs each kind of source can be exported to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ROUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "keras": ("tflite", "onnx"),
    "h5": ("tflite", "onnx"),
    "tflite": ("tflite",),
    "onnx": ("onnx",),
}
