"""Engines load what they should, refuse what they cannot, and compute what the model says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import UsageError
from edgekit.flows.bench.plan import ENGINES, BenchRequest, plan
from edgekit.runner import engines
from edgekit.runner.engines.inputs import prepare
from edgekit.runner.wire import Refusal
from tests.runner import tiny
from tests.runner.talk import runner

X = [[-1.0, 0.0, 2.0, 3.0], [4.0, -4.0, 0.5, 1.0], [1.0, 1.0, 1.0, 1.0]]


def test_litert_computes_each_sample(tmp_path: Path) -> None:
    engine = engines.load(str(tiny.tflite(tmp_path / "m.tflite")), None, 1, 1)
    inputs, origin = prepare(engine, str(tiny.samples(tmp_path / "x.npz", X)), 1)
    assert origin == "samples"
    assert [engine.infer(x)[0].tolist() for x in inputs] == [[[max(0.0, v) for v in row]] for row in X]
    assert engine.describe()["engine"] == "litert"
    assert engine.describe()["delegate"] in ("xnnpack", "none")


def test_litert_quantizes_float_samples_with_the_models_own_scale(tmp_path: Path) -> None:
    engine = engines.load(str(tiny.tflite(tmp_path / "m.tflite", quantized=True)), None, 1, 1)
    inputs, _ = prepare(engine, str(tiny.samples(tmp_path / "x.npz", [[-1.0, 0.0, 2.0, 1000.0]])), 1)
    assert inputs[0].dtype == np.int8
    assert inputs[0].tolist() == [[1, 3, 7, 127]]
    assert engine.infer(inputs[0])[0].tolist() == [[3, 3, 7, 127]]


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("ending", ["tflite", "onnx"])
def test_a_batch_stacks_samples_in_order_and_starts_over_at_the_end(tmp_path: Path, ending: str, batch: int) -> None:
    model = getattr(tiny, ending)(tmp_path / f"m.{ending}")
    engine = engines.load(str(model), None, 1, batch)
    inputs, _ = prepare(engine, str(tiny.samples(tmp_path / "x.npz", X)), batch)
    expected = np.take(np.array(X), range(batch), axis=0, mode="wrap")
    expected = np.maximum(expected, 0) if ending == "tflite" else 2 * expected + 1
    np.testing.assert_array_equal(engine.infer(inputs[0])[0], expected)
    assert len(inputs) == max(1, len(X) // batch)


def test_onnxruntimes_own_format_computes_what_its_source_does(tmp_path: Path) -> None:
    from edgekit.converters.quantize.ort import save

    model = tiny.onnx(tmp_path / "m.onnx")
    save(model, tmp_path / "m.ort", signed=False)
    source, engine = (engines.load(str(tmp_path / name), None, 1, 1) for name in ("m.onnx", "m.ort"))
    inputs, _ = prepare(engine, str(tiny.samples(tmp_path / "x.npz", X)), 1)
    assert (engine.describe()["engine"], engine.inputs) == ("onnxruntime", source.inputs)
    for x in inputs:
        np.testing.assert_array_equal(engine.infer(x)[0], source.infer(x)[0])


def test_onnxruntime_refuses_another_batch_than_the_models_fixed_one(tmp_path: Path) -> None:
    model = tiny.onnx(tmp_path / "m.onnx", batch=1)
    assert engines.load(str(model), None, 1, 1).inputs[0].shape == (1, tiny.WIDTH)
    with pytest.raises(Refusal) as caught:
        engines.load(str(model), None, 1, 4)
    assert caught.value.error["code"] == "model.batch"
    assert "fixed at 1" in caught.value.error["what"]


def test_onnxruntime_without_cuda_refuses_the_gpu_instead_of_falling_back(tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(Refusal) as caught:
        engines.load(str(tiny.onnx(tmp_path / "m.onnx")), "onnxruntime-cuda", 1, 1)
    assert caught.value.error["code"] == "engine.no_cuda"
    assert "CPUExecutionProvider" in caught.value.error["why"]


@pytest.mark.parametrize("ending", ["tflite", "onnx"])
@pytest.mark.parametrize("damage", ["empty", "text", "half", "zeros"])
def test_a_damaged_model_is_refused_or_kills_only_its_own_process(tmp_path: Path, ending: str, damage: str) -> None:
    whole = getattr(tiny, ending)(tmp_path / f"whole.{ending}").read_bytes()
    broken = tmp_path / f"broken.{ending}"
    broken.write_bytes({"empty": b"", "text": b"this is no model\n" * 9, "half": whole[: len(whole) // 2], "zeros": bytes(4096)}[damage])
    with runner("infer", tmp_path) as talk:
        talk.say(f'{{"id": 1, "op": "load", "artifact": "{broken}"}}')
        reply = talk.hear()
        if reply is None:
            talk.process.close()
            assert talk.process.returncode is not None
            assert talk.process.returncode < 0
        else:
            assert reply["error"]["code"] == "model.refused"
            assert talk.ask("clock")["ok"]


def test_a_model_that_loads_but_does_not_run_is_refused(tmp_path: Path) -> None:
    with runner("infer", tmp_path) as talk:
        reply = talk.ask("load", artifact=str(tiny.impossible_onnx(tmp_path / "m.onnx")))
        assert reply["error"]["code"] == "model.refused"
        assert "does not run" in reply["error"]["what"]
        assert "Reshape" in reply["error"]["why"]


def test_the_host_knows_the_engines_of_the_runner(tmp_path: Path) -> None:
    assert set(ENGINES) == {name for tried, named in engines._BY_ENDING.values() for name in tried + named}
    with pytest.raises(UsageError) as caught:
        plan(BenchRequest(artifacts=(tmp_path / "m.tflite",), engine="litertt"), kind="sim")
    assert (caught.value.code, caught.value.do[0][0]) == ("engine.unknown", "did you mean litert?")
    assert plan(BenchRequest(artifacts=(tmp_path / "m.x",), engine="theirs"), kind="acme").run.engine == "theirs"


@pytest.mark.parametrize(
    ("file", "engine", "code"),
    [
        ("absent.tflite", None, "model.missing"),
        ("m.keras", None, "model.format"),
        ("m.tflite", "onnxruntime", "model.format"),
        ("m.tflite", "litertt", "engine.unknown"),
    ],
)
def test_a_file_or_engine_that_does_not_fit_is_named(tmp_path: Path, file: str, engine: str | None, code: str) -> None:
    tiny.tflite(tmp_path / "m.tflite")
    (tmp_path / "m.keras").write_bytes(b"PK")
    with pytest.raises(Refusal) as caught:
        engines.load(str(tmp_path / file), engine, 1, 1)
    assert caught.value.error["code"] == code


@pytest.mark.parametrize("ending", ["tflite", "onnx"])
def test_a_missing_engine_names_its_package(tmp_path: Path, ending: str) -> None:
    model = getattr(tiny, ending)(tmp_path / f"m.{ending}")
    with runner("infer", tmp_path, options=("-I", "-S")) as talk:
        reply = talk.ask("load", artifact=str(model))
        assert reply["error"]["code"] == "engine.missing"
        assert reply["error"]["package"] == {"tflite": "ai-edge-litert", "onnx": "onnxruntime"}[ending]


def test_the_runner_needs_nothing_but_python_for_everything_else(tmp_path: Path) -> None:
    with runner("infer", tmp_path, options=("-I", "-S")) as talk:
        for op, fields in (("hello", {"protocol": 1}), ("clock", {}), ("facts", {}), ("probe", {"counters": ["rapl", "nvml", "cputime"]})):
            assert talk.ask(op, **fields)["ok"], op


def test_a_window_over_the_wire_adds_up(tmp_path: Path) -> None:
    with runner("infer", tmp_path) as talk:
        assert talk.ask("run", seconds=0.1)["error"]["code"] == "model.not_loaded"
        loaded = talk.ask("load", artifact=str(tiny.tflite(tmp_path / "m.tflite")), batch=2, threads=1)
        assert loaded["inputs"] == "synthetic"
        assert loaded["load_s"] > 0
        assert loaded["first_inference_s"] > 0
        window = talk.ask("run", seconds=0.05, min_inferences=100, group_min_ns=50_000)
        groups = sum(count for _, count in window["latency"]["histogram"])
        assert window["inferences"] == groups * window["latency"]["group_size"] * 2 >= 100
        assert window["end_ns"] - window["start_ns"] == window["latency"]["total_ns"] >= 50_000_000
        assert window["cpu_ns_end"] > window["cpu_ns_start"]
        assert talk.ask("load", artifact="again.tflite")["error"]["code"] == "model.loaded"
