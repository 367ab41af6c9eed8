"""The runner travels alone: Python 3.9, the standard library, and an engine that is already there."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

RUNNER = REPOSITORY / "edgekit" / "runner"
ENGINES = {"numpy", "torch", "onnx", "onnxruntime", "ai_edge_litert", "tflite_runtime", "pynvml"}


def test_it_is_python_3_9() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "vermin", "-t=3.9-", "--no-tips", str(RUNNER)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted(RUNNER.rglob("*.py")), ids=lambda path: path.relative_to(RUNNER).as_posix())
def test_it_imports_only_itself_the_standard_library_and_engines(path: Path) -> None:
    """Beside the engines, numpy is there only where one has been loaded: functions may import it, modules may not."""
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    inside = {part for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = {(node.module or "").split(".")[0]}
        elif isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
        else:
            continue
        brought = ENGINES if path.parent.name == "engines" else {"numpy"} if node in inside else set()
        assert names <= sys.stdlib_module_names | brought, f"line {node.lineno}"


@pytest.mark.parametrize("path", sorted(RUNNER.rglob("*.py")), ids=lambda path: path.relative_to(RUNNER).as_posix())
def test_annotations_are_never_evaluated(path: Path) -> None:
    """X | Y and list[int] are legal in annotations on 3.9 only when nothing evaluates them."""
    tree = ast.parse(path.read_text())
    if any(isinstance(node, (ast.FunctionDef, ast.AnnAssign)) for node in ast.walk(tree)):
        assert "from __future__ import annotations" in path.read_text()
