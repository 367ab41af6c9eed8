"""Whatever goes wrong while a benchmark runs: what was measured is kept, what was touched says so, and the rest is still estimated."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgekit.core.errors import HardwareError, InterruptedRun, ModelError, SetupError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.trace import ClockMap
from edgekit.core.window import Phase
from edgekit.devices.sim import SimDevice
from edgekit.flows.bench import BenchRequest, bench
from edgekit.links.clock import SystemClock
from edgekit.store.runs import RunStore, read_record
from tests.clocks import moved_clocks
from tests.conftest import clean_environment
from tests.processes import descendants, wait_until
from tests.tiny import write_onnx


class Told:
    """Raise KeyboardInterrupt the first time a display is told of `at`, as Ctrl-C would, and again each time after `twice`."""

    def __init__(self, at="", twice=False):
        self.at, self.left = at, 2 if twice else 1

    def step(self, title, total=None, *, still=False):
        self._hear(title)

    def advance(self, done, text=""):
        self._hear(text)

    def fail(self): ...

    def note(self, note):
        self._hear(note.text)

    def _hear(self, text):
        if self.at and self.at in text and self.left:
            self.left -= 1
            raise KeyboardInterrupt


class Session:
    """Pass on what a benchmark asks of an emulated device, and let `on` happen instead where it says so."""

    def __init__(self, session, on):
        self._session, self._on = session, on

    def __getattr__(self, name):
        found = getattr(self._session, name)
        if name not in self._on:
            return found
        return lambda *args, **options: self._on[name](found, *args, **options)


class Troubled(SimDevice):
    """An emulated device of which some answers are replaced."""

    def __init__(self, **on):
        super().__init__(DeviceSpec(name="sim", kind="sim"))
        self._on = on

    @contextmanager
    def connect(self):
        if "connect" in self._on:
            self._on["connect"]()
        with super().connect() as session:
            yield Session(session, self._on)


def _request(model_file, **changes):
    return BenchRequest(artifacts=(model_file,), device="sim", runs_dir=model_file.parent / "runs", **changes)


def _bench(model_file, device=None, told=None, **changes):
    device = device or SimDevice(DeviceSpec(name="sim", kind="sim"))
    return bench(_request(model_file, **changes), device=device, progress=told or Told(), date=SystemClock()).runs


def _kept(model_file):
    return [read_record(path) for path in sorted((model_file.parent / "runs").glob("*/run.json"))]


def _measured(record):
    return [window for window in record.windows if window.phase is Phase.MEASURE]


def _press(*_, **__):
    raise KeyboardInterrupt


def _in_window(index):
    """Return a `load` whose model is interrupted inside one measured window."""

    def load(real, *args, **options):
        model = real(*args, **options)

        def run(found, phase, at, **how):
            if phase is Phase.MEASURE and at == index:
                raise KeyboardInterrupt
            return found(phase, at, **how)

        return Session(model, {"run": run})

    return load


def _idle(length_s):
    """Return an `idle` that is interrupted when it is asked to last so long."""

    def idle(real, index, seconds):
        if seconds == length_s:
            raise KeyboardInterrupt
        return real(index, seconds)

    return idle


@pytest.mark.parametrize(
    ("trouble", "windows"),
    [
        ({"connect": _press}, None),
        ({"probe": _press, "load": _press}, None),
        ({"facts": _press}, 0),
        ({"told": "warm up"}, 0),
        ({"idle": _idle(10.0)}, 0),
        ({"load": _in_window(2)}, 2),
        ({"idle": _idle(2.0)}, 3),
        ({"idle": _idle(1.0)}, 1),
        ({"idle": _idle(0.3)}, 10),
        ({"told": "measure 5"}, 4),
    ],
    ids=["connect", "load", "facts", "warm-up", "idle", "window", "idle between", "between", "settle", "drawing"],
)
def test_ctrl_c_at_any_stage_keeps_what_there_is(model_file, trouble, windows):
    told = Told(trouble.pop("told", ""))
    with pytest.raises(InterruptedRun) as caught:
        _bench(model_file, Troubled(**trouble), told)
    records = _kept(model_file)
    assert caught.value.exit_code == 130
    assert bool(records) == bool(windows), "a run without a window says nothing, and would stand among others in runs/*"
    assert [record.id for record in records] == caught.value.data["runs"]
    assert not (model_file.parent / "runs" / ".open").exists()
    if not windows:
        assert sum(len(_measured(record)) for record in records) == 0
        return
    (record,) = records
    assert (record.status, len(_measured(record))) == ("interrupted", windows)
    energy = record.analysis.energy_j_per_inference
    assert energy.value == pytest.approx(6.5e-4)


class Stubborn(RunStore):
    """Be stopped by Ctrl-C, or run into a full disk, the first times a record is saved."""

    def __init__(self, root, *errors):
        super().__init__(root)
        self.errors = list(errors)

    def save(self, record):
        if self.errors:
            raise self.errors.pop(0)
        return super().save(record)


def _bench_into(store, model_file):
    device = SimDevice(DeviceSpec(name="sim", kind="sim"))
    return bench(_request(model_file, quick=True), device=device, progress=Told(), date=SystemClock(), store=store)


def test_ctrl_c_while_a_run_is_put_together_does_not_cost_it(model_file):
    with pytest.raises(InterruptedRun) as caught:
        _bench_into(Stubborn(model_file.parent / "runs", KeyboardInterrupt()), model_file)
    (record,) = _kept(model_file)
    assert (record.status, len(_measured(record))) == ("complete", 3)
    assert (caught.value.data["runs"], caught.value.data["status"]) == ([record.id], "complete")


def test_ctrl_c_while_an_interrupted_run_is_put_together_leaves_it_to_the_next(model_file):
    store = Stubborn(model_file.parent / "runs", KeyboardInterrupt(), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        _bench_into(store, model_file)
    del store  # its process is gone, and with it its lock
    _bench(model_file, quick=True)
    assert [(record.status, len(_measured(record))) for record in _kept(model_file)] == [("complete", 3), ("complete", 3)]


def test_a_disk_that_is_full_when_the_record_is_written_costs_nothing(model_file):
    full = SetupError("cannot write run.json", code="output.disk_full", why="the disk is full")
    with pytest.raises(SetupError) as caught:
        _bench_into(Stubborn(model_file.parent / "runs", full, full), model_file)
    assert caught.value.data["runs"] == []
    assert "recovered" in caught.value.do[-1][0]
    assert _kept(model_file) == []
    del caught, full  # the error holds on to its store, and that to its lock
    gc.collect()
    _bench(model_file, quick=True)
    assert [len(_measured(record)) for record in _kept(model_file)] == [3, 3]


def test_a_disk_that_fills_while_readings_stream_keeps_those_before(run_edgekit, model_file, tiny_disk):
    plan = ("--windows", "400", "--window", "2", "--idle", "1", "--warmup", "1", "--cooldown", "0", "--idle-between", "0")
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", "--runs", tiny_disk / "runs", *plan)
    assert (done.returncode, done.json()["data"]["code"]) == (6, "output.disk_full"), done.stdout
    saved = shutil.copytree(tiny_disk / "runs", model_file.parent / "runs")  # what the user would do: make room
    (model_file.parent / "runs").chmod(0o755)
    recovered = run_edgekit("--json", "bench", model_file, "--device", "sim", "--quick", "--runs", saved)
    assert recovered.returncode == 0, recovered.stderr
    old = next(record for record in _kept(model_file) if record.status != "complete")
    assert old.status in ("failed", "interrupted")
    assert len(_measured(old)) >= 1
    assert old.analysis.energy_j_per_inference.value == pytest.approx(6.5e-4)


def test_a_meter_that_is_lost_half_way_ends_the_run_and_keeps_the_windows_before(model_file):
    def load(real, *args, **options):
        model = real(*args, **options)

        def run(found, phase, at, **how):
            if phase is Phase.MEASURE and at == 6:
                raise HardwareError("every counter was lost while it was read", code="meter.lost", why="permission denied")
            return found(phase, at, **how)

        return Session(model, {"run": run})

    with pytest.raises(HardwareError) as caught:
        _bench(model_file, Troubled(load=load))
    (record,) = _kept(model_file)
    assert (caught.value.exit_code, caught.value.data["runs"]) == (4, [record.id])
    assert (record.status, len(_measured(record))) == ("failed", 6)
    assert record.analysis.energy_j_per_inference.value == pytest.approx(6.5e-4)
    assert "meter.lost" in [note.code for note in record.notes]


def test_a_replayed_interruption_stays_one(model_file, run_edgekit):
    with pytest.raises(InterruptedRun):
        _bench(model_file, told=Told("measure 5"))
    (record,) = _kept(model_file)
    done = run_edgekit("--json", "bench", model_file, "--meter", f"replay:{record.id}", "--runs", "runs")
    assert done.returncode == 0, done.stderr
    (replayed,) = done.json()["data"]["runs"]
    assert replayed["status"] == "interrupted"
    assert replayed["analysis"]["energy_j_per_inference"]["value"] == pytest.approx(6.5e-4)


def test_a_device_with_a_clock_of_its_own_is_compared_with_the_hosts_between_rounds(model_file):
    drifting = iter(range(0, 10**9, 1000))

    def clock_map(real):
        at = real().at_ns
        return ClockMap(source="sim", target="host", offset_ns=next(drifting), bracket_ns=10, at_ns=at)

    (run,) = _bench(model_file, Troubled(clock_map=clock_map), windows=4)
    assert len(run.clock_maps) == 6, "before, after each of four rounds, and after"
    (same,) = _bench(model_file, windows=4)
    assert len(same.clock_maps) == 2


pytest_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks processes up in /proc")
LONG = ("--windows", "200", "--window", "0.3", "--idle", "0.3", "--warmup", "0.1", "--cooldown", "0.1", "--idle-between", "0")


@pytest.fixture
def tiny(tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    return write_onnx(tmp_path / "tiny.onnx")


@contextmanager
def _running(tmp_path, *args):
    """Run a benchmark on this machine and yield it once three windows are recorded."""
    command = [sys.executable, "-m", "edgekit", "--json", "bench", *map(str, args), "--meter", "cputime", "--runs", "runs"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=tmp_path, env=clean_environment(), start_new_session=True, **pipes)

    def recorded():
        assert process.poll() is None, process.communicate()
        return any(journal.read_text().count('"measure"') >= 3 for journal in tmp_path.glob("runs/.open/*/journal.jsonl"))

    try:
        wait_until(recorded, "recording three windows")
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _sampler(process):
    return next(pid for pid, line in descendants(process.pid).items() if line.split()[-1] == "sample")


@pytest.mark.slow
@pytest_linux
def test_a_sampler_that_is_killed_ends_the_run_at_once_and_keeps_what_it_read(tiny, tmp_path):
    with _running(tmp_path, tiny, *LONG) as process:
        os.kill(_sampler(process), signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=20)  # two hundred windows take more than a minute
    assert process.returncode == 4, stderr
    error = json.loads(stdout)["data"]
    (record,) = _kept(tiny)
    assert (error["code"], error["details"]["runs"]) == ("runner.died", [record.id])
    assert record.status == "failed"
    assert 3 <= len(_measured(record)) < 20
    assert record.analysis.energy_j_per_inference.value > 0


@pytest.mark.slow
@pytest_linux
def test_an_inference_process_killed_in_a_window_keeps_the_windows_before(tiny, tmp_path):
    with _running(tmp_path, tiny, *LONG) as process:
        inferring = [pid for pid, line in descendants(process.pid).items() if line.split()[-1] == "infer"]
        os.kill(inferring[-1], signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 4, stderr
    (record,) = _kept(tiny)
    assert json.loads(stdout)["data"]["details"]["runs"] == [record.id]
    assert record.status == "failed"
    assert record.analysis.energy_j_per_inference.value > 0


@pytest.mark.slow
@pytest_linux
def test_windows_at_whose_edges_the_sampler_was_kept_waiting_are_left_out(tiny, tmp_path):
    plan = ("--windows", "10", "--window", "0.3", "--idle", "0.3", "--warmup", "0.1", "--cooldown", "0.1", "--idle-between", "0")
    with _running(tmp_path, tiny, *plan) as process:
        sampler = _sampler(process)
        os.kill(sampler, signal.SIGSTOP)
        time.sleep(1.0)
        os.kill(sampler, signal.SIGCONT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    (record,) = _kept(tiny)
    touched = [window for window in _measured(record) if window.invalid]
    assert 1 <= len(touched) <= 6
    assert all("kept waiting" in window.invalid for window in touched)
    assert "sampler.starved" in [note.code for note in record.notes]
    assert record.status == "complete"
    assert record.analysis.energy_j_per_inference.n <= 10 - len(touched)
    assert record.analysis.energy_j_per_inference.value > 0


@pytest.mark.slow
@pytest_linux
def test_ctrl_c_twice_in_quick_succession_keeps_the_run(tiny, tmp_path):
    with _running(tmp_path, tiny, *LONG) as process:
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    (record,) = _kept(tiny)
    assert record.status == "interrupted"
    assert len(_measured(record)) >= 3
    assert not (tmp_path / "runs" / ".open").exists()


JUMPING = """
static long calls;
static long shift_s(clockid_t id) {
    return id == CLOCK_REALTIME ? (__sync_add_and_fetch(&calls, 1) % 2 ? 3600 : -86400) : 0;
}
"""


@pytest.mark.slow
@pytest_linux
def test_a_wall_clock_that_jumps_changes_no_duration(run_edgekit, tiny, tmp_path):
    shim = moved_clocks(tmp_path, JUMPING)
    look = "import time; print(abs(time.time() - time.time()) > 3000)"
    seen = subprocess.run(
        [sys.executable, "-c", look], env={**os.environ, "LD_PRELOAD": str(shim)}, capture_output=True, text=True, check=True
    )
    if seen.stdout.strip() != "True":
        pytest.skip("this Python reads the clock past the C library")
    plan = ("--windows", "3", "--window", "0.4", "--idle", "0.4", "--warmup", "0.1", "--cooldown", "0.05", "--meter", "cputime")
    begun = time.monotonic()
    done = run_edgekit("--json", "bench", tiny, "--runs", "runs", *plan, env={"LD_PRELOAD": str(shim)})
    took = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    (record,) = _kept(tiny)
    assert record.status == "complete"
    lengths = [window.duration_s for window in record.windows if window.phase in (Phase.IDLE, Phase.MEASURE)]
    assert all(0.4 <= length < took for length in lengths)
    assert (record.windows[-1].end_ns - record.windows[0].start_ns) / 1e9 < took
    assert record.analysis.energy_j_per_inference.value > 0


def _three(model_file):
    paths = [model_file.with_name(f"{name}.tflite") for name in "abc"]
    for path in paths:
        path.write_bytes(model_file.read_bytes())
    return paths


def _troubled_at(name, phase, at, error):
    """Return a device whose artifact `name` fails when it is loaded (phase None), or in one of its windows."""

    def load(real, path, **options):
        if path.name == name and phase is None:
            raise error
        model = real(path, **options)

        def run(found, stage, index, **how):
            if path.name == name and (stage, index) == (phase, at):
                raise error
            return found(stage, index, **how)

        return Session(model, {"run": run})

    return Troubled(load=load)


NO_ROOM = HardwareError("b.tflite does not fit into the memory", code="device.memory", why="8 GB", do=[("make it smaller:", "edgekit x")])


@pytest.mark.parametrize(
    ("phase", "at", "error", "kept"),
    [
        (None, 0, NO_ROOM, 0),
        (Phase.WARMUP, 1, ModelError("the model runs no more", code="model.memory"), 0),
        (Phase.MEASURE, 1, HardwareError("the runner died", code="runner.died", why="signal 9"), 1),
    ],
    ids=["load", "warm-up", "window"],
)
@pytest.mark.parametrize("first", [False, True])
def test_one_artifact_that_does_not_fit_does_not_cost_the_others(model_file, phase, at, error, kept, first):
    paths = _three(model_file)
    name = "a.tflite" if first else "b.tflite"
    request = BenchRequest(artifacts=tuple(paths), device="sim", runs_dir=model_file.parent / "runs", quick=True, cold_starts=1)
    result = bench(request, device=_troubled_at(name, phase, at, error), progress=Told(), date=SystemClock())
    (lost,) = result.dropped
    assert (Path(lost.artifact).name, lost.code, lost.exit_code) == (name, error.code, error.exit_code)
    assert name in lost.note.text
    runs = {record.artifact.path: record for record in result.runs}
    assert sorted(runs) == sorted(path.name for path in paths if kept or path.name != name)
    assert {record.id for record in _kept(model_file)} == {record.id for record in result.runs}, "a run without a window is not kept"
    for path, record in runs.items():
        complete = path != name
        assert (record.status, len(_measured(record))) == (("complete", 3) if complete else ("failed", kept))
        assert (error.code in [note.code for note in record.notes]) != complete
        if complete:
            assert record.analysis.energy_j_per_inference.value == pytest.approx(6.5e-4)
            assert [window.phase for window in record.windows].count(Phase.FIRST) == 1


def test_where_every_artifact_is_refused_or_the_machine_is_lost_the_run_fails(model_file):
    def refuse(real, path, **options):
        raise ModelError(f"no {path.name}", code="model.refused")

    request = BenchRequest(artifacts=tuple(_three(model_file)), device="sim", runs_dir=model_file.parent / "runs", quick=True)
    with pytest.raises(ModelError, match=r"no a\.tflite"):
        bench(request, device=Troubled(load=refuse), progress=Told(), date=SystemClock())
    lost = _troubled_at("b.tflite", None, 0, HardwareError("gone", code="ssh.lost"))
    with pytest.raises(HardwareError, match="gone"):
        bench(request, device=lost, progress=Told(), date=SystemClock())
