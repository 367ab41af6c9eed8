"""The process that keeps a machine for one host: its lock, and the end of what was started there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekit.runner.keep import Keeper
from edgekit.runner.wire import Refusal

HOLDER = {"user": "ann", "host": "desk", "pid": 7, "since": "2026-01-01T00:00:00Z"}


def held(path: Path, holder: dict[str, object] | None = None, **more: object) -> Keeper:
    keeper = Keeper()
    keeper.hold({"lock": str(path), "holder": holder or HOLDER, **more})
    return keeper


def test_a_lock_names_its_holder_and_is_free_when_that_one_has_closed(tmp_path: Path) -> None:
    first = held(tmp_path / "lock")
    with pytest.raises(Refusal) as caught:
        held(tmp_path / "lock", {**HOLDER, "user": "bob"})
    assert caught.value.error["code"] == "device.busy"
    assert caught.value.error["why"] == "ann on desk since 2026-01-01T00:00:00Z (process 7 there)"
    first.close()
    held(tmp_path / "lock", {**HOLDER, "user": "bob"}).close()
    assert json.loads((tmp_path / "lock").read_text())["user"] == "bob"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"user": 1}', "\xff\xfe", '{"user": "a", "host": "b", "since": "c"}'])
def test_a_holder_that_wrote_nonsense_still_holds(tmp_path: Path, text: str) -> None:
    first = held(tmp_path / "lock")
    (tmp_path / "lock").write_text(text)
    with pytest.raises(Refusal) as caught:
        held(tmp_path / "lock")
    assert caught.value.error["why"] == "its holder left no name"
    first.close()


def test_what_a_holder_wrote_cannot_play_with_a_terminal(tmp_path: Path) -> None:
    first = held(tmp_path / "lock", {**HOLDER, "user": "\x1b[31mann\n" + "x" * 5000})
    with pytest.raises(Refusal) as caught:
        held(tmp_path / "lock")
    why = str(caught.value.error["why"])
    assert why.isprintable()
    assert len(why) <= 200
    first.close()


def test_a_lock_that_is_a_link_or_a_pipe_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "no/folder"):
        with pytest.raises(Refusal) as caught:
            held(tmp_path / name)
        assert caught.value.error["code"] == "device.lock"
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_host_that_falls_silent_counts_as_gone_and_a_beat_says_that_it_is_there(tmp_path: Path) -> None:
    now = [0.0]
    keeper = Keeper(clock=lambda: now[0])
    assert keeper.tick() is None, "nothing is held yet"
    keeper.hold({"lock": str(tmp_path / "lock"), "holder": HOLDER, "silence_s": 60})
    now[0] = 50.0
    assert keeper.tick() == pytest.approx(10)
    keeper.beat({})
    now[0] = 100.0
    assert keeper.tick() == pytest.approx(10)
    now[0] = 110.5
    with pytest.raises(EOFError):
        keeper.tick()
    keeper.close()


def test_processes_that_do_not_end_by_themselves_are_ended_with_their_children(tmp_path: Path) -> None:
    stubborn = "import signal, subprocess; signal.signal(signal.SIGTERM, signal.SIG_IGN); subprocess.run(['sleep', '60'])"
    child = subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True)
    while not (family := Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()):
        time.sleep(0.01)
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    keeper = Keeper(clock=lambda: now[0], sleep=sleep)
    keeper.watch({"pid": child.pid})
    keeper.watch({"pid": 2**22 - 1})  # long gone
    keeper.close()
    assert child.wait(10) < 0
    for _ in range(200):
        if not Path(f"/proc/{family[0]}").exists() or ") Z " in Path(f"/proc/{family[0]}/stat").read_text():
            return
        time.sleep(0.05)
    raise AssertionError("its child lives on")
