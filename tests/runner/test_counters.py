"""Counters as such: the list of them, processor time, and who says that a counter is only an imitation."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgekit.runner import counters
from edgekit.runner.counters import cputime
from tests.runner import trees
from tests.runner.talk import runner


def test_cpu_time_is_that_of_the_process_and_all_its_threads() -> None:
    counter = cputime.start({}, [os.getpid()])
    if not counter.readers:
        pytest.skip("no CPU clocks of other processes on this system")
    ((_, read),) = counter.readers
    before, started = read(), time.process_time_ns()
    while time.process_time_ns() - started < 30_000_000:
        pass
    spent = read() - before
    assert 29_000_000 <= spent <= 200_000_000


def test_cpu_time_from_proc_counts_user_and_system_ticks(tmp_path: Path) -> None:
    stat = "(a name) with) S 1 1 1 0 -1 4194304 5 0 0 0 {user} {system} 7 7 20 0 1 0 100 0 0"
    for pid, user, system in ((os.getpid(), 0, 0), (77, 120, 30), (78, 1, 2)):
        trees.write(tmp_path, {f"{pid}/stat": f"{pid} " + stat.format(user=user, system=system)})
    roots = {"proc": str(tmp_path)}
    tick_ns = 10**9 // os.sysconf("SC_CLK_TCK")
    assert counters.probe("cputime", roots)["channels"][0]["quantum"] == tick_ns
    counter = cputime.start(roots, [77, 78])
    assert counter.readers[0][1]() == 153 * tick_ns


def test_cpu_time_of_an_ended_process_stays_what_it_was(tmp_path: Path) -> None:
    row = "77 (x) S 1 1 1 0 -1 0 0 0 0 0 {} 0 0 0 20 0 1 0 1 0 0"
    trees.write(tmp_path, {"77/stat": row.format(5)})
    ((_, read),) = cputime.start({"proc": str(tmp_path)}, [77]).readers
    alive = read()
    (tmp_path / "77" / "stat").unlink()
    assert read() == alive > 0


def test_cpu_time_without_proc_is_unusable_and_says_why(tmp_path: Path) -> None:
    found = counters.probe("cputime", {"proc": str(tmp_path)})
    assert not found["usable"]
    assert str(tmp_path) in found["why"]


def test_an_unknown_counter_is_unusable_and_lists_the_known() -> None:
    found = counters.probe("ina219", {})
    assert not found["usable"]
    assert "rapl, nvml, jetson, pmic, hwmon, cputime" in found["detail"]


def test_a_replaced_root_is_an_imitation_and_an_option_is_none(tmp_path: Path) -> None:
    found = counters.probe("rapl", {"powercap": str(trees.powercap(tmp_path / "powercap", trees.LAPTOP))})
    assert found["emulated"] is True
    assert counters.imitated({"sys": "/elsewhere"})
    if not os.environ.get("EDGEKIT_EMULATED"):
        assert not counters.imitated({"gpus": "all", "hwmon_boundary": "module"})


def test_the_environment_can_say_that_everything_is_emulated(tmp_path: Path) -> None:
    with runner("infer", tmp_path, env={"EDGEKIT_EMULATED": "1"}) as talk:
        assert talk.ask("probe", counters=["cputime"])["counters"]["cputime"]["emulated"] is True
    with runner("infer", tmp_path, env={"EDGEKIT_EMULATED": ""}) as talk:
        assert "emulated" not in talk.ask("probe", counters=["cputime"])["counters"]["cputime"]
