"""Engines on a GPU: what they are told about precision, what they leave to the processor, and what they refuse. No GPU computes here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgekit.runner.engines import precision
from edgekit.runner.engines.onnxruntime import OnnxRuntime
from edgekit.runner.engines.placement import Placement, fallback, placed, summary
from edgekit.runner.wire import Refusal
from tests.runner import tiny
from tests.runner.talk import runner

FAKE_ORT = Path(__file__).resolve().parents[1] / "fakes" / "onnxruntime"
CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"


@pytest.fixture
def loaded(tmp_path: Path) -> Any:
    """Load a model in a runner that finds a scripted ONNX Runtime; return (reply, what its sessions were asked for)."""
    model = tiny.onnx(tmp_path / "m.onnx")
    (tmp_path / "quantized.onnx").write_bytes(model.read_bytes() + b"\x0aQuantizeLinear")

    def load(
        engine: str, *, name: str = "m.onnx", scene: Mapping[str, str] | None = None, **fields: Any
    ) -> tuple[dict[str, Any], list[Any]]:
        log = tmp_path / "log"
        env = {"PYTHONPATH": str(FAKE_ORT), "FAKE_ORT_LOG": str(log), "NVIDIA_TF32_OVERRIDE": "1", **(scene or {})}
        with runner("infer", tmp_path / "cache", options=(), env=env) as talk:
            reply = talk.ask("load", artifact=str(tmp_path / name), engine=engine, **fields)
        return reply, [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []

    return load


@pytest.mark.parametrize(("asked", "tf32", "override"), [(None, "0", "0"), ("fp32", "0", "0"), ("tf32", "1", None)])
def test_on_cuda_tf32_is_used_only_when_it_is_asked_for(loaded: Any, asked: str | None, tf32: str, override: str | None) -> None:
    reply, (session,) = loaded("onnxruntime-cuda", precision=asked)
    assert reply["ok"], reply
    assert session == {"providers": [[CUDA, {"use_tf32": tf32}]], "tf32": override}
    assert reply["precision"] == (asked or "fp32")
    assert reply["delegate"].startswith(f"{CUDA} (2 of 2 operators)")
    assert ("tf32 off" in reply["delegate"]) == (tf32 == "0")
    assert reply["notes"] == []


BOTH = {"FAKE_ORT_PROVIDERS": f"{TENSORRT} {CUDA} {CPU}", "FAKE_ORT_RUNS": f"{TENSORRT}:TRTKernel {CUDA}:Add"}


@pytest.mark.parametrize(
    ("name", "asked", "computed", "fp16", "int8"),
    [
        ("m.onnx", None, "fp32", "False", "False"),
        ("m.onnx", "fp16", "fp16", "True", "False"),
        ("quantized.onnx", None, "int8", "False", "True"),
    ],
)
def test_tensorrt_computes_what_it_is_told_and_a_quantized_model_in_int8(
    loaded: Any, name: str, asked: str | None, computed: str, fp16: str, int8: str
) -> None:
    reply, (session,) = loaded("onnxruntime-tensorrt", name=name, precision=asked, scene=BOTH)
    assert session["providers"][0] == [TENSORRT, {"trt_fp16_enable": fp16, "trt_int8_enable": int8}]
    assert session["tf32"] == "0", "TensorRT would use tf32 by itself"
    assert reply["precision"] == computed
    assert f"{TENSORRT} (1 of 2 operators), {CUDA} (1)" in reply["delegate"]


@pytest.mark.parametrize(
    ("engine", "name", "asked", "remedy"),
    [
        ("onnxruntime-cuda", "m.onnx", "fp16", "convert it with -r fp16"),
        ("onnxruntime-cuda", "m.onnx", "int8", "onnxruntime-tensorrt"),
        ("onnxruntime-tensorrt", "m.onnx", "int8", "convert it with -r int8"),
        ("onnxruntime-tensorrt", "quantized.onnx", "fp16", "give it the float one"),
        ("onnxruntime", "m.onnx", "fp16", "as it stands"),
        ("torch_onnx-cuda", "m.onnx", "int8", "fp32, tf32, fp16"),
        ("torch_onnx", "m.onnx", "tf32", "fp32, fp16"),
    ],
)
def test_a_precision_that_an_engine_has_not_is_refused_with_a_remedy(loaded: Any, engine: str, name: str, asked: str, remedy: str) -> None:
    reply, _ = loaded(engine, name=name, precision=asked, scene=BOTH)
    assert reply["error"]["code"] == "engine.precision"
    assert remedy in reply["error"]["why"]


def test_what_the_processor_computes_of_a_model_is_counted_and_told(loaded: Any) -> None:
    runs = f"{CUDA}:Conv {CPU}:Shape {CPU}:Gather {CUDA}:MemcpyToHost {CPU}:Gather {CUDA}:Relu"
    reply, _ = loaded("onnxruntime-cuda", scene={"FAKE_ORT_RUNS": runs})
    assert reply["delegate"].startswith(f"{CUDA} (2 of 5 operators), {CPU} (3)"), "copies are no operators of the model"
    (note,) = reply["notes"]
    assert note["code"] == "engine.fallback"
    assert "3 of 5 operators run on the processor, not on the GPU: Gather (2), Shape" in note["text"]


def test_a_model_of_which_the_gpu_computes_nothing_is_refused(loaded: Any) -> None:
    reply, _ = loaded("onnxruntime-cuda", scene={"FAKE_ORT_RUNS": f"{CPU}:MatMul {CPU}:Add"})
    assert reply["error"]["code"] == "engine.fallback"


def test_another_batch_than_the_models_own_is_refused_with_the_remedy(loaded: Any) -> None:
    reply, _ = loaded("onnxruntime-cuda", scene={"FAKE_ORT_BATCH": "1"}, batch=8)
    assert reply["error"]["code"] == "model.batch"
    assert reply["error"]["do"] == [["convert it with a free batch:", "edgekit convert MODEL --to onnx"]]


def test_memory_that_runs_out_has_a_code_of_its_own(loaded: Any) -> None:
    reply, _ = loaded("onnxruntime-cuda", scene={"FAKE_ORT_FREE": "16"}, batch=32)
    assert reply["error"]["code"] == "model.memory"
    assert "batch of 32" in reply["error"]["what"]
    assert "Failed to allocate memory" in reply["error"]["why"]


def test_memory_that_runs_out_on_a_processor_is_the_same(tmp_path: Path) -> None:
    with runner("infer", tmp_path) as talk:
        reply = talk.ask("load", artifact=str(tiny.onnx(tmp_path / "m.onnx")), batch=1 << 46)
        assert reply["error"]["code"] == "model.memory"
        assert talk.ask("clock")["ok"]


def test_the_profile_of_a_real_session_says_who_ran_what_and_then_stops(tmp_path: Path) -> None:
    engine = OnnxRuntime(str(tiny.onnx(tmp_path / "m.onnx")), "cpu", 1, 1, trace=str(tmp_path / "trace"))
    inputs = engine.prepare([__import__("numpy").zeros((1, 4), "float32")])
    for _ in range(3):
        engine.loop([inputs])
    found = placed(engine.end_trace())
    engine.loop([inputs])
    assert found.counts == {CPU: found.total}
    assert sum(found.operators[CPU].values()) == found.total <= 2
    assert engine.end_trace() == "", "nothing is recorded any more"


def test_a_placement_reads_as_a_sentence() -> None:
    found = Placement({CUDA: 54, CPU: 3}, {CUDA: {"Conv": 54}, CPU: {"Shape": 2, "Gather": 1}})
    assert summary(found, CUDA) == f"{CUDA} (54 of 57 operators), {CPU} (3)"
    assert "Gather, Shape (2)" in fallback(found)[0]["text"]
    assert fallback(Placement({CUDA: 2}, {CUDA: {"Conv": 2}})) == []


def test_a_quantized_file_is_told_by_its_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for before in (0, (1 << 20) - 7):
        path = tmp_path / f"{before}.onnx"
        path.write_bytes(bytes(before) + b"DequantizeLinear" + bytes(9))
        assert precision.quantized(str(path))
    assert not precision.quantized(str(tiny.onnx(tmp_path / "m.onnx")))


def test_an_unknown_precision_is_none(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        precision.choose("fp8", ("fp32",), "some engine")
    assert caught.value.error["code"] == "engine.precision"
