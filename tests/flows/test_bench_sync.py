"""Marker loads, windows that grow with slow meters, and what the record says of how windows were dated."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.errors import UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.quantity import Note, Origin
from edgekit.core.run import TENSORS, RunRecord
from edgekit.core.sync import ASKED, Delay, SyncPlan
from edgekit.core.trace import Reading
from edgekit.core.window import Phase
from edgekit.devices.sim import SimDevice
from edgekit.flows.bench import BenchRequest, bench, reanalyse
from edgekit.flows.bench.plan import plan
from edgekit.flows.bench.sync import with_sync
from edgekit.links.clock import SystemClock
from edgekit.metering import Chosen
from tests.fakes import QuietProgress

UNKNOWN = Delay(seconds=0.0, half_s=None, source="nobody states it")
LATE_S = 0.27


def _spec(update_s: float = 0.01, **more: object) -> MeterSpec:
    watts = Channel(
        id="late.power",
        meter="late",
        boundary=Boundary.USB_INPUT,
        measurand=Measurand.POWER,
        unit="W",
        origin=Origin.EMULATED,
        update_period_s=update_s,
    )
    known = {"accuracy": Accuracy(source="exact", gain_rel=0.0), "nominal_hz": 1 / update_s, "integrating": False, "delay": UNKNOWN}
    return MeterSpec(kind="late", channels=(watts,), **{**known, **more})


class LateMeter:
    """Read an emulated device a hundred times a second; each reading arrives late, and is dated by its arrival."""

    def __init__(self, device: SimDevice, spec: MeterSpec) -> None:
        self._device, self._spec, self._next_ns = device, spec, device.clock.now_ns()
        self._end: Callable[[], None] = lambda: None

    def spec(self) -> MeterSpec:
        return self._spec

    def start(self, sink, watch=None) -> None:
        late_ns = round(LATE_S * 1e9)

        def pass_on(_: int, now_ns: int) -> None:
            made = []
            while self._next_ns + late_ns <= now_ns:
                watts = self._device.plant.power_w(self._next_ns)
                made.append(Reading(channel="late.power", t_ns=self._next_ns + late_ns, bracket_ns=0, value=watts))
                self._next_ns += 10_000_000
            if made:
                sink(made)

        self._end = self._device.clock.subscribe(pass_on)

    def stop(self) -> None:
        self._end()


class Staged:
    """Give a benchmark its plan and its meter, as a replay does."""

    inference = TENSORS

    def __init__(self, request: BenchRequest, device: SimDevice, spec: MeterSpec, sync: SyncPlan) -> None:
        planned = plan(replace(request, sync=sync), kind="sim")
        self._plan, _ = with_sync(planned, request, [spec])
        self._chosen = Chosen(counters=(), hosts=(LateMeter(device, spec),), specs=(spec,), note=Note(code="meter.chosen", text="late"))

    def plan(self):
        return self._plan

    def chosen(self, device: SimDevice) -> Chosen:
        return self._chosen

    def require(self, artifact: object) -> None:
        """Take any artifact."""


def _run(model_file: Path, sync: SyncPlan, **more: object) -> RunRecord:
    device = SimDevice(DeviceSpec(name="sim", kind="sim"))
    request = BenchRequest(artifacts=(model_file,), device="sim", runs_dir=model_file.parent / "runs", windows=4, **more)
    staged = Staged(request, device, _spec(), sync)
    (run,) = bench(request, device=device, progress=QuietProgress(), date=SystemClock(), replay=staged).runs
    return run


def test_a_marker_load_finds_out_how_late_a_meter_is(model_file: Path) -> None:
    run = _run(model_file, SyncPlan())
    marks = [window for window in run.windows if window.phase is Phase.MARKER]
    assert {window.index for window in marks} == {0, 1}
    assert run.plan.sync.chip_s == 0.25
    (step,) = run.analysis.channels[0].sync
    assert (step.method, step.count) == ("S3", 2)
    assert step.offset_s == pytest.approx(LATE_S, abs=2 * step.u_s)
    assert step.u_s < 0.01
    energy = run.analysis.energy_j_per_inference
    assert energy.value == pytest.approx(6.5e-4, rel=1e-3)
    assert energy.low <= 6.5e-4 <= energy.high
    assert energy.unknown_terms == ()


def test_without_one_the_figure_says_what_nobody_knows(model_file: Path) -> None:
    run = _run(model_file, SyncPlan(method="none"))
    assert run.plan.sync.chip_s == 0
    assert all(window.phase is not Phase.MARKER for window in run.windows)
    assert run.analysis.energy_j_per_inference.unknown_terms == ("arrival",)
    assert run.analysis.channels[0].sync[0].u_s is None


def test_the_steps_are_in_the_record_and_are_found_again_byte_for_byte(model_file: Path) -> None:
    run = _run(model_file, SyncPlan())
    path = model_file.parent / "runs" / run.id / "run.json"
    before = path.read_bytes()
    (stored,) = json.loads(before)["analysis"]["channels"][0]["sync"]
    assert stored["method"] == "S3"
    reanalyse(run.id, runs_dir=model_file.parent / "runs")
    assert path.read_bytes() == before
    data = json.loads(before)
    for channel in data["analysis"]["channels"]:
        del channel["sync"]
    del data["meters"][0]["delay"], data["plan"]["sync"]
    path.write_text(json.dumps(data))  # as runs were stored before any of this was written
    (old,) = reanalyse(run.id, runs_dir=model_file.parent / "runs").runs
    assert [step.method for step in old.analysis.channels[0].sync] == ["same clock"]


def test_a_replay_keeps_the_markers(model_file: Path, run_edgekit) -> None:
    run = _run(model_file, SyncPlan())
    done = run_edgekit("--json", "bench", model_file, "--meter", f"replay:{run.id}", "--runs", "runs")
    assert done.returncode == 0, done.stderr
    (replayed,) = done.json()["data"]["runs"]
    assert [step["method"] for step in replayed["analysis"]["channels"][0]["sync"]] == ["S3"]


@pytest.mark.slow
def test_the_command_says_how_windows_were_dated_and_refuses_what_is_not_known_well_enough(model_file: Path, run_edgekit) -> None:
    run = _run(model_file, SyncPlan())
    again = run_edgekit("bench", "--reanalyse", run.id, "--runs", "runs")
    assert "windows dated  late.power: S3, ends within " in " ".join(again.stdout.split("\n"))
    path = model_file.parent / "runs" / run.id / "run.json"
    data = json.loads(path.read_text())
    data["plan"]["sync"]["max_error_s"] = 1e-6
    path.write_text(json.dumps(data))
    strict = run_edgekit("--json", "bench", "--reanalyse", run.id, "--runs", "runs").json()["data"]["runs"][0]
    assert "--max-sync-error" in strict["analysis"]["energy_j_per_inference"]["reason"]


def _planned(spec: MeterSpec, *, sync: str = "auto", **more: object):
    request = BenchRequest(artifacts=(Path("m.tflite"),), sync=SyncPlan(method=sync), **more)
    planned, notes = with_sync(plan(request, kind="local"), request, [spec])
    return planned.run, notes


@pytest.mark.parametrize(
    ("update_s", "quick", "window_s", "idle_s"),
    [
        (0.01, False, 10, 10),
        (0.5, False, 50, 50),
        (1.0, False, 100, 100),
        (10.0, False, 300, 300),
        (0.5, True, 15, 15),
        (10.0, True, 60, 60),
    ],
)
def test_windows_grow_with_a_slow_meter(update_s: float, quick: bool, window_s: float, idle_s: float) -> None:
    run, notes = _planned(_spec(update_s, delay=ASKED), quick=quick)
    assert (run.window_s, run.idle_s) == (window_s, idle_s)
    assert [note.code for note in notes] == (["plan.window"] if window_s != 10 else [])
    assert _planned(_spec(update_s, delay=ASKED), quick=quick, window_s=7.0)[0].window_s == 7.0


def test_windows_are_as_long_as_a_meter_says_it_needs() -> None:
    assert _planned(_spec(1.0, delay=ASKED, least_window_s=200.0))[0].window_s == 200


@pytest.mark.parametrize(
    ("more", "sync", "chip_s"),
    [
        ({}, "auto", 0.25),
        ({}, "none", 0.0),
        ({"delay": ASKED}, "auto", 0.0),
        ({"delay": ASKED}, "marker", 0.25),
        ({"delay": Delay(seconds=0.02, half_s=0.02, source="a table")}, "auto", 0.0),
        ({"delay": Delay(seconds=0.2, half_s=0.2, source="a table")}, "auto", 0.25),
    ],
)
def test_a_marker_is_driven_where_nothing_else_dates_readings_well_enough(more: dict, sync: str, chip_s: float) -> None:
    run, notes = _planned(_spec(**more), sync=sync)
    assert run.sync.chip_s == chip_s
    assert ("sync.marked" in [note.code for note in notes]) is (sync == "auto" and chip_s > 0)


def test_a_first_impression_drives_no_marker_of_itself_and_its_time_counts() -> None:
    assert _planned(_spec(), quick=True)[0].sync.chip_s == 0
    request = BenchRequest(artifacts=(Path("m.tflite"),))
    without = plan(request, kind="local")
    marked, _ = with_sync(without, request, [_spec()])
    assert marked.least_s - without.least_s == pytest.approx(1.02 * 2 * 21 * 0.25)


def test_a_marker_that_would_date_nothing_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        _planned(_spec(delay=None), sync="marker")
    assert caught.value.code == "bench.sync"


def test_edgekit_toml_says_what_is_asked_of_windows(model_file: Path, run_edgekit) -> None:
    config = model_file.parent / "edgekit.toml"
    config.write_text('[bench]\nmax_sync_error = "5ms"\nmax_lost = "0.1%"\nmin_updates = 10\n')
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", "--quick", "--max-sync-error", "2%")
    sync = done.json()["data"]["runs"][0]["plan"]["sync"]
    assert (sync["max_error_s"], sync["max_error_rel"], sync["max_lost_rel"], sync["least_updates"]) == (None, 0.02, 0.001, 10)
    config.write_text('[bench]\nmax_sync_error = "5 minutes"\n')
    wrong = run_edgekit("--json", "bench", model_file, "--device", "sim", "--quick")
    assert (wrong.returncode, wrong.json()["data"]["code"]) == (6, "config.invalid")
    assert "bench.max_sync_error" in wrong.json()["data"]["what"]


@pytest.mark.parametrize("option", [("--sync", "often"), ("--max-sync-error", "soon")])
def test_options_that_cannot_be_meant_are_refused(option: tuple[str, str], model_file: Path, run_edgekit) -> None:
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", *option)
    assert (done.returncode, done.json()["data"]["code"]) == (2, "usage.value")
