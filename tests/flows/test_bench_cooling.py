"""Cool-downs to a base temperature, on an emulated device that warms by up to 20 degrees while it works."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from edgekit.cli.amounts import temperature
from edgekit.core.errors import UsageError

OPTIONS = ("--windows", "3", "--window", "10", "--idle", "2", "--idle-between", "0")


@pytest.fixture
def bench_hot(run_edgekit, model_file, tmp_path):
    def run(*args, options='temperature_c = "40", warming_c = "20", thermal_s = "20"'):
        (tmp_path / "edgekit.toml").write_text(f'[devices.hot]\nkind = "sim"\naddress = "sim:"\noptions = {{ {options} }}\n')
        done = run_edgekit("--json", "bench", model_file, "--device", "hot", "--runs", "runs", *OPTIONS, *args)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.json()["data"]["runs"][0]

    return run


def _temperatures(run):
    return [window["temperature_c"] for window in run["windows"] if window["phase"] == "measure"]


def test_without_cooling_windows_begin_warmer_and_warmer_and_say_so(bench_hot):
    before = [start for start, _ in _temperatures(bench_hot())]
    assert before == sorted(before)
    assert before[-1] > before[0] + 5


def test_windows_begin_within_the_temperature_of_the_start(bench_hot):
    run = bench_hot("--cool-to", "+2C")
    found, base_c = _temperatures(run), run["facts_before"]["temperature_c"]
    assert 40.0 < base_c < 40.1
    assert all(start <= base_c + 2 for start, _ in found)
    assert all(start > 41.5 for start, _ in found[1:]), "one second of rest is the most that may be too long"
    assert all(end > start + 4 for start, end in found)


def test_windows_begin_at_the_temperature_that_was_named(bench_hot):
    assert all(42.5 < start <= 43.0 for start, _ in _temperatures(bench_hot("--cool-to", "43C"))[1:])


def test_a_temperature_that_is_never_reached_ends_the_wait_and_is_said_once(bench_hot):
    run = bench_hot("--cool-to", "35C", "--cool-at-most", "7s")
    assert len(_temperatures(run)) == 3
    (note,) = [note for note in run["notes"] if note["code"] == "cooldown.cap"]
    assert "after 7 s of cooling, 35.0 C was asked" in note["text"]
    starts = [window["start_ns"] for window in run["windows"] if window["phase"] == "measure"]
    assert all((b - a) / 1e9 == pytest.approx(10 + 1 + 7, abs=0.1) for a, b in pairwise(starts))


def test_cooling_does_not_go_beyond_the_time_that_is_allowed(bench_hot):
    run = bench_hot("--cool-to", "35C", "--cool-at-most", "10m", "--max-time", "60s", "--cold-starts", "0")
    assert (run["windows"][-1]["end_ns"] - run["windows"][0]["start_ns"]) / 1e9 <= 60


def test_where_no_temperature_can_be_read_the_fixed_pause_stays(bench_hot):
    run = bench_hot("--cool-to", "45C", options="")
    assert "cooldown.blind" in [note["code"] for note in run["notes"]]
    assert _temperatures(run) == [None] * 3


@pytest.mark.slow
def test_temperatures_are_shown_and_kept_by_a_new_analysis(run_edgekit, bench_hot, tmp_path):
    run = bench_hot("--cool-to", "+2C")
    path = tmp_path / "runs" / run["id"] / "run.json"
    before = path.read_bytes()
    path.write_text(json.dumps({**json.loads(before), "analysis": None}))
    done = run_edgekit("bench", "--reanalyse", run["id"], "--runs", "runs")
    assert path.read_bytes() == before
    assert "C before windows" in done.stdout


@pytest.mark.parametrize(
    ("text", "meant"), [("45C", (45.0, None)), ("45", (45.0, None)), ("+2.5 °C", (None, 2.5)), ("-5C", (-5.0, None)), ("+0C", (None, 0.0))]
)
def test_temperatures_are_read_the_way_people_write_them(text, meant):
    assert temperature(text, "--cool-to") == meant


@pytest.mark.parametrize("text", ["warm", "45F", "", "+-2C"])
def test_other_temperatures_are_refused(text):
    with pytest.raises(UsageError, match="cannot be read"):
        temperature(text, "--cool-to")
