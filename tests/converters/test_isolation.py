"""A converter that dies, eats memory or hangs costs its own recipe: the others are written, and the command says what happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Completed
from tests.tiny import write_onnx

Run = Callable[..., Completed]

# What happens to a process as soon as it wants to quantize: it stands for a library that does the same on some model.
SITE = """
import os, signal, sys, time
class Trap:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime.quantization":
            {deed}
sys.meta_path.insert(0, Trap())
"""
DIES = "os.kill(os.getpid(), signal.SIGSEGV)"
EATS = "held = [b'x' * (32 << 20) for _ in range(48)]; time.sleep(600)"
HANGS = "time.sleep(600)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "options", "code", "why"),
    [
        (DIES, [], "convert.crashed", "SIGSEGV"),
        (EATS, ["--memory", "1GiB"], "convert.limit", "it took more than 1 GiB of memory; --memory moves this limit"),
        (HANGS, ["--timeout", "12s"], "convert.limit", "it took longer than 12 s; --timeout moves this limit"),
    ],
    ids=["dies", "eats", "hangs"],
)
def test_one_recipe_is_lost_and_the_other_is_written(
    deed: str, options: list[str], code: str, why: str, tmp_path: Path, run_edgekit: Run
) -> None:
    pytest.importorskip("onnxruntime", reason="the convert extra is not installed")
    (tmp_path / "sitecustomize.py").write_text(SITE.replace("{deed}", deed))
    write_onnx(tmp_path / "tiny.onnx")
    np.savez(tmp_path / "calib.npz", x=np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32))
    words = ["tiny.onnx", "--to", "onnx", "-r", "fp32", "-r", "int8", "--calib", "calib.npz", "--json", *options]
    done = run_edgekit("convert", *words, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 5, done.stderr
    document = done.json()
    assert document["status"] == "partial"
    kept, lost = document["data"]["rows"]
    assert (kept["recipe"], kept["failure"], kept["artifact"]["status"]) == ("fp32", None, "verified")
    assert (lost["recipe"], lost["artifact"], lost["failure"]["code"]) == ("int8", None, code)
    assert why in lost["failure"]["why"]
    assert any("-r dynamic" in command for _, command in lost["failure"]["do"])
    assert {path.name for path in (tmp_path / "artifacts").iterdir()} == {"tiny.fp32.onnx", "tiny.fp32.onnx.json", "tiny.samples.npz"}
