"""Truncated and bit-flipped models end in one clear error, or in a proved artifact where the damage did not matter; never otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import EdgekitError
from edgekit.flows.convert import ConvertRequest
from tests.conftest import Completed
from tests.converters.digits import Digits
from tests.converters.graphs import write_keras
from tests.converters.one_process import attempt_each
from tests.converters.targets.networks import write_chain

Run = Callable[..., Completed]

LIMIT_S = 60
CORPUS = {"tflite": 80, "onnx": 80, "keras": 40}


def damage(whole: bytes, seed: int) -> bytes:
    """Cut `whole` short (every third time) or flip one to eight bits, half of them in the first kilobyte, where structure is."""
    random = np.random.default_rng(seed)
    if seed % 3 == 0:
        return whole[: int(random.integers(0, len(whole)))]
    flipped = bytearray(whole)
    for _ in range(int(random.integers(1, 9))):
        end = min(1024, len(whole)) if random.random() < 0.5 else len(whole)
        flipped[int(random.integers(0, end))] ^= 1 << int(random.integers(0, 8))
    return bytes(flipped)


def judge(name: str, data: bytes, folder: Path, run_edgekit: Run) -> None:
    """Convert a damaged file and hold the answer against what every answer must be."""
    path = folder / name
    path.write_bytes(data)
    out = folder / f"{name}.out"
    done = run_edgekit("convert", path, "-r", "fp32", "--out", out, "--timeout", str(LIMIT_S), timeout=2 * LIMIT_S)
    told = done.stderr
    assert "Traceback" not in told, f"{name}: {told}"
    assert done.returncode in (0, 2, 3, 5), f"{name} ended with {done.returncode}: {told}"
    if done.returncode in (2, 5):
        errors = [line for line in told.splitlines() if line.startswith(("error:", "note:"))]
        assert sum(line.startswith("error:") for line in errors) <= 1, f"{name}: {told}"
        assert errors, f"{name}: {told}"
        assert not [file for file in out.rglob("*") if file.suffix in (".tflite", ".onnx")], name


def write_onnx(path: Path) -> Path:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def wholes(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield one small whole model of each format, made without any framework."""
    pytest.importorskip("onnx", reason="the convert extra is not installed")
    pytest.importorskip("ai_edge_litert", reason="the convert extra is not installed")
    for path in (write_chain(folder / "w.tflite", [8, 8, 8]), write_onnx(folder / "w.onnx"), write_keras(folder / "w.keras")):
        yield path.suffix[1:], path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_few_damaged_files_are_answered(seed: int, tmp_path: Path, run_edgekit: Run) -> None:
    for suffix, whole in wholes(tmp_path):
        judge(f"{seed}.{suffix}", damage(whole, seed), tmp_path, run_edgekit)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", CORPUS)
def test_two_hundred_damaged_files_are_answered(suffix: str, digits: Digits, tmp_path: Path) -> None:
    """A real network in three formats, 200 files in all, in few processes: whatever is no EdgekitError would end the test."""
    path = {
        "tflite": digits.artifacts / "digits_cnn.fp32.tflite",
        "onnx": digits.artifacts / "digits_cnn.fp32.onnx",
        "keras": digits.model,
    }[suffix]
    whole, requests = path.read_bytes(), {}
    for seed in range(100, 100 + CORPUS[suffix]):
        broken = tmp_path / f"{seed}.{suffix}"
        broken.write_bytes(damage(whole, seed))
        requests[str(seed)] = ConvertRequest(model=broken, out=tmp_path / f"{seed}.out", recipes=("fp32",))
    refused = 0
    for name, answer in attempt_each(requests).items():
        made = {file.suffix for file in (tmp_path / f"{name}.out").iterdir()} - {".json"}
        if isinstance(answer, EdgekitError):
            refused += 1
            assert answer.why, f"{name}: {answer.what}"
            assert answer.do, f"{name}: {answer.what}"
            assert answer.exit_code in (2, 5), f"{name}: {answer}"
            assert made == set(), f"{name} left {made}: {answer}"
            continue
        for row in answer.rows:
            assert (row.failure is None) != (row.artifact is None), name
            assert (f".{row.format}" in made) == (row.artifact is not None), name
    assert CORPUS[suffix] // 3 <= refused <= CORPUS[suffix], "some damage matters"
