"""The local device: real processes, real windows, and an error with a next step for everything that goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from edgekit.core.errors import EdgekitError, HardwareError, ModelError, SetupError, UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.run import RunPlan
from edgekit.core.trace import Reading
from edgekit.core.window import Phase
from edgekit.devices.cuda import CudaDevice
from edgekit.devices.local import LocalDevice
from edgekit.links.clock import slept_ns
from edgekit.links.shell import LocalProcess, LocalShell
from tests.links.test_shell import gone
from tests.runner import tiny, trees

PLAN = RunPlan(windows=1, window_s=0.1, min_inferences=10, idle_s=0.1, warmup_s=0.1, cooldown_s=0.0)
FAKE_NVML = Path(__file__).resolve().parents[1] / "fakes" / "nvml"


class Watching(LocalShell):
    """Start processes with more in their environment, and remember them."""

    def __init__(self, **env: str) -> None:
        self.env = env
        self.started: list[LocalProcess] = []

    def spawn(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> LocalProcess:
        self.started.append(super().spawn(argv, env={**self.env, **(env or {})}))
        return self.started[-1]


def local(tmp_path: Path, shell: LocalShell | None = None, **options: str) -> LocalDevice:
    return LocalDevice(DeviceSpec(name="bench", kind="local", options=options), shell=shell, cache_dir=tmp_path / "cache")


def interpreter(tmp_path: Path, body: str) -> str:
    """Return a program to use in place of Python."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def plan(**changes: object) -> RunPlan:
    return RunPlan(**{field: changes.get(field, getattr(PLAN, field)) for field in PLAN.__dataclass_fields__})  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", ["tflite", "onnx"])
def test_an_artifact_runs_in_windows_whose_numbers_add_up(tmp_path: Path, ending: str) -> None:
    model_file = getattr(tiny, ending)(tmp_path / f"m.{ending}")
    samples = tiny.samples(tmp_path / "s.npz", [[1, 2, 3, 4]] * 6)
    with local(tmp_path).connect() as session:
        model = session.load(model_file, samples=samples, plan=plan(batch=2))
        assert model.loaded["inputs"] == "samples"
        assert model.timing.load_s > 0
        clock = session.clock_map()
        before = time.monotonic_ns()
        window = model.run(Phase.MEASURE, 3, seconds=0.1, min_inferences=10)
        after = time.monotonic_ns()
        assert (window.phase, window.index, window.clock) == (Phase.MEASURE, 3, clock.source)
        assert before < window.start_ns < window.end_ns < after
        assert window.latency is not None
        groups = sum(count for _, count in window.latency.histogram)
        assert window.inferences == 2 * groups * window.latency.group_size
        assert window.latency.total_ns == window.end_ns - window.start_ns
        facts = session.facts()
        assert facts.engine == {"tflite": "litert", "onnx": "onnxruntime"}[ending]
        assert facts.engine_version
        assert facts.threads == 1


def test_without_samples_the_inputs_are_synthetic_and_say_so(tmp_path: Path) -> None:
    samples = tiny.samples(tmp_path / "s.npz", [[1, 2, 3, 4]])
    with local(tmp_path).connect() as session:
        model_file = tiny.tflite(tmp_path / "m.tflite")
        assert session.load(model_file, samples=None, plan=PLAN).loaded["inputs"] == "synthetic"
        assert session.load(model_file, samples=samples, plan=plan(inputs="synthetic")).loaded["inputs"] == "synthetic"


def test_each_artifact_has_its_own_process_and_all_end_with_the_session(tmp_path: Path) -> None:
    shell = Watching()
    with local(tmp_path, shell).connect() as session:
        models = [session.load(tiny.tflite(tmp_path / f"{n}.tflite"), samples=None, plan=PLAN) for n in range(2)]
        pids = {model.pid for model in models}
        assert len(pids) == 2
        models[0].close()
        models[0].close()
        assert models[1].run(Phase.MEASURE, 0, seconds=0.05, min_inferences=1).inferences
    assert all(process.returncode == 0 for process in shell.started)
    assert len(shell.started) == 3


def test_the_clock_of_this_machine_is_found_to_be_the_hosts(tmp_path: Path) -> None:
    with local(tmp_path).connect() as session:
        clock = session.clock_map()
        assert abs(clock.offset_ns) <= clock.bracket_ns < 50_000_000
        window = session.idle(2, 0.05)
        assert window.phase is Phase.IDLE
        assert window.clock == clock.source
        assert window.duration_s == pytest.approx(0.05, abs=0.04)


