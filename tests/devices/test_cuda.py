"""A GPU as a device: which engines it takes, what it refuses, and a rehearsal on the processor that never passes for a measurement."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import EdgekitError, SetupError, UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.window import Phase
from edgekit.devices.cuda import CudaDevice
from tests.devices.test_local import FAKE_NVML, Watching, plan
from tests.loopback import loopback
from tests.runner import tiny

FAKE_ORT = Path(__file__).resolve().parents[1] / "fakes" / "onnxruntime"


def device(tmp_path: Path, *, address: str = "cuda:", options: dict[str, str] | None = None, **scene: str) -> CudaDevice:
    shell = Watching(PYTHONPATH=f"{FAKE_NVML}:{FAKE_ORT}" if scene.pop("ort", "") else str(FAKE_NVML), **scene)
    return CudaDevice(
        DeviceSpec(name="gpu", kind="cuda", address=address, options=options or {}), shell=shell, cache_dir=tmp_path / "cache"
    )


def refusal(found: CudaDevice, artifact: Path, **changes: Any) -> EdgekitError:
    with found.connect() as session, pytest.raises(EdgekitError) as caught:
        session.load(artifact, samples=None, plan=plan(**changes))
    return caught.value


def test_the_engine_of_the_gpu_is_taken_and_its_facts_say_in_what_it_computes(tmp_path: Path) -> None:
    with device(tmp_path, ort="scripted").connect() as session:
        model = session.load(tiny.onnx(tmp_path / "m.onnx"), samples=None, plan=plan(precision="tf32"))
        assert model.loaded["engine"] == "onnxruntime-cuda"
        assert (session.facts().precision, session.facts().gpu) == ("tf32", "Scripted GPU (driver 999.1)")
        assert session.condition().temperature_c == 55.0, "cooling waits for the GPU, not for the processor"
        assert not any(probe.get("emulated") for probe in session.probe(["nvml"]).values())


def test_fp16_takes_the_engine_that_has_it(tmp_path: Path) -> None:
    both = "TensorrtExecutionProvider CUDAExecutionProvider CPUExecutionProvider"
    scene = {"FAKE_ORT_PROVIDERS": both, "FAKE_ORT_RUNS": "TensorrtExecutionProvider:TRTKernel"}
    with device(tmp_path, ort="scripted", **scene).connect() as session:
        model = session.load(tiny.onnx(tmp_path / "m.onnx"), samples=None, plan=plan(precision="fp16"))
        assert (model.loaded["engine"], model.loaded["precision"]) == ("onnxruntime-tensorrt", "fp16")


def test_an_engine_on_the_processor_is_refused_because_the_meter_reads_the_gpu(tmp_path: Path) -> None:
    error = refusal(device(tmp_path), tiny.onnx(tmp_path / "m.onnx"), engine="onnxruntime")
    assert isinstance(error, UsageError)
    assert error.code == "engine.not_gpu"
    assert "--device local --engine onnxruntime" in error.do[0][1]


def test_a_batch_that_does_not_fit_says_so(tmp_path: Path) -> None:
    error = refusal(device(tmp_path, ort="scripted", FAKE_ORT_FREE="4"), tiny.onnx(tmp_path / "m.onnx"), batch=8)
    assert error.code == "model.memory"
    assert "smaller batch" in error.do[0][0]


def test_the_number_of_a_gpu_reaches_everything_that_is_started(tmp_path: Path) -> None:
    for found in (device(tmp_path, address="cuda:1"), device(tmp_path, options={"gpu": "1"})):
        with found.connect() as session:
            channels = session.probe(["nvml"])["nvml"]["channels"]
            assert {channel["id"].split(".")[1] for channel in channels} == {"gpu1"}
    with pytest.raises(SetupError) as caught, device(tmp_path, options={"gpu": "first"}).connect():
        pass
    assert caught.value.code == "config.invalid"


def test_a_rehearsal_computes_on_the_processor_and_says_so_everywhere(tmp_path: Path) -> None:
    with device(tmp_path, options={"rehearsal": "cpu"}).connect() as session:
        model = session.load(tiny.onnx(tmp_path / "m.onnx"), samples=None, plan=plan())
        assert model.run(Phase.MEASURE, 0, seconds=0.05, min_inferences=1).inferences
        facts = session.facts()
        assert (facts.engine, facts.precision) == ("onnxruntime", "fp32")
        assert "the processor stands in for the GPU" in (facts.delegate or "")
        assert [note["code"] for note in model.loaded["notes"]] == ["run.rehearsal"]
        assert all(probe["emulated"] for probe in session.probe(["nvml", "rapl"]).values())


@pytest.mark.slow
def test_a_gpu_of_another_machine_is_reached_over_ssh(tmp_path: Path) -> None:
    python = tmp_path / "python"
    found = f"{FAKE_NVML}:{FAKE_ORT}"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{found}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    with loopback() as server:
        options = {"ssh_config": str(server.config), "python": str(python), "gpu": "1"}
        far = CudaDevice(DeviceSpec(name="rack", kind="cuda", address=server.address, options=options), cache_dir=server.folder / "here")
        with far.connect() as session:
            model = session.load(tiny.onnx(tmp_path / "m.onnx"), samples=None, plan=plan(precision="tf32"))
            assert model.run(Phase.MEASURE, 0, seconds=0.05, min_inferences=1).clock == "rack"
            assert (session.facts().precision, session.facts().engine) == ("tf32", "onnxruntime-cuda")
            channels = session.probe(["nvml"])["nvml"]["channels"]
            assert {channel["id"].split(".")[1] for channel in channels} == {"gpu1"}


def test_only_the_processor_can_stand_in(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        device(tmp_path, options={"rehearsal": "yes"})
    assert caught.value.code == "config.invalid"


@pytest.mark.slow
def test_a_rehearsed_run_is_emulated_in_time_and_energy(tmp_path: Path, run_edgekit: Any) -> None:
    (tmp_path / "edgekit.toml").write_text('[devices.gpu]\nkind = "cuda"\noptions = { rehearsal = "cpu" }\n')
    times = ("--windows", "3", "--window", "0.25", "--idle", "0.3", "--warmup", "0", "--cooldown", "0", "--cold-starts", "0")
    done = run_edgekit(
        "--json", "bench", tiny.onnx(tmp_path / "m.onnx"), "--device", "gpu", "--precision", "fp32", *times,
        env={"PYTHONPATH": str(FAKE_NVML)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (run,) = done.json()["data"]["runs"]
    assert run["analysis"]["energy_j_per_inference"]["origins"] == ["emulated"]
    assert run["analysis"]["time_s_per_inference"]["origins"] == ["emulated"]
    assert run["analysis"]["energy_j_per_inference"]["boundary"] == "gpu_board"
    assert (run["plan"]["precision"], run["facts_before"]["precision"]) == ("fp32", "fp32")
    assert "run.rehearsal" in {note["code"] for note in run["notes"]}
    assert run["sampler"]["nvml.gpu0.looks"] >= 1
    assert run["sampler"]["nvml.gpu0.sm_clock_mean_hz"] == 1.98e9
    assert "run.throttled" in {note["code"] for note in run["analysis"]["notes"]}
    assert json.dumps(run["analysis"]).count("measured") == 0


@pytest.mark.parametrize(
    ("name", "precision", "code", "said"),
    [
        ("local", "fp16", "bench.precision", "computed in the precision it was converted to"),
        ("gpu", "half", "usage.value", "fp32, tf32, fp16, int8"),
        ("gpu", "tf32", "device.no_engine", "does not compute in tf32"),
    ],
)
def test_a_precision_that_cannot_be_had_is_refused(
    tmp_path: Path, run_edgekit: Any, name: str, precision: str, code: str, said: str
) -> None:
    (tmp_path / "edgekit.toml").write_text('[devices.gpu]\nkind = "cuda"\noptions = { rehearsal = "cpu" }\n')
    words = ("--json", "bench", tiny.onnx(tmp_path / "m.onnx"), "--device", name, "--precision", precision)
    data = run_edgekit(*words, env={"PYTHONPATH": str(FAKE_NVML)}).json()["data"]
    assert data["code"] == code, data
    assert said in data["why"]
