"""Build a real delegate: a shared library behind LiteRT's interface for external delegates."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "delegate" / "delegate.c"


def build(folder: Path, source: str | None = None, *, name: str = "answering.so") -> Path:
    """Return the library built from `source` (default: the delegate of delegate.c); skip where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    if source is None:
        code = SOURCE
    else:
        code = folder / f"{name}.c"
        code.write_text(source)
    library = folder / name
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, code], check=True, capture_output=True)
    return library
