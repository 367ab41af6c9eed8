"""Do one job in a child process: read it from stdin, do it, answer in JSON lines on what was stdout.

    python -m edgekit.converters.worker

A job names its `task`. Answers: {"stage": words} as each stage begins, then {"result": {...}} or {"error": {...}}.
Whatever libraries print goes to stderr. The worker ends when its parent does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from edgekit.converters.explain import explain
from edgekit.converters.process import describe
from edgekit.core.errors import EdgekitError

Task = Callable[[dict[str, Any], Callable[[str], None]], dict[str, Any]]

_TASKS: Final = {
    "inspect": "hub:inspect",
    "hub": "hub:run",
    "produce": "produce:run",
    "describe": "describe:run",
    "agree": "runtimes.agreement:run",
    "sensitivity": "sensitivity:run",
    "mix": "sensitivity:mix",
}
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "KERAS_BACKEND": "tensorflow",
    "CUDA_VISIBLE_DEVICES": "",
}


def main() -> int:
    """Do the job on stdin; return 0 when it was answered, with a result or with an error."""
    reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.environ.update(_QUIET)
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def say(event: dict[str, Any]) -> None:
        reply.write(json.dumps(event, allow_nan=False) + "\n")
        reply.flush()

    try:
        say({"result": _task(job.pop("task"))(job, lambda stage: say({"stage": stage}))})
    except EdgekitError as error:
        say({"error": describe(error)})
    except Exception as error:
        traceback.print_exc()
        say({"error": describe(explain(error, job))})
    return 0


def _task(name: str) -> Task:
    module, function = _TASKS[name].split(":")
    task: Task = getattr(import_module(f"edgekit.converters.{module}"), function)
    return task


def _end_with_parent() -> None:
    """End this process and what it started, such as a converter in an environment of its own, when the parent's end of stdin closes."""
    while os.read(0, 4096):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # the answer is given; what a library does while it is torn down is nobody's business
