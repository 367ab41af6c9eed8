"""Energy counters that go wrong while a benchmark runs, through the front door on an emulated powercap tree."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from tests.faults.scene import (
    assert_repeatable,
    assert_true,
    benchmark,
    channel,
    edgekit,
    holding,
    measured,
    sound,
    steady,
    unused,
    used,
    wait_for,
)

pytestmark = pytest.mark.slow

RAILS = {
    "rapl.psys": "psys",
    "rapl.package-0": "package",
    "rapl.package-0.core": "core",
    "rapl.package-0.uncore": "uncore",
    "rapl.package-0.dram": "dram",
}
PSYS, PACKAGE, CORE, UNCORE, DRAM = (f"*/intel-rapl:{place}/energy_uj" for place in ("1", "0", "0:0", "0:1", "0:2"))


def test_each_counter_goes_wrong_in_its_own_way_and_only_its_own_windows_suffer(tiny, tmp_path):
    with benchmark(steady("laptop"), tiny, tmp_path, "rapl", options=()) as bench:
        reset_ns = bench.after(1)
        bench.fault(CORE, "reset", reset_ns)
        torn_ns = bench.after(2)
        bench.fault(UNCORE, "torn", torn_ns, 0.05)
        bench.fault(PSYS, "empty", torn_ns, 0.05)
        bench.fault(PACKAGE, "nan", torn_ns, 0.05)
        lost_ns = bench.after(3)
        bench.fault(DRAM, "ENODEV", lost_ns)
        told = bench.end()
    assert told.returncode == 0, told.stderr
    record = told.record
    assert record.status == "complete"
    assert unused(record, "rapl.package-0.core") == holding(record, reset_ns) != []
    assert "the counter was reset inside the window" in str(channel(record, "rapl.package-0.core").energy_j_per_inference.notes)
    assert [unused(record, name) for name in ("rapl.psys", "rapl.package-0", "rapl.package-0.uncore")] == [[], [], []]
    assert used(record, "rapl.package-0.dram") == sound(record, 0, 1, 2)
    for name, rail in RAILS.items():
        assert_true(told, name, rail)
    assert_repeatable(told)
    for said in (
        "reading(s) of rapl.package-0.uncore could not be used: ValueError: torn read",
        "reading(s) of rapl.psys could not be used: ValueError: empty read",
        "reading(s) of rapl.package-0 could not be used: ValueError: invalid literal",
        "channel rapl.package-0.dram could not be read any more: OSError: [Errno 19] No such device\n  do   `edgekit meters --all`",
    ):
        assert said in told.stderr
    assert told.stderr.count("No such device") == 1


@pytest.mark.parametrize("kind", ["EACCES", "ENODEV"], ids=["permission lost", "driver unloaded"])
def test_when_every_counter_is_lost_the_run_ends_and_keeps_the_windows_before(tiny, tmp_path, kind):
    with benchmark(steady("laptop"), tiny, tmp_path, "rapl", plan={"--windows": "60"}) as bench:
        locked_ns = bench.after(1)  # a mode that changes matters to who opens the file anew, not to who holds it open
        bench.fault("*/energy_uj", "forbidden", locked_ns)
        lost_ns = bench.after(3)
        bench.fault("*/energy_uj", kind, lost_ns)
        told = bench.end(30)  # sixty windows would take as long
    assert told.returncode == 4, told.stderr
    record, error = told.record, told.document["data"]
    assert error["code"] == "meter.lost"
    assert error["details"]["runs"] == [record.id]
    kept = next(step for step in error["do"] if "--reanalyse" in step["command"])
    assert kept["advice"] == f"{len(measured(record))} measured windows are kept; analyse what is there:"
    assert record.id in kept["command"]
    assert record.status == "failed"
    assert "meter.lost" in told.codes
    for name, rail in RAILS.items():
        assert used(record, name) == sound(record, 0, 1, 2)
        assert_true(told, name, rail)
    assert_repeatable(told)


def test_a_partial_record_is_called_one_wherever_it_is_used(tiny, tmp_path):
    with benchmark(steady("laptop"), tiny, tmp_path, "rapl", plan={"--windows": "60"}) as bench:
        bench.fault("*/energy_uj", "EIO", bench.after(3))
        cut = bench.end()
    assert cut.returncode == 4, cut.stderr
    whole = edgekit("--json", "bench", tiny, "--device", "sim", "--runs", tmp_path / "others", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    both = [next((tmp_path / "others").glob("*-tiny*")), cut.runs / cut.record.id]
    compared = edgekit("compare", *both, cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    assert "failed, quick" in " ".join((compared.stdout + compared.stderr).split())
    row = json.loads(edgekit("--json", "compare", *both, cwd=tmp_path).stdout)["data"]["rows"][0]
    assert "failed" in row["flaws"]
    report = edgekit("--json", "report", *both, cwd=tmp_path)
    notes = json.loads(report.stdout)["data"]["decision"]["notes"]
    (note,) = [note for note in notes if note["code"] == "run.interrupted"]
    assert note["text"].startswith("1 of 2 runs was cut short")
    assert f"{cut.record.id} (failed)" in note["text"]


def test_counters_that_wrap_every_quarter_of_a_second_lose_nothing(tiny, tmp_path):
    spec = steady("laptop")
    spec["powercap"] |= {"unit_nj": 20, "tick_s": 0.001}  # 86 J to the wrap
    spec["rails"]["package"]["loads"] = [{"kind": "constant", "power_w": 340.0}]
    with benchmark(spec, tiny, tmp_path, "rapl", plan={"--cooldown": "0.05"}) as bench:
        told = bench.end()
    assert told.returncode == 0, told.stderr
    record = told.record
    wraps = told.plant.energy_j("package", measured(record)[0].start_ns, measured(record)[-1].end_ns) / 86
    assert wraps > 5
    for name in ("rapl.psys", "rapl.package-0"):
        assert len(used(record, name)) >= 3, "a window in which the sampler came too late to tell one wrap from two is left out"
        assert_true(told, name, RAILS[name])


def test_a_sampler_that_a_busy_machine_keeps_waiting_costs_the_windows_at_whose_edges_it_was_away(tiny, tmp_path):
    with benchmark(steady("laptop"), tiny, tmp_path, "rapl", plan={"--windows": "6"}) as bench:
        middle_ns = bench.after(2)
        sampler = bench.sampler()
        wait_for(middle_ns)
        os.kill(sampler, signal.SIGSTOP)
        time.sleep(0.45)  # over the end of the third window, or the beginning of the fourth
        os.kill(sampler, signal.SIGCONT)
        told = bench.end()
    assert told.returncode == 0, told.stderr
    record = told.record
    touched = [window for window in measured(record) if window.invalid]
    assert 1 <= len(touched) <= 3
    assert all("the sampler was kept waiting for" in str(window.invalid) for window in touched)
    assert "sampler.starved" in [note["code"] for note in told.document["notes"]]
    for name, rail in RAILS.items():
        assert len(used(record, name)) == 6 - len(touched)
        assert_true(told, name, rail)
