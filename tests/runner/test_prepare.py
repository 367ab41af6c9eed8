"""A machine that is held still is put back: at the end, when the host goes, when it is killed, and when nobody was left to do it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import wait_until
from tests.runner import trees
from tests.stillness import GOVERNOR, Machine

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="governors and systemd are Linux's")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "machine")
    yield made
    leftovers = [path.name for path in Path("/proc").glob("[0-9]*") if _uses(path.name, str(tmp_path / "cache"))]
    assert leftovers == []


def _uses(pid: str, text: str) -> bool:
    try:
        return text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def apply(talk: Any, machine: Machine, *services: str) -> dict[str, Any]:
    reply: dict[str, Any] = talk.ask("apply", governor="performance", services=list(services), roots=machine.roots)
    return reply


def test_what_was_changed_is_told_and_put_back_when_asked(machine: Machine, tmp_path: Path) -> None:
    with machine.preparing(tmp_path) as talk:
        told = apply(talk, machine, "cron", "bluetooth")["told"]
        assert machine.still
        assert told == [
            "governor ondemand, schedutil set to performance on 2 of its clocks",
            "cron stopped",
            "bluetooth was not running",
        ]
        reply = talk.ask("restore")
        assert (reply["told"], reply["left"]) == (["governor ondemand, schedutil", "cron started"], [])
        assert machine.as_it_was
    assert machine.state.read_text() == ""
    assert machine.mend(tmp_path) == []


def test_a_host_that_goes_away_leaves_the_machine_as_it_was(machine: Machine, tmp_path: Path) -> None:
    with machine.preparing(tmp_path) as talk:
        apply(talk, machine, "cron")
    assert machine.as_it_was


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_kill_ends_it_as_the_end_of_its_input_does(machine: Machine, tmp_path: Path, number: int) -> None:
    with machine.preparing(tmp_path) as talk:
        apply(talk, machine, "cron")
        os.kill(talk.process.pid, number)
        wait_until(lambda: talk.process.returncode is not None, "the end of the process")
        assert machine.as_it_was


def test_what_a_killed_process_left_is_repaired_on_the_next_connection_and_told(machine: Machine, tmp_path: Path) -> None:
    with machine.preparing(tmp_path) as talk:
        apply(talk, machine, "cron")
        assert machine.mend(tmp_path) == [], "a run that is still there is left alone"
        assert machine.still
        os.kill(talk.process.pid, signal.SIGKILL)
        wait_until(lambda: talk.process.returncode is not None, "the end of the process")
    assert machine.still
    (told,) = machine.mend(tmp_path)
    assert "was cut off" in told
    assert "governor ondemand, schedutil; cron started" in told
    assert machine.as_it_was
    assert machine.mend(tmp_path) == []


def test_after_a_restart_governors_are_the_system_s_own_and_services_are_started(machine: Machine, tmp_path: Path) -> None:
    with machine.preparing(tmp_path) as talk:
        apply(talk, machine, "cron")
        os.kill(talk.process.pid, signal.SIGKILL)
        wait_until(lambda: talk.process.returncode is not None, "the end of the process")
    trees.write(machine.folder, {"proc/sys/kernel/random/boot_id": "second"})
    (told,) = machine.mend(tmp_path)
    assert told.endswith("cron started")
    assert machine.governors == ["performance", "performance"], "what holds after a restart is what the system set"


def test_a_governor_that_somebody_else_set_meanwhile_is_theirs(machine: Machine, tmp_path: Path) -> None:
    with machine.preparing(tmp_path) as talk:
        apply(talk, machine)
        trees.write(machine.folder, {GOVERNOR.format(0): "powersave"})
    assert machine.governors == ["powersave", "schedutil"]


def test_a_service_that_may_not_be_stopped_leaves_all_as_it_was_and_says_what_to_paste(machine: Machine, tmp_path: Path) -> None:
    (machine.folder / "bin/refuse").touch()
    with machine.preparing(tmp_path) as talk:
        error = apply(talk, machine, "cron")["error"]
        assert (error["code"], "Access denied" in error["why"] or "sudo" in error["why"]) == ("prepare.refused", True)
        assert any("sudo systemctl stop cron" in command for _, command in error["do"])
        assert machine.as_it_was
        assert "error" not in apply(talk, machine), "and the next try begins anew"


def test_a_governor_that_is_not_offered_is_refused(machine: Machine, tmp_path: Path) -> None:
    trees.write(machine.folder, {GOVERNOR.format(4).replace("scaling_governor", "scaling_available_governors"): "schedutil powersave"})
    with machine.preparing(tmp_path) as talk:
        assert apply(talk, machine)["error"]["code"] == "prepare.governor"
    assert machine.as_it_was


def test_two_runs_do_not_prepare_one_machine(machine: Machine, tmp_path: Path) -> None:
    with machine.preparing(tmp_path) as first, machine.preparing(tmp_path) as second:
        apply(first, machine)
        assert apply(second, machine)["error"]["code"] == "prepare.busy"
    assert machine.as_it_was


@pytest.mark.parametrize("name", ["-H", "a b", "x;reboot", "../x", ""])
def test_what_is_no_name_of_a_service_reaches_no_program(machine: Machine, tmp_path: Path, name: str) -> None:
    with machine.preparing(tmp_path) as talk:
        assert apply(talk, machine, name)["error"]["code"] == "prepare.service"
    assert not (machine.folder / "bin/log").exists()


@pytest.mark.parametrize("text", ["", "{", '{"governors": {"/etc/passwd": "x"}, "wanted": "y"}', '{"services": ["-x", 5]}', "[1]"])
def test_a_damaged_or_foreign_state_file_changes_nothing(machine: Machine, tmp_path: Path, text: str) -> None:
    machine.state.parent.mkdir(parents=True)
    machine.state.write_text(text + "\n")
    assert machine.mend(tmp_path) == []
    assert machine.as_it_was


def test_replaced_folders_keep_the_programs_of_this_machine_out(machine: Machine, tmp_path: Path) -> None:
    with machine.preparing(tmp_path) as talk:
        roots = {name: path for name, path in machine.roots.items() if name != "bin"}
        told = talk.ask("apply", governor="performance", services=["cron"], roots=roots)["told"]
        assert told[-1] == "cron was not running"


def test_the_state_is_on_the_disk_before_anything_is_changed(machine: Machine, tmp_path: Path) -> None:
    with machine.preparing(tmp_path) as talk:
        apply(talk, machine, "cron")
        state = json.loads(machine.state.read_text())
    assert sorted(state["governors"].values()) == ["ondemand", "schedutil"]
    assert (state["services"], state["boot"], state["wanted"]) == (["cron"], "first", "performance")