def test_a_window_in_which_the_machine_slept_is_not_valid(tmp_path: Path) -> None:
    slept = iter([0, 30_000_000, 0, 3_200_000_000, 5_000_000_000, 6_000_000_000])  # before and after each window
    device = LocalDevice(DeviceSpec(name="bench", kind="local"), cache_dir=tmp_path / "cache", slept_ns=lambda: next(slept))
    with device.connect() as session:
        model = session.load(tiny.tflite(tmp_path / "m.tflite"), samples=None, plan=PLAN)
        windows = [model.run(Phase.MEASURE, index, seconds=0.02, min_inferences=1) for index in range(2)]
        windows.append(session.idle(0, 0.02))
    assert [window.invalid for window in windows] == [None, "the machine slept for 3.2 s", "the machine slept for 1.0 s"]


def test_this_machine_tells_how_long_it_slept() -> None:
    assert slept_ns() >= -1_000_000
    assert abs(slept_ns() - slept_ns()) < 40_000_000


def test_counters_are_read_while_the_context_is_open(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    readings: list[Reading] = []
    with local(tmp_path, powercap_root=str(root)).connect() as session:
        ids = [channel["id"] for channel in session.probe(["rapl"])["rapl"]["channels"]]
        model = session.load(tiny.tflite(tmp_path / "m.tflite"), samples=None, plan=PLAN)
        with session.sample(["rapl", "cputime"], hz=100, sink=readings.extend, pids=[model.pid or 0]) as cost:
            window = model.run(Phase.MEASURE, 0, seconds=0.4, min_inferences=1)
        assert {reading.channel for reading in readings} == {*ids, "cputime.process"}
        assert cost["wall_s"] > 0.4
        assert 0 < cost["cpu_s"] < cost["wall_s"]
        spent = [reading for reading in readings if reading.channel == "cputime.process"]
        inside = [reading.value for reading in spent if window.start_ns <= reading.t_ns <= window.end_ns]
        if sys.platform.startswith("linux"):
            assert 0.05 < (inside[-1] - inside[0]) / 1e9 <= window.duration_s * 1.1


def pressed(after_s: float) -> None:
    """Do what Ctrl-C does."""
    time.sleep(after_s)
    raise KeyboardInterrupt


def broken(counter: Path, after_s: float) -> None:
    """Make a counter unreadable for a while."""
    time.sleep(after_s)
    counter.write_text("")
    time.sleep(0.1)


def test_readings_under_way_survive_an_interruption(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    readings: list[Reading] = []
    with local(tmp_path, powercap_root=str(root)).connect() as session, pytest.raises(KeyboardInterrupt):  # noqa: SIM117
        with session.sample(["rapl"], hz=100, sink=readings.extend, pids=[]) as cost:
            pressed(after_s=0.1)
    assert len(readings) >= 5
    assert cost["reads"] == len(readings)


def test_when_every_counter_is_lost_the_run_hears_of_it_and_keeps_what_came_before(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 7)})
    readings: list[Reading] = []
    with local(tmp_path, powercap_root=str(root)).connect() as session, pytest.raises(HardwareError) as caught:  # noqa: SIM117
        with session.sample(["rapl"], hz=200, sink=readings.extend, pids=[]):
            broken(root / "intel-rapl:0" / "energy_uj", after_s=0.1)
    assert caught.value.code == "meter.lost"
    assert readings


def test_a_sink_that_fails_is_not_swallowed(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)

    def full(_: Sequence[Reading]) -> None:
        raise OSError(28, "No space left on device")

    with local(tmp_path, powercap_root=str(root)).connect() as session, pytest.raises(OSError, match="No space left"):  # noqa: SIM117
        with session.sample(["rapl"], hz=100, sink=full, pids=[]):
            time.sleep(0.05)


def test_where_no_sampler_can_read_cpu_time_the_windows_edges_serve(tmp_path: Path) -> None:
    from edgekit.devices.sampling import CpuEdges

    readings: list[Reading] = []
    edges = CpuEdges()
    window = {"start_ns": 10, "end_ns": 20, "bracket_ns": 1, "cpu_ns_start": 5, "cpu_ns_end": 14}
    edges.add(1, window)
    with edges.into(readings.extend, enabled=True):
        edges.add(2, {**window, "start_ns": 30, "end_ns": 40, "cpu_ns_start": 100, "cpu_ns_end": 109})
        edges.add(1, {**window, "start_ns": 50, "end_ns": 60, "cpu_ns_start": 15, "cpu_ns_end": 24})
    edges.add(1, window)
    assert [(reading.t_ns, reading.value) for reading in readings] == [(30, 114.0), (40, 123.0), (50, 124.0), (60, 133.0)]


