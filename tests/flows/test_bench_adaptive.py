"""What a benchmark decides while it runs: how long to warm up, how many windows are enough, when to wait. On an emulated device."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from edgekit.cli.amounts import rate, seconds, share
from edgekit.core.errors import UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.devices.sim import SimDevice
from edgekit.energy.conduct.enough import how_quick
from edgekit.flows.bench import BenchRequest, bench
from edgekit.flows.bench.limit import require_round
from edgekit.flows.bench.plan import plan, waits, with_sensors
from edgekit.links.clock import SystemClock
from edgekit.meters.sim import SimMeter


class Told:
    """Keep what the progress display was told."""

    def __init__(self):
        self.texts, self.notes = [], []

    def step(self, title, total=None, *, still=False): ...

    def advance(self, done, text=""):
        self.texts.append(text)

    def fail(self): ...

    def note(self, note):
        self.notes.append(note)


def _bench(model_file, options=None, told=None, artifacts=None, **request):
    device = SimDevice(DeviceSpec(name="sim", kind="sim", options=options or {}))
    asked = BenchRequest(artifacts=artifacts or (model_file,), device="sim", runs_dir=model_file.parent / "runs", **request)
    return bench(asked, device=device, progress=told or Told(), date=SystemClock()).runs


def _measured(run):
    return [window for window in run.windows if window.phase == "measure"]


def _codes(run):
    return [note.code for note in run.notes]


def test_a_steady_device_is_warmed_up_for_the_planned_time(model_file):
    (run,) = _bench(model_file)
    pieces = [window for window in run.windows if window.phase == "warmup"]
    assert sum(window.duration_s for window in pieces) == pytest.approx(3.0, rel=0.01)
    assert [window.index for window in pieces] == list(range(6))
    assert "warmup.cap" not in _codes(run)


def test_warm_up_goes_on_until_the_speed_has_settled(model_file):
    (run,) = _bench(model_file, {"settle_s": "1"})
    seconds_warm = sum(window.duration_s for window in run.windows if window.phase == "warmup")
    assert 4 < seconds_warm <= 15
    first = _measured(run)[0]
    assert first.duration_s / first.inferences == pytest.approx(1.3e-4, rel=0.03), "the slow start is over before the first window"


def test_a_device_that_never_settles_ends_its_warm_up_at_a_limit_and_says_so(model_file):
    (run,) = _bench(model_file, {"settle_s": "200"}, windows=3)
    warm = sum(window.duration_s for window in run.windows if window.phase == "warmup")
    assert 15 <= warm < 16
    assert "warmup.cap" in _codes(run)


def test_no_warm_up_stays_none(model_file):
    (run,) = _bench(model_file, {"settle_s": "200"}, warmup_s=0.0, windows=3)
    assert "warmup" not in [window.phase for window in run.windows]


def test_windows_are_added_until_the_interval_is_narrow(model_file):
    told = Told()
    (run,) = _bench(model_file, {"spread": "0.03"}, told, until_rel=0.02)
    count = len(_measured(run))
    assert count > 10
    (note,) = [note for note in run.notes if note.code == "run.until"]
    assert note.text == f"stopped after {count} windows: interval within 2 %"
    assert note in told.notes
    energy = run.analysis.energy_j_per_inference
    assert (energy.high - energy.low) / 2 <= 0.021 * energy.value, "the record's own analysis agrees with what the run was stopped by"
    assert energy.low <= 6.5e-4 <= energy.high
    assert (run.plan.until_rel, run.plan.max_time_s, run.plan.quick) == (0.02, 3600.0, False)


def test_exact_windows_stop_at_the_least_number(model_file):
    (run,) = _bench(model_file, until_rel=0.02)
    assert len(_measured(run)) == 5
    (longer,) = _bench(model_file, until_rel=0.02, windows=8)
    assert len(_measured(longer)) == 8


def test_every_artifact_has_to_be_within(model_file):
    other = model_file.with_name("other.tflite")
    other.write_bytes(model_file.read_bytes() + bytes(1000))
    runs = _bench(model_file, {"spread": "0.02"}, artifacts=(model_file, other), until_rel=0.02)
    counts = {len(_measured(run)) for run in runs}
    assert len(counts) == 1
    for run in runs:
        energy = run.analysis.energy_j_per_inference
        assert (energy.high - energy.low) / 2 <= 0.021 * energy.value


def test_time_ends_a_run_that_is_not_narrow_enough(model_file):
    (run,) = _bench(model_file, {"spread": "0.2"}, until_rel=0.02, max_time_s=200.0)
    assert "run.max_time" in _codes(run)
    assert (run.windows[-1].end_ns - run.windows[0].start_ns) / 1e9 <= 200
    assert len(_measured(run)) >= 12
    assert run.status == "complete"


def test_max_time_alone_bounds_the_planned_windows(model_file):
    (run,) = _bench(model_file, max_time_s=60.0)
    assert len(_measured(run)) == 3
    assert (run.windows[-1].end_ns - run.windows[0].start_ns) / 1e9 <= 60
    assert "run.max_time" in _codes(run)


@pytest.mark.parametrize("max_time_s", [51.0, 53.7, 75.0, 120.0, 200.0])
@pytest.mark.parametrize("options", [{}, {"settle_s": "200"}])
def test_two_artifacts_end_in_time_whatever_their_warm_up_takes(model_file, options, max_time_s):
    other = model_file.with_name("other.tflite")
    other.write_bytes(model_file.read_bytes() + bytes(1000))
    told = Told()
    run, _ = _bench(model_file, options, told, artifacts=(model_file, other), until_rel=1e-6, max_time_s=max_time_s)
    assert (run.windows[-1].end_ns - run.windows[0].start_ns) / 1e9 <= max_time_s
    assert _measured(run)
    assert "run.overrun" not in [note.code for note in told.notes]


@pytest.mark.slow
def test_a_time_in_which_nothing_can_be_measured_is_refused_with_one_that_can(run_edgekit, model_file):
    asked = ["bench", model_file, "--device", "sim", "--until", "2%"]
    refused = run_edgekit("--json", *asked, "--max-time", "20s")
    error = refused.json()["data"]
    assert (refused.returncode, error["code"]) == (2, "bench.max_time")
    assert "less than the 36 s" in error["what"]
    command = shlex.split(error["do"][0]["command"])
    assert command[-2:] == ["--max-time", "36s"]
    done = run_edgekit("--json", *command[1:])
    assert done.returncode == 0, done.stderr
    assert [window["phase"] for window in done.json()["data"]["runs"][0]["windows"]].count("measure") == 1
    quick = shlex.split(error["do"][1]["command"])
    assert run_edgekit(*quick[1:]).returncode == 0


def test_inferences_too_slow_for_the_time_are_known_before_the_first_round(model_file):
    planned = plan(BenchRequest(artifacts=(model_file,), max_time_s=60.0), kind="local")
    require_round(planned, [0.9], elapsed_s=13.0)
    with pytest.raises(UsageError, match="too short for one round"):
        require_round(planned, [9.0], elapsed_s=13.0)


def test_a_run_is_quick_by_what_it_measured(model_file):
    (short,) = _bench(model_file, until_rel=0.02, window_s=1.0)
    assert (len(_measured(short)), short.plan.quick) == (5, True)
    assert "quick: 5 windows of 1 s instead of 10 windows of 10 s" in [note.text for note in short.analysis.notes]
    (cut,) = _bench(model_file, max_time_s=60.0)
    assert (len(_measured(cut)), cut.plan.quick) == (3, True)
    (enough,) = _bench(model_file, quick=True, windows=11, window_s=10.0)
    assert not enough.plan.quick
    (paced,) = _bench(model_file, quick=True, rate_hz=10 / 60)
    assert paced.plan.quick, "three windows of ten inferences each, however long these take"
    assert "quick: 3 windows of 60 s instead of 10 windows of 60 s" in [note.text for note in paced.analysis.notes]


def test_on_a_gpu_a_quick_run_is_held_against_windows_of_a_minute(model_file):
    (run,) = _bench(model_file, quick=True)
    gpu = replace(run, device=replace(run.device, kind="cuda"))
    assert how_quick(gpu) == "3 windows of 2 s instead of 10 windows of 60 s"


def test_the_estimate_is_shown_between_windows(model_file):
    told = Told()
    _bench(model_file, {"spread": "0.02"}, told, windows=5)
    measured = [text for text in told.texts if text.startswith("measure")]
    assert [text.split(" · ")[0] for text in measured] == [f"measure {n} of 5 for 10 s" for n in range(1, 6)]
    assert " · " not in measured[0]
    assert measured[1].split(" · ")[1].endswith("µJ, no interval yet"), "one window has no spread"
    assert "µJ ± " in measured[4]
    assert told.texts[-1].startswith("5 windows · 6")


def test_idle_is_measured_between_rounds_and_not_by_a_quick_plan(model_file):
    (run,) = _bench(model_file)
    assert [window.duration_s for window in run.windows if window.phase == "idle"] == pytest.approx([10, 2, 2, 2, 10])
    assert [window.index for window in run.windows if window.phase == "idle"] == [0, 1, 2, 3, 4]
    (quick,) = _bench(model_file, quick=True, windows=7)
    assert [window.phase for window in quick.windows].count("idle") == 2
    (asked,) = _bench(model_file, quick=True, windows=7, idle_between_s=1.0)
    assert [window.phase for window in asked.windows].count("idle") == 4
    (never,) = _bench(model_file, idle_between_s=0.0)
    assert [window.phase for window in never.windows].count("idle") == 2


def test_windows_meet_a_slow_sensor_at_random_phases(model_file):
    device = SimDevice(DeviceSpec(name="sim", kind="sim"))
    spec = SimMeter(plant=device.plant, clock=device.clock).spec()
    planned = plan(BenchRequest(artifacts=(model_file,)), kind="local")

    def updating(period_s):
        return replace(spec, channels=(replace(spec.channels[0], update_period_s=period_s),))

    assert with_sensors(planned, [updating(None)]) == planned
    assert with_sensors(planned, [updating(0.001)]) == planned
    slow = with_sensors(planned, [updating(0.001), updating(0.1)]).run
    assert slow.dephase_s == 0.1
    drawn = [wait for wait, _ in zip(waits(slow), range(200), strict=False)]
    assert drawn == [wait for wait, _ in zip(waits(slow), range(200), strict=False)], "the same seed waits the same"
    assert 0 <= min(drawn) < 0.01 < 0.09 < max(drawn) < 0.1
    other = [wait for wait, _ in zip(waits(replace(slow, seed=1)), range(200), strict=False)]
    assert other != drawn


@pytest.mark.slow
def test_options_reach_the_record_and_the_document(run_edgekit, model_file):
    asked = ["--until", "5%", "--max-time", "10m", "--idle-between", "1"]
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", "--runs", "runs", *asked)
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["data"]["runs"][0]
    assert (run["plan"]["until_rel"], run["plan"]["max_time_s"], run["plan"]["idle_between_s"]) == (0.05, 600.0, 1.0)
    assert "run.until" in [note["code"] for note in run["notes"]]
    plain = run_edgekit("--style", "plain", "bench", model_file, "--device", "sim", "--runs", "runs", *asked)
    assert "note: stopped after 5 windows: interval within 5 %" in plain.stderr
    assert "5 windows · 650 µJ ± less than 0.01 %" in plain.stderr


@pytest.mark.parametrize(("text", "value"), [("2%", 0.02), ("0.02", 0.02), (" 1.5 % ", 0.015), ("5e-3", 0.005), (".5%", 0.005)])
def test_shares_are_read(text, value):
    assert share(text, "--until") == pytest.approx(value)


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("600s", 600), ("10m", 600), ("1.5 h", 5400), ("1h30m", 5400), ("2min", 120)])
def test_times_are_read(text, value):
    assert seconds(text, "--max-time") == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "two", "2%%", "-1", "nan", "1 year", "1h30", "5 6", "m"])
def test_what_cannot_be_read_is_refused(text):
    for read in (share, seconds):
        with pytest.raises(UsageError) as caught:
            read(text, "--until")
        assert caught.value.code == "bench.amount"


def test_per_cent_without_a_sign_are_not_taken_for_a_factor():
    with pytest.raises(UsageError) as caught:
        share("2", "--until")
    assert "write 2%" in caught.value.why


def test_shares_out_of_range_are_told_as_they_are_written(model_file):
    with pytest.raises(UsageError) as caught:
        plan(BenchRequest(artifacts=(model_file,), until_rel=0.0), kind="sim")
    assert (caught.value.what, caught.value.why) == ("--until 0% is too small", "it must be at least 0.0001%")
    with pytest.raises(UsageError) as none:
        rate("0/s", "--rate")
    assert "above zero" in none.value.why


@pytest.mark.parametrize(("option", "value"), [("--until", "0"), ("--until", "200%"), ("--max-time", "0"), ("--idle-between", "-1")])
def test_amounts_out_of_range_are_refused(run_edgekit, model_file, option, value):
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", f"{option}={value}")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "bench.timing")
