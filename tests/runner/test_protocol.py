"""The runner as the host meets it: a process that answers JSON lines, whatever it is sent."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekit.devices import client
from edgekit.devices.pack import deploy
from edgekit.runner import PROTOCOL
from tests.runner import tiny
from tests.runner.talk import runner

MODES = ("infer", "sample")


@pytest.mark.parametrize("mode", MODES)
def test_hello_names_protocol_process_and_mode(tmp_path: Path, mode: str) -> None:
    with runner(mode, tmp_path) as talk:
        reply = talk.ask("hello", protocol=PROTOCOL)
        assert reply["ok"]
        assert (reply["protocol"], reply["mode"], reply["pid"]) == (PROTOCOL, mode, talk.process.pid)


def test_host_and_runner_agree_on_the_protocol_number() -> None:
    assert client.PROTOCOL == PROTOCOL


def test_another_protocol_is_refused_with_both_numbers_and_the_runner_goes_on(tmp_path: Path) -> None:
    with runner("infer", tmp_path) as talk:
        reply = talk.ask("hello", protocol=PROTOCOL + 1)
        assert not reply["ok"]
        assert reply["error"]["code"] == "protocol.mismatch"
        assert reply["error"]["why"] == f"runner {PROTOCOL}, host {PROTOCOL + 1}"
        assert talk.ask("hello", protocol=PROTOCOL)["ok"]


@pytest.mark.parametrize("line", ["not json", "[1, 2]", "\ufffd\x00", '{"id": 1'])
def test_a_garbage_line_gets_an_answer_and_the_runner_goes_on(tmp_path: Path, line: str) -> None:
    with runner("infer", tmp_path) as talk:
        talk.say(line)
        answer = talk.hear()
        assert answer is not None
        assert (answer["ok"], answer["id"], answer["error"]["code"]) == (False, None, "protocol.garbage")
        assert talk.ask("hello", protocol=PROTOCOL)["ok"]


def test_bytes_that_are_not_utf8_get_an_answer(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-I", str(deploy(tmp_path)), "infer"], input=b'\xff\xfe\n{"id":7,"op":"bye"}\n', capture_output=True, check=True
    )
    assert [b"protocol.garbage" in line for line in child.stdout.splitlines()] == [True, False]


@pytest.mark.parametrize("mode", MODES)
def test_an_unknown_operation_lists_the_known_ones(tmp_path: Path, mode: str) -> None:
    with runner(mode, tmp_path) as talk:
        reply = talk.ask("dance")
        assert reply["error"]["code"] == "protocol.op"
        assert "hello" in reply["error"]["why"]


def test_a_request_without_its_fields_is_answered_not_fatal(tmp_path: Path) -> None:
    with runner("infer", tmp_path) as talk:
        reply = talk.ask("load")
        assert reply["error"]["code"] == "runner.bug"
        assert "KeyError" in reply["error"]["what"]
        assert talk.ask("clock")["ok"]


def test_the_clock_is_this_hosts_own(tmp_path: Path) -> None:
    with runner("infer", tmp_path) as talk:
        before = time.monotonic_ns()
        there = talk.ask("clock")["ns"]
        assert before <= there <= time.monotonic_ns()


@pytest.mark.parametrize("mode", MODES)
def test_bye_ends_the_process_with_status_zero(tmp_path: Path, mode: str) -> None:
    with runner(mode, tmp_path) as talk:
        assert talk.ask("bye")["ok"]
        assert talk.hear() is None
        talk.process.close()
        assert talk.process.returncode == 0


@pytest.mark.parametrize("mode", MODES)
def test_the_end_of_input_ends_the_process(tmp_path: Path, mode: str) -> None:
    child = subprocess.run(
        [sys.executable, "-I", str(deploy(tmp_path)), mode], input=b'{"id":1,"op":"clock"}\n', capture_output=True, timeout=30, check=False
    )
    assert child.returncode == 0
    assert child.stdout.count(b"\n") == 1
    assert child.stderr == b""


def test_a_runner_whose_host_vanishes_ends_in_the_middle_of_a_window(tmp_path: Path) -> None:
    with runner("infer", tmp_path) as talk:
        assert talk.ask("load", artifact=str(tiny.tflite(tmp_path / "m.tflite")))["ok"]
        talk.say('{"id": 9, "op": "run", "seconds": 600, "group_min_ns": 50000}')
        begin = time.monotonic()
        talk.process.close(grace_s=20)
        assert talk.process.returncode == 0
        assert time.monotonic() - begin < 15


def test_a_library_that_prints_cannot_corrupt_the_conversation(tmp_path: Path) -> None:
    noisy = (
        f"import sys; sys.path.insert(0, {str(deploy(tmp_path))!r})\n"
        "import os, runner.main as main, runner.facts as facts\n"
        "def read(roots):\n"
        "    print('hello from a library', flush=True); os.write(1, b'raw bytes'); os.system('echo from a child')\n"
        "    assert not sys.stdin.read()\n"
        "    return {'facts': {}}\n"
        "facts.read = read\n"
        "sys.exit(main.main(['infer']))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", noisy], input=b'{"id":1,"op":"facts"}\n{"id":2,"op":"bye"}\n', capture_output=True, timeout=30, check=True
    )
    assert child.stdout.splitlines() == [b'{"id":1,"ok":true,"facts":{}}', b'{"id":2,"ok":true}']
    for said in (b"hello from a library", b"raw bytes", b"from a child"):
        assert said in child.stderr


@pytest.mark.parametrize("arguments", [[], ["dance"], ["infer", "sample"]])
def test_wrong_arguments_are_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    child = subprocess.run([sys.executable, str(deploy(tmp_path)), *arguments], capture_output=True, text=True, check=False)
    assert (child.returncode, child.stdout) == (2, "")
    assert "usage" in child.stderr
