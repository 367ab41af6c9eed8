"""A program that behaves as much like a Python as making an environment needs, at once and without a network."""

from __future__ import annotations

from pathlib import Path

# PRETEND_PIP is what pip complains about; PRETEND_IMPORT is run in place of the imports that show whether all of it works.
_SCRIPT = """#!/bin/sh
case "$*" in
*ensurepip*) echo '[[3, 12, 1], "linux"]' ;;
*"-m venv"*) for folder; do :; done; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python" ;;
*"-m pip install"*) echo "Collecting everything"; [ -z "$PRETEND_PIP" ] || { echo "$PRETEND_PIP" >&2; exit 1; } ;;
*) eval "$PRETEND_IMPORT"; echo '{"onnx2tf": "2.6.9"}' ;;
esac
"""


def pretending_python(folder: Path) -> Path:
    """Write the program and return it; it says it is Python 3.12.1."""
    path = folder / "pretending python"
    path.write_text(_SCRIPT)
    path.chmod(0o755)
    return path
