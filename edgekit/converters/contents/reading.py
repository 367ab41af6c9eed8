"""Read the contents of a model file by its format."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from edgekit.converters.contents.found import Contents


def read_contents(path: Path, format: str) -> Contents:  # noqa: A002
    """Return what a .tflite, .onnx or .ort holds, without running it."""
    found: Contents = import_module(f"edgekit.converters.contents.{format}").read(path)
    return found
