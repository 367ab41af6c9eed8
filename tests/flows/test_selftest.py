"""`edgekit meters selftest`: an instrument is asked about itself, and what it says is stored for it alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import HardwareError, InterruptedRun, SetupError, UsageError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Estimate, Unknown
from edgekit.core.trace import ClockMap, Reading
from edgekit.core.window import Phase, Window
from edgekit.energy.sensors.response import Load, load_of
from edgekit.flows.selftest import SelftestRequest, selftest
from edgekit.flows.selftest.analyse import analyse
from edgekit.flows.selftest.plan import first_look, reading_hz, second_look
from edgekit.links.clock import SystemClock
from edgekit.reports.calibrations import calibration_table, sentences
from edgekit.runner.burn import wave
from edgekit.store.calibrations import CalibrationStore, read_recording
from tests.conftest import clean_environment
from tests.energy.sensors import COUNTER, POWER, Sensor, trace
from tests.fakes import QuietProgress
from tests.instruments import plants
from tests.instruments.emulated import run_on
from tests.processes import descendants, wait_until

ROW = {"domain": "gpu", "identity": "GPU-7", "driver": "580.1", "gpu": "Emulated X", "parent": None, "quantum": 1, "wrap": None}
ROWS = [
    {**ROW, "id": "nvml.gpu0.energy", "raw_unit": "mJ", "measurand": "energy_counter"},
    {**ROW, "id": "nvml.gpu0.power", "raw_unit": "mW", "measurand": "power"},
]


class ScriptedMachine:
    """A device whose hours take no time: it notes what load was driven when, and lets a sensor of known habits have seen it."""

    def __init__(self, sensor: Sensor, *, refuse: str = "", stop_in: str = "", identity: str = "GPU-7") -> None:
        self.spec = DeviceSpec(name="box", kind="local")
        self.sensor, self.refuse, self.stop_in, self.identity = sensor, refuse, stop_in, identity
        self.now_s = 1.0
        self.busy: list[Sequence[int]] = []
        self.targets: list[str] = []

    @contextmanager
    def connect(self) -> Iterator[ScriptedMachine]:
        yield self

    def facts(self) -> DeviceFacts:
        return DeviceFacts(arch="x86_64")

    def probe(self, counters: Sequence[str]) -> dict[str, object]:
        rows = [{**row, "identity": self.identity} for row in ROWS]
        cputime = {"usable": True, "channels": [{"id": "cputime.process", "raw_unit": "ns", "quantum": 1}]}
        nvml = {"usable": True, "channels": rows, "emulated": True, "detail": "scripted"}
        return {name: {"nvml": nvml, "cputime": cputime}[name] for name in counters}

    def clock_map(self) -> ClockMap:
        return ClockMap(source="host", target="host", offset_ns=0, bracket_ns=0, at_ns=0)

    def idle(self, index: int, seconds: float) -> Window:
        start = self.now_s
        self.now_s += seconds
        if self.stop_in == "idle" and index >= 0:
            raise KeyboardInterrupt
        return Window(phase=Phase.IDLE, index=index, clock="host", start_ns=int(start * 1e9), end_ns=int(self.now_s * 1e9))

    def burn(
        self, target: str, *, seconds: float, period_s: float, duty: float, spread: float, seed: int, threads: int
    ) -> dict[str, object]:
        self.targets.append(target)
        if self.refuse:
            raise HardwareError("the GPU cannot be loaded", code="burn.no_torch", why=self.refuse)
        if self.stop_in == "burn" and spread:
            raise KeyboardInterrupt
        start_ns = int((self.now_s + 0.03) * 1e9)
        rows = [[start_ns + begin, start_ns + end, end - begin] for begin, end in wave(seconds, period_s, duty, spread, seed)]
        self.busy += rows
        self.now_s += 0.03 + seconds
        return {"start_ns": start_ns, "busy": [rows], "cpu_s": seconds}

    @contextmanager
    def sample(self, counters: Sequence[str], *, hz: float, sink, pids: Sequence[int], fast: bool) -> Iterator[dict[str, float]]:
        assert fast
        start = self.now_s
        yield {}
        at = np.arange(start, self.now_s, 1 / hz)
        for channel, row in ((COUNTER, ROWS[0]), (POWER, ROWS[1])):
            seen = self.sensor.trace(channel, load_of([self.busy]), at, seed=4)
            sink(
                [
                    Reading(channel=row["id"], t_ns=int(t), bracket_ns=int(b), value=float(v))
                    for t, b, v in zip(seen.t_ns, seen.bracket_ns, seen.value, strict=True)
                ]
            )


def ask(machine: ScriptedMachine, tmp_path: Path, **request: object):
    whole = SelftestRequest(**{"meter": "nvml", "seconds": 30.0, **request})
    return selftest(whole, device=machine, store=CalibrationStore(tmp_path / "c"), progress=QuietProgress(), date=SystemClock())


def test_a_place_that_takes_no_self_test_is_told_before_any_load(tmp_path):
    machine = ScriptedMachine(Sensor())
    (tmp_path / "c").write_text("a file where the folder should be")
    with pytest.raises(SetupError) as told:
        ask(machine, tmp_path)
    assert (told.value.code, machine.targets, machine.now_s) == ("output.unwritable", [], 1.0)
    (tmp_path / "c").unlink()
    with pytest.raises(SetupError):
        ask(machine, tmp_path, keep=Path("/proc/nowhere"))
    assert (machine.targets, list(tmp_path.iterdir())) == ([], [])


def test_a_disk_too_full_for_a_self_test_is_told_before_any_load(tiny_disk):
    machine = ScriptedMachine(Sensor())
    with pytest.raises(SetupError) as told:
        ask(machine, tiny_disk)
    assert (told.value.code, machine.targets) == ("output.disk_full", [])


@pytest.mark.parametrize("fraction", [0.25, 1.0])
def test_habits_are_found_and_stored_with_what_was_read(tmp_path, fraction):
    result = ask(ScriptedMachine(Sensor(fraction=fraction)), tmp_path, keep=tmp_path / "kept")
    for channel in result.calibration.channels:
        assert channel.update_period_s.low <= 0.1 <= channel.update_period_s.high
        assert channel.sampled_fraction.low <= fraction <= channel.sampled_fraction.high
        assert channel.idle_w.low <= 70 <= channel.idle_w.high
        assert channel.noise_w.low <= 6.6 <= channel.noise_w.high
    energy, power = result.calibration.channels
    assert energy.counter_ratio.low <= 1 <= energy.counter_ratio.high
    assert isinstance(power.counter_ratio, Unknown)
    assert result.calibration.identity == "emulated:GPU-7"
    stored = CalibrationStore(tmp_path / "c").known(result.meter).current
    assert stored == result.calibration
    kept, traces = read_recording(tmp_path / "kept")
    load = traces["load"]
    again = analyse(kept.meter, traces, kept.stretches, Load(t_ns=load.t_ns.astype(np.float64), share=load.value))
    assert again == result.calibration.channels  # what is kept is enough to repeat the analysis


def test_the_verdict_says_what_it_changes_and_that_it_was_a_rehearsal(tmp_path):
    result = ask(ScriptedMachine(Sensor(fraction=0.25)), tmp_path)
    told = dict(sentences(result.calibration, result.meter))["nvml.gpu0.energy"]
    assert "% of the time and takes that for the whole" in told
    assert "Edge term of a 10 s window: ± 0.82 %" in told
    assert "must be de-phased" in told
    assert "EMULATED" in str(calibration_table(result.calibration, result.meter).title)


def test_a_running_average_is_not_taken_for_an_instant_power(tmp_path):
    result = ask(ScriptedMachine(Sensor(averaging_s=1.0)), tmp_path, seconds=40.0)
    power = result.calibration.channels[1]
    assert power.averaging_s.low <= 1.0 <= power.averaging_s.high
    assert "not an instant power" in dict(sentences(result.calibration, result.meter))[power.channel]


def test_a_gpu_that_cannot_be_loaded_still_tells_what_it_shows_at_rest(tmp_path):
    machine = ScriptedMachine(Sensor(), refuse="torch cannot be imported")
    result = ask(machine, tmp_path)
    assert machine.targets == ["cuda"]
    energy = result.calibration.channels[0]
    assert isinstance(energy.update_period_s, Estimate)
    assert energy.sampled_fraction.reason == "no load was driven"
    assert isinstance(energy.idle_w, Estimate)
    assert any("torch cannot be imported" in note.text for note in result.notes)


def test_no_load_can_be_asked_for(tmp_path):
    machine = ScriptedMachine(Sensor())
    assert ask(machine, tmp_path, load="none").calibration.channels[0].sampled_fraction.reason == "no load was driven"
    assert machine.targets == []


@pytest.mark.parametrize("where", ["idle", "burn"])
def test_a_stop_leaves_nothing_behind(tmp_path, where):
    with pytest.raises(InterruptedRun) as caught:
        ask(ScriptedMachine(Sensor(), stop_in=where), tmp_path, keep=tmp_path / "kept")
    assert caught.value.code == "selftest.interrupted"
    assert list(tmp_path.iterdir()) == []


def test_an_instrument_without_identity_is_shown_and_not_stored(tmp_path):
    result = ask(ScriptedMachine(Sensor(), identity=""), tmp_path)
    assert result.stored is None
    assert not (tmp_path / "c").exists()
    assert [note.code for note in result.notes] == ["selftest.no_identity"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"seconds": 1.0}, "selftest.seconds"),
        ({"seconds": float("nan")}, "selftest.seconds"),
        ({"load": "tpu"}, "selftest.load"),
        ({"meter": "cputime"}, "selftest.no_sensor"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_driven(tmp_path, request_, code):
    machine = ScriptedMachine(Sensor())
    with pytest.raises(UsageError) as caught:
        ask(machine, tmp_path, **request_)
    assert (caught.value.code, machine.targets) == (code, [])


def test_the_plan_keeps_to_its_seconds_and_sweeps_each_period_once():
    assert sum(step.seconds for step in (*first_look(40, loaded=True), *second_look(40, [0.1, 0.101, 0.02]))) == pytest.approx(40)
    waves = [step.period_s for step in second_look(40, [0.1, 0.101, 0.02]) if step.load == "sweep"]
    assert waves == pytest.approx([0.02 * 28 / 27, 0.1 * 28 / 27])
    assert [step.load for step in second_look(40, [])] == ["random", "idle"]
    assert [step.load for step in first_look(40, loaded=False)] == ["idle"]
    assert reading_hz([], [0.1]) == 200
    assert reading_hz([COUNTER]) == 1000
    assert reading_hz([], [1e-5]) == 5000


def test_nothing_read_is_nothing_known():
    from edgekit.meters.nvml import NvmlMeter

    meter = NvmlMeter().spec({"usable": True, "channels": ROWS, "detail": ""})
    (energy, power) = analyse(meter, {"nvml.gpu0.power": trace("nvml.gpu0.power", np.arange(3.0), np.ones(3))}, [], None)
    assert isinstance(energy.update_period_s, Unknown)
    assert isinstance(energy.read_s, Unknown)
    assert isinstance(power.noise_w, Unknown)


@pytest.mark.slow
@pytest.mark.parametrize("fraction", [0.25, 1.0])
def test_a_library_with_a_part_time_sensor_is_found_out(tmp_path, fraction):
    plant = plants.named("gpu")
    plant["nvml"]["gpus"][0] |= {"sampled_fraction": fraction, "period_s": 0.1}
    command = [sys.executable, "-m", "edgekit", "--json", "meters", "selftest", "nvml", "--load", "cpu", "--seconds", "20"]
    data = {"EDGEKIT_DATA": str(tmp_path / "data")}
    ended = run_on(plant, command, tmp_path / "one", env=data)
    assert ended.returncode == 0, ended.stderr
    document = ended.json()
    assert document["schema"] == "edgekit.meters.selftest/1"
    energy, power, *_ = document["data"]["calibration"]["channels"]
    for channel in (energy, power):
        assert channel["update_period_s"]["low"] <= 0.1 <= channel["update_period_s"]["high"]
        assert channel["update_period_s"]["high"] - channel["update_period_s"]["low"] < 0.01
        assert channel["sampled_fraction"]["low"] <= fraction <= channel["sampled_fraction"]["high"]
        assert channel["sampled_fraction"]["high"] - channel["sampled_fraction"]["low"] < 0.35
        assert channel["update_period_s"]["origins"] == channel["sampled_fraction"]["origins"] == ["emulated"]
    assert "(emulated)" in ended.stderr
    plant["nvml"]["driver"] = "590.10"  # the same GPU behind another driver
    listed = run_on(plant, [sys.executable, "-m", "edgekit", "doctor"], tmp_path / "two", env=data)
    assert "behind driver 580.65.06; now it is 590.10" in " ".join(listed.stdout.split())
    assert "edgekit meters selftest nvml" in listed.stdout


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the emulated powercap tree is Linux's")
def test_ctrl_c_ends_the_load_and_stores_nothing(tmp_path):
    zone = tmp_path / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in {"name": "package-0", "energy_uj": "123456", "max_energy_range_uj": "262143328850"}.items():
        (zone / name).write_text(text)
    (tmp_path / "edgekit.toml").write_text(
        f'data = "./known"\n[devices.box]\nkind = "local"\noptions = {{ powercap_root = "{tmp_path}/powercap" }}\n'
    )
    command = [sys.executable, "-m", "edgekit", "--json", "meters", "selftest", "rapl", "--device", "box", "--seconds", "10"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("idle"):  # the step that began before is over: the random load runs now
                break
        children = set(descendants(process.pid))
        assert children
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["data"]["code"] == "selftest.interrupted"
    assert not (tmp_path / "known").exists()
    wait_until(lambda: not children & set(descendants(1)), "the end of every process of the self-test", seconds=20)
