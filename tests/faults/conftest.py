"""Give the tests of faults a model small enough to be loaded in no time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import write_onnx


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return an ONNX model of one matrix product."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    return write_onnx(tmp_path / "tiny.onnx")
