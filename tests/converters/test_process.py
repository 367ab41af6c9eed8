from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgekit.converters.process import Children, describe, rebuild, run_worker
from edgekit.core.errors import ModelError, SetupError, UsageError, missing_extra


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_events_are_heard_and_noise_is_dropped() -> None:
    heard: list[Any] = []
    code = 'import sys; job = sys.stdin.readline().strip(); print("Saved artifact at /x"); print(\'{"got": \' + job + "}"); print("[1]")'
    with Children() as children:
        ended = children.run(python(code), job={"a": 1}, on_event=heard.append)
    assert heard == [{"got": {"a": 1}}]
    assert not ended.crashed


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "memory"),
        ("raise ValueError('no such layer')", "status 1: ValueError: no such layer"),
    ],
)
def test_how_a_child_ended_is_said_in_words(code: str, cause: str) -> None:
    with Children() as children:
        ended = children.run(python(code), on_event=lambda _: None)
    assert ended.crashed
    assert cause in ended.cause()


def test_the_job_waits_until_the_watcher_is_ready() -> None:
    order: list[str] = []

    @contextmanager
    def watch(pid: int) -> Any:
        order.append("ready" if pid else "")
        yield
        order.append("done")

    code = "import sys; sys.stdin.readline(); print('{\"event\": 1}')"
    with Children() as children:
        children.run(python(code), job={}, on_event=lambda _: order.append("event"), on_process=watch)
    assert order == ["ready", "event", "done"]


def test_leaving_ends_a_child_that_would_not_end_and_starts_no_other(tmp_path: Path) -> None:
    started = threading.Event()
    pids: list[int] = []
    ended: list[Any] = []

    def hear(event: dict[str, Any]) -> None:
        pids.append(event["pid"])
        started.set()

    code = "import os, time; print('{\"pid\": %d}' % os.getpid(), flush=True); time.sleep(600)"
    with Children() as children:
        thread = threading.Thread(target=lambda: ended.append(children.run(python(code), on_event=hear)))
        thread.start()
        assert started.wait(30)
    thread.join(30)
    assert ended[0].crashed
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    with pytest.raises(KeyboardInterrupt):
        children.run(python(""), on_event=lambda _: None)


def test_a_worker_whose_parent_is_killed_takes_what_it_started_with_it() -> None:
    code = (
        "import subprocess, sys; from edgekit.converters.worker import _end_with_parent;"
        "subprocess.Popen([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(60)'], stdin=subprocess.DEVNULL);"
        "_end_with_parent()"
    )
    with subprocess.Popen(python(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as worker:
        assert worker.stdin
        assert worker.stdout
        assert worker.stdout.readline() == b"1\n"
        begun = time.monotonic()
        worker.stdin.close()
        assert worker.stdout.read() == b"", "read until nobody holds the pipe any more"
        assert time.monotonic() - begun < 30
    assert worker.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "error",
    [
        ModelError("a", code="model.b", why="c", do=[("d", "e")], data={"f": 1}),
        UsageError("a", code="b"),
        missing_extra("tensorflow", "convert", "this"),
    ],
)
def test_an_error_crosses_the_process_boundary_unchanged(error: Any) -> None:
    again = rebuild(describe(error))
    assert (type(again), describe(again)) == (type(error), describe(error))


def test_a_worker_answers_with_the_error_of_its_job(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"this is not a protobuf")
    job = {"task": "inspect", "format": "onnx", "source": str(tmp_path / "m.onnx"), "what": "reading m.onnx"}
    stages: list[str] = []
    with Children() as children, pytest.raises(ModelError) as caught:
        run_worker(children, job, on_stage=stages.append, what="reading m.onnx")
    assert caught.value.what == "reading m.onnx failed"
    assert stages == ["loading"]


def test_a_full_temporary_disk_is_a_matter_of_set_up() -> None:
    import errno

    from edgekit.converters.explain import explain

    error = explain(OSError(errno.ENOSPC, "No space left on device"), {"what": "recipe int8.onnx"})
    assert isinstance(error, SetupError)
    assert error.code == "output.disk_full"


def test_what_tensorflow_wraps_around_a_message_is_taken_off() -> None:
    from edgekit.converters.explain import explain

    place = 'in user code:\n\n    File "x.py", line 1\n        raise e\n\n'
    words = "    ValueError: Exception encountered when calling D.call().\n    \n    \x1b[1mno such shape\x1b[0m"
    error = explain(ValueError(place + words), {})
    assert error.why == "ValueError: no such shape"
