"""What need not be loaded is not: no framework for a .tflite or an .onnx, and next to nothing in the process that the user starts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Completed, clean_environment
from tests.converters import onnx_network
from tests.converters.graphs import write_keras
from tests.converters.network import Network

Run = Callable[..., Completed]

ANNOUNCE = """
import os
with open({log!r}, "a") as log:
    log.write(__name__ + "\\n")
raise ImportError(__name__ + " is not to be imported here")
"""
WATCH = """
import json, sys
from edgekit.cli.app import main
told, sys.argv = sys.argv[1], ["edgekit", *sys.argv[2:]]
try:
    sys.exit(main())
finally:
    peak_bytes = None
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            peak_bytes = next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    with open(told, "w") as file:
        json.dump({"peak_bytes": peak_bytes, "modules": sorted({name.partition(".")[0] for name in sys.modules})}, file)
"""
HEAVY = {"tensorflow", "keras", "torch", "onnx", "onnxruntime", "ai_edge_litert", "ai_edge_quantizer", "tf2onnx", "jax"}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return a folder with one convolutional network in two formats, and inputs for it."""
    pytest.importorskip("onnx", reason="the convert extra is not installed")
    pytest.importorskip("ai_edge_litert", reason="the convert extra is not installed")
    net = Network(1, 8, 8, 1).conv(32).depthwise().reshape(1, 2048).dense(10)
    net.write(tmp_path / "net.tflite")
    onnx_network.classifier(tmp_path / "net.onnx")
    x = net.inputs(24)
    np.savez(tmp_path / "tflite.npz", x=x)
    np.savez(tmp_path / "onnx.npz", x=x.transpose(0, 3, 1, 2))
    return tmp_path


@pytest.fixture
def imported(desk: Path) -> Callable[[], list[str]]:
    """Put frameworks into reach that say when they are imported, in folder `site`; return what has been."""
    log = desk / "imported.log"
    for name in ("tensorflow", "keras", "tf_keras", "tf2onnx", "torch", "litert_torch", "jax"):
        (desk / "site" / name).mkdir(parents=True)
        (desk / "site" / name / "__init__.py").write_text(ANNOUNCE.format(log=str(log)))
    return lambda: log.read_text().split() if log.exists() else []


@pytest.mark.slow
@pytest.mark.parametrize(("format_", "recipes"), [("tflite", ("fp32", "dynamic", "int8")), ("onnx", ("fp32", "int8"))])
def test_a_file_that_needs_no_framework_is_converted_without_one_by_a_small_process(
    format_: str, recipes: tuple[str, ...], desk: Path, imported: Callable[[], list[str]]
) -> None:
    words = [word for recipe in recipes for word in ("-r", recipe)]
    command = ["convert", f"net.{format_}", "--to", format_, *words, "--calib", f"{format_}.npz"]
    told = desk / "told.json"
    environment = clean_environment({"PYTHONPATH": str(desk / "site")})
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(told), *command],
        cwd=desk,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (desk / "artifacts").glob(f"*.{format_}")} == {f"net.{recipe}.{format_}" for recipe in recipes}
    assert imported() == []
    said: dict[str, Any] = json.loads(told.read_text())
    assert HEAVY.isdisjoint(said["modules"])
    assert said["peak_bytes"] is None or said["peak_bytes"] < 150e6


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_no_framework_is_imported_to_inspect(format_: str, desk: Path, imported: Callable[[], list[str]], run_edgekit: Run) -> None:
    done = run_edgekit("inspect", f"net.{format_}", cwd=desk, env={"PYTHONPATH": str(desk / "site")})
    assert done.returncode == 0, done.stderr
    assert imported() == []


def test_the_stand_ins_do_tell(desk: Path, imported: Callable[[], list[str]], run_edgekit: Run) -> None:
    write_keras(desk / "graph.keras")
    done = run_edgekit("convert", "graph.keras", "-r", "fp32", cwd=desk, env={"PYTHONPATH": str(desk / "site")})
    assert done.returncode != 0
    assert "keras" in imported()
