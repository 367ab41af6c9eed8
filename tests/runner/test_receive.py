"""The script that takes files on a machine: whole or not at all, wherever it was cut off."""

from __future__ import annotations

import fcntl
import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgekit.runner import receive
from tests.processes import wait_until

SOURCE = Path(receive.__file__).read_text()
DATA = random.Random(1).randbytes(3 * receive.PIECE + 17)
SHA = hashlib.sha256(DATA).hexdigest()


def ask(what: str, path: Path, *more: str, stdin: bytes = b"", sha: str = SHA) -> Any:
    words = [sys.executable, "-c", SOURCE, what, str(path), str(len(DATA)), sha, *more]
    return json.loads(subprocess.run(words, input=stdin, capture_output=True, check=True).stdout)


def test_a_file_that_is_cut_off_again_and_again_arrives_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "a file"
    have, tries = 0, 0
    while not (state := ask("check", path))["there"]:
        assert state["have"] == have
        assert state["free"] > 0
        answer = ask("take", path, str(have), stdin=DATA[have : have + receive.PIECE + 5])
        have = len(DATA) if answer["there"] else answer["have"]
        tries += 1
    assert tries == 4
    assert path.read_bytes() == DATA
    assert [item.name for item in path.parent.iterdir()] == ["a file"]


def test_bytes_of_an_earlier_try_beyond_the_offset_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(DATA[:100] + b"x" * 50)
    assert ask("take", tmp_path / "f", "100", stdin=DATA[100:]) == {"there": True}
    assert (tmp_path / "f").read_bytes() == DATA


def test_fewer_bytes_than_the_sender_thinks_are_told(tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(DATA[:10])
    assert ask("take", tmp_path / "f", "100", stdin=DATA[100:]) == {"there": False, "have": 10}


def _holds(pid: int, path: Path) -> bool:
    try:
        return any(item.samefile(path) for item in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # one of them was closed meanwhile
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at open files in /proc")
def test_a_file_that_another_sender_completes_meanwhile_is_not_written_again_under_its_users(tmp_path: Path) -> None:
    path, part = tmp_path / "f", tmp_path / "f.part"
    with part.open("wb") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        words = [sys.executable, "-c", SOURCE, "take", str(path), str(len(DATA)), SHA, "0"]
        second = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        wait_until(lambda: _holds(second.pid, part), "the other one at the lock")
        first.write(DATA)
        first.flush()
        part.rename(path)
    before_ns = path.stat().st_mtime_ns
    answer, _ = second.communicate(DATA)
    assert json.loads(answer) == {"there": False, "have": 0}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (DATA, before_ns)
    assert ask("check", path) == {"there": True}


def test_a_file_with_another_hash_never_gets_its_name(tmp_path: Path) -> None:
    assert ask("take", tmp_path / "f", "0", stdin=b"x" * len(DATA)) == {"there": False, "have": 0}
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "f").write_bytes(b"y" * len(DATA))
    assert ask("check", tmp_path / "f")["there"] is False


@pytest.mark.parametrize("make", [lambda path: path.parent.write_text("a file in the way"), lambda path: path.mkdir(parents=True)])
def test_what_is_in_the_way_is_told_and_stays(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "folder" / "f"
    make(path)
    assert ask("check", path)["error"] == "failed"
