"""Hash what a model file computes, however it is laid out: two files with one hash hold the same graph and the same weights.

Writers shuffle nodes, invent names and stamp versions, so that the bytes of two equal conversions differ. Here each value is hashed by
what makes it, down to the constants; names count only at the inputs and outputs, where a caller needs them.
"""

from __future__ import annotations

from pathlib import Path


def graph_sha256(path: Path, format: str) -> str | None:  # noqa: A002
    """Return the hash of the graph and its weights in a .tflite or .onnx; None for a format that is not read here."""
    if format == "tflite":
        from edgekit.converters.canonical import tflite

        return tflite.graph_sha256(path)
    if format == "onnx":
        from edgekit.converters.canonical import onnx

        return onnx.graph_sha256(path)
    return None