def test_facts_are_those_of_the_given_folders(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("reads sysctl on macOS")
    trees.write(tmp_path / "etc", {"os-release": 'PRETTY_NAME="Test OS"'})
    with local(tmp_path, etc_root=str(tmp_path / "etc"), sys_root=str(tmp_path / "sys")).connect() as session:
        facts = session.facts()
        assert facts.os == "Test OS"
        assert facts.temperature_c is None
        assert "temperature_c" in facts.reasons
        assert facts.engine is None


@pytest.mark.parametrize(
    ("make", "code", "kind"),
    [
        (lambda path: path / "absent.tflite", "model.missing", ModelError),
        (lambda path: _text(path / "text.onnx"), "model.refused", ModelError),
        (lambda path: _text(path / "model.keras"), "model.format", ModelError),
    ],
)
def test_a_model_that_cannot_be_loaded_is_a_model_error(tmp_path: Path, make: object, code: str, kind: type[EdgekitError]) -> None:
    shell = Watching()
    with local(tmp_path, shell).connect() as session, pytest.raises(kind) as caught:
        session.load(make(tmp_path), samples=None, plan=PLAN)  # type: ignore[operator]
    assert caught.value.code == code
    assert all(process.returncode is not None for process in shell.started)


def _text(path: Path) -> Path:
    path.write_text("this is no model\n")
    return path


def test_samples_of_the_wrong_shape_are_a_usage_error(tmp_path: Path) -> None:
    samples = tiny.samples(tmp_path / "s.npz", [[1, 2, 3]])
    with local(tmp_path).connect() as session, pytest.raises(UsageError) as caught:
        session.load(tiny.tflite(tmp_path / "m.tflite"), samples=samples, plan=PLAN)
    assert caught.value.code == "samples.shape"
    assert "[3]" in caught.value.why
    assert "[4]" in caught.value.why


def test_an_unknown_engine_is_a_usage_error(tmp_path: Path) -> None:
    with local(tmp_path).connect() as session, pytest.raises(UsageError) as caught:
        session.load(tiny.tflite(tmp_path / "m.tflite"), samples=None, plan=plan(engine="tensorrt"))
    assert caught.value.code == "engine.unknown"


def test_a_missing_engine_names_the_extra(tmp_path: Path) -> None:
    python = interpreter(tmp_path, f'exec "{sys.executable}" -I -S "$@"')
    with local(tmp_path, python=python).connect() as session, pytest.raises(SetupError) as caught:
        session.load(tiny.tflite(tmp_path / "m.tflite"), samples=None, plan=PLAN)
    assert 'pip install "edgekit[tflite]"' in caught.value.do[0][1]


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        ("echo 'no module named zlib' >&2; exit 7", "runner.died", "exit status 7\nno module named zlib"),
        ("echo Welcome to the machine", "runner.garbage", "Welcome"),
        (
            'echo \'{"id": 1, "ok": false, "error": {"code": "protocol.mismatch", "what": "w", "why": "runner 9, host 1"}}\'; read x',
            "protocol.mismatch",
            "9",
        ),
        ("kill -9 $$", "runner.died", "signal 9"),
    ],
)
def test_an_interpreter_that_is_no_runner_is_a_hardware_error(tmp_path: Path, body: str, code: str, why: str) -> None:
    with pytest.raises(HardwareError) as caught, local(tmp_path, python=interpreter(tmp_path, body)).connect():
        pass
    assert caught.value.code == code
    assert why in caught.value.why


def test_an_interpreter_that_does_not_exist_is_a_setup_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError), local(tmp_path, python="/nonexistent/python3").connect():
        pass


def test_a_runner_that_dies_in_a_window_is_reported_with_its_last_words(tmp_path: Path) -> None:
    shell = Watching()
    with local(tmp_path, shell).connect() as session:
        model = session.load(tiny.tflite(tmp_path / "m.tflite"), samples=None, plan=PLAN)
        os.kill(model.pid or 0, signal.SIGKILL)
        with pytest.raises(HardwareError) as caught:
            model.run(Phase.MEASURE, 0, seconds=5, min_inferences=1)
    assert caught.value.code == "runner.died"
    assert "signal 9" in caught.value.why


def test_an_engine_that_crashes_on_a_model_is_a_model_error(tmp_path: Path) -> None:
    answers = 'read hello; echo \'{"id":1,"ok":true,"pid":1}\'; read load; kill -11 $$'
    again = f'"{tmp_path}/again"'  # the first process answers questions, the second is to load the model
    crashing = f'case "$*" in *infer*) if [ -e {again} ]; then {answers}; fi; touch {again};; esac; exec "{sys.executable}" "$@"'
    device = local(tmp_path, python=interpreter(tmp_path, crashing))
    with device.connect() as session, pytest.raises(ModelError) as caught:
        session.load(tiny.tflite(tmp_path / "m.tflite"), samples=None, plan=PLAN)
    assert caught.value.code == "model.crashed"
    assert "signal 11" in caught.value.why


