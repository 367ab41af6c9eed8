"""Do the jobs of many conversions in one process: loading TensorFlow takes longer than converting a small model.

The jobs, their answers and all that the parent does with them are those of real workers; only the processes are fewer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Timer
from typing import Any

from edgekit.converters.process import Children, Ended, OnEvent
from edgekit.converters.source import recognise
from edgekit.converters.workshop import Workshop
from edgekit.core.errors import EdgekitError
from edgekit.flows.convert import ConvertRequest, ConvertResult, conduct, plan
from tests.conftest import clean_environment
from tests.fakes import QuietProgress

SERVE = """
import json, os, sys, traceback
from edgekit.converters import worker
from edgekit.converters.explain import explain
from edgekit.converters.process import describe
from edgekit.core.errors import EdgekitError

reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
os.environ.update(worker._QUIET)

def say(event):
    reply.write(json.dumps(event, allow_nan=False) + "\\n")
    reply.flush()

for line in sys.stdin:
    job = json.loads(line)
    try:
        say({"result": worker._task(job.pop("task"))(job, lambda stage: say({"stage": stage}))})
    except EdgekitError as error:
        say({"error": describe(error)})
    except Exception as error:
        traceback.print_exc()
        say({"error": describe(explain(error, job))})
    say({"done": True})
os._exit(0)
"""


PATIENCE_S = 120.0  # for one job


@contextmanager
def _ended_after(seconds: float, server: subprocess.Popen[str]) -> Iterator[None]:
    """Kill the process of a job that hangs."""
    timer = Timer(seconds, server.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class FewProcesses(Children):
    """Send each job to a process that has done others before it: one that loads TensorFlow, one that loads Keras on PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self._servers: dict[str, subprocess.Popen[str]] = {}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._one_at_a_time = Lock()

    def run(self, command: Sequence[str], *, job: Mapping[str, Any] | None = None, on_event: OnEvent, on_process: Any = None) -> Ended:
        assert job is not None
        with self._one_at_a_time:
            route = str(job.get("route", ""))
            server = self._servers.get(route) or self._serve(route)
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps(job) + "\n")
            server.stdin.flush()
            with _ended_after(PATIENCE_S, server):
                for line in server.stdout:
                    event = json.loads(line)
                    if "done" in event:
                        return Ended(status=0, tail="")
                    on_event(event)
            del self._servers[route]
            return Ended(status=server.wait(), tail="")

    def close(self) -> None:
        for server in self._servers.values():
            server.kill()
            server.communicate()

    def _serve(self, route: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-c", SERVE]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._servers[route] = subprocess.Popen(command, text=True, stderr=self._log, env=clean_environment(), **pipes)
        return self._servers[route]


def convert_each(requests: Mapping[str, ConvertRequest]) -> dict[str, ConvertResult]:
    """Return what became of each request; raise the first error that concerns a whole request."""
    found = {}
    for name, answer in attempt_each(requests).items():
        if isinstance(answer, EdgekitError):
            raise answer
        found[name] = answer
    return found


def attempt_each(requests: Mapping[str, ConvertRequest]) -> dict[str, ConvertResult | EdgekitError]:
    """Return what became of each request, or why nothing did."""
    children = FewProcesses()
    found: dict[str, ConvertResult | EdgekitError] = {}
    try:
        with ThreadPoolExecutor(1) as pool, tempfile.TemporaryDirectory() as folder:
            for name, request in requests.items():
                work = Path(folder) / name
                work.mkdir()
                request.out.mkdir(parents=True, exist_ok=True)
                try:
                    found[name] = _convert(request, work, children, pool)
                except EdgekitError as error:
                    found[name] = error
    finally:
        children.close()
    return found


def _convert(request: ConvertRequest, work: Path, children: Children, pool: ThreadPoolExecutor) -> ConvertResult:
    source = recognise(request.model, allow_unsafe=request.settings.allow_unsafe)
    planned = plan(request, source.format)
    shop = Workshop(source=source, folder=work, children=children, pool=pool, progress=QuietProgress(), settings=planned.settings)
    return conduct(request, planned, shop)
