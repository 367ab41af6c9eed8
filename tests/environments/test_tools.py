"""The environments that `make test` really made from the package index hold what is pinned, and work."""

from __future__ import annotations

import json
import subprocess

import pytest

from edgekit.environments import known
from tests.tools import tool

VERSIONS = "import importlib.metadata, json, sys; print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))"


@pytest.mark.parametrize("name", known())
def test_it_holds_what_is_pinned(name: str) -> None:
    made, pins = tool(name), dict(pin.split("==") for pin in known()[name].pins)
    done = subprocess.run([made.python, "-I", "-c", VERSIONS, *pins], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == pins


def test_onnx2tf_starts_as_a_command() -> None:
    made = tool("onnx2tf")
    done = subprocess.run([made.bin / "onnx2tf", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, made.versions["onnx2tf"])