def test_ctrl_c_during_a_window_ends_every_process(tmp_path: Path) -> None:
    tiny.tflite(tmp_path / "m.tflite")
    program = tmp_path / "bench.py"
    program.write_text(
        "from pathlib import Path\n"
        "from edgekit.core.hardware import DeviceSpec\n"
        "from edgekit.core.run import RunPlan\n"
        "from edgekit.core.window import Phase\n"
        "from edgekit.devices.local import LocalDevice\n"
        "import subprocess, os\n"
        "plan = RunPlan(windows=1, window_s=1, min_inferences=1, idle_s=1, warmup_s=1, cooldown_s=1)\n"
        "device = LocalDevice(DeviceSpec(name='l', kind='local'), cache_dir=Path('cache'))\n"
        "with device.connect() as session:\n"
        "    model = session.load(Path('m.tflite'), samples=None, plan=plan)\n"
        "    with session.sample(['cputime'], hz=50, sink=lambda rows: None, pids=[model.pid]):\n"
        "        print(model.pid, session._control.pid, flush=True)\n"
        "        model.run(Phase.MEASURE, 0, seconds=600, min_inferences=1)\n"
    )
    child = subprocess.Popen([sys.executable, str(program)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    pids = [int(word) for word in child.stdout.readline().split()]
    assert len(pids) == 2
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    _, complaints = child.communicate(timeout=30)
    assert "KeyboardInterrupt" in complaints.splitlines()[-1]
    assert all(gone(pid) for pid in pids)


def test_threads_come_from_the_plan_or_else_from_the_device(tmp_path: Path) -> None:
    with local(tmp_path, threads="2").connect() as session:
        model_file = tiny.tflite(tmp_path / "m.tflite")
        assert session.load(model_file, samples=None, plan=PLAN).loaded["threads"] == 2
        assert session.load(model_file, samples=None, plan=plan(threads=3)).loaded["threads"] == 3


def test_threads_that_are_no_number_are_a_setup_error(tmp_path: Path) -> None:
    with local(tmp_path, threads="many").connect() as session, pytest.raises(SetupError) as caught:
        session.load(tiny.tflite(tmp_path / "m.tflite"), samples=None, plan=PLAN)
    assert caught.value.code == "config.invalid"


def cuda(tmp_path: Path, shell: LocalShell) -> CudaDevice:
    return CudaDevice(DeviceSpec(name="cloud", kind="cuda"), shell=shell, cache_dir=tmp_path / "cache")


def test_cuda_without_a_gpu_says_what_nvml_said(tmp_path: Path) -> None:
    shell = Watching(PYTHONPATH=str(FAKE_NVML), FAKE_NVML_MISSING="1")
    with pytest.raises(HardwareError) as caught, cuda(tmp_path, shell).connect():
        pass
    assert caught.value.code == "device.no_gpu"
    assert "NVML Shared Library Not Found" in caught.value.why
    assert all(process.returncode is not None for process in shell.started)


def test_cuda_reports_the_gpu_and_refuses_a_model_no_gpu_engine_reads(tmp_path: Path) -> None:
    shell = Watching(PYTHONPATH=str(FAKE_NVML), CUDA_VISIBLE_DEVICES="0")
    with cuda(tmp_path, shell).connect() as session:
        facts = session.facts()
        assert facts.gpu == "Scripted GPU (driver 999.1)"
        assert (facts.temperature_c, facts.frequency_hz, facts.throttled) == (55.0, 1.98e9, True)
        assert "temperature_c" not in facts.reasons
        with pytest.raises(ModelError) as refused:
            session.load(tiny.tflite(tmp_path / "m.tflite"), samples=None, plan=PLAN)
        assert refused.value.code == "model.format"
        assert "edgekit convert" in refused.value.do[0][1]


@pytest.mark.slow
def test_cuda_without_an_engine_for_the_gpu_names_what_each_engine_lacks(tmp_path: Path) -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has a GPU")
    shell = Watching(PYTHONPATH=str(FAKE_NVML), CUDA_VISIBLE_DEVICES="0")
    with cuda(tmp_path, shell).connect() as session, pytest.raises(SetupError) as caught:
        session.load(tiny.onnx(tmp_path / "m.onnx"), samples=None, plan=PLAN)
    assert caught.value.code == "device.no_engine"
    assert "onnxruntime" in caught.value.why
    assert "torch" in caught.value.why
    commands = [command for _, command in caught.value.do]
    assert any("onnxruntime-gpu" in command for command in commands)
    assert any("pip install torch" in command for command in commands)
