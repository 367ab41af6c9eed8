"""Start child processes that speak JSON lines, so that a converter may crash, print or leak without harm to edgekit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from edgekit.converters.limits import Limits, watched
from edgekit.core import errors
from edgekit.core.errors import EdgekitError, ModelError

WORKER = (sys.executable, "-P", "-m", "edgekit.converters.worker")
_TAIL_BYTES = 20_000  # a traceback through Keras and TensorFlow is long

OnProcess = Callable[[int], AbstractContextManager[None]]
OnEvent = Callable[[dict[str, Any]], None]


def unwatched(_pid: int) -> AbstractContextManager[None]:
    """Watch a child process in no way."""
    return contextlib.nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Hold how a child ended: its exit status (negative for a signal), the last words of its stderr, and the limit that it exceeded."""

    status: int
    tail: str
    excess: str | None = None

    @property
    def crashed(self) -> bool:
        """Return True when the child did not end by itself with status 0."""
        return self.status != 0

    def cause(self) -> str:
        """Return why the child ended, in words."""
        if self.excess is not None:
            return self.excess
        if self.status == -signal.SIGKILL:
            return "it was killed, which is what the system does when memory runs out"
        if self.status < 0:
            return f"it was ended by signal {signal.Signals(-self.status).name}"
        last = next((line for line in reversed(self.tail.splitlines()) if line.strip()), "")
        return f"it ended with status {self.status}" + (f": {last.strip()}" if last else "")


class Children:
    """Start children, each within `limits`, and end those still alive when the context is left, whatever the reason."""

    def __init__(self, environment: Mapping[str, str] | None = None, *, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._environment = dict(os.environ if environment is None else environment)
        self._alive: set[subprocess.Popen[str]] = set()
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            alive = tuple(self._alive)
        for child in alive:
            _end(child)

    def run(
        self, command: Sequence[str], *, job: Mapping[str, Any] | None = None, on_event: OnEvent, on_process: OnProcess = unwatched
    ) -> Ended:
        """Run `command`, send it `job` as one line, hand each JSON object it prints to `on_event`; return how it ended.

        stdin stays open while the parent lives, so that a worker sees its parent die. Lines that are not JSON objects are dropped.
        """
        with tempfile.TemporaryFile() as log, self._started(command, log) as child:
            with on_process(child.pid), watched(child.pid, self._limits, end=lambda: _kill(child)) as excess:
                if job is not None:
                    with contextlib.suppress(BrokenPipeError):
                        _stream(child.stdin).write(json.dumps(job) + "\n")
                        _stream(child.stdin).flush()
                for line in _stream(child.stdout):
                    if isinstance(event := _parse(line), dict):
                        on_event(event)
                status = child.wait()
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return Ended(status=status, tail=log.read().decode(errors="replace"), excess=excess.words)

    @contextlib.contextmanager
    def _started(self, command: Sequence[str], log: Any) -> Iterator[subprocess.Popen[str]]:
        with self._lock:
            if self._closed:
                raise KeyboardInterrupt
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches edgekit only, which then ends its children in order
            )
            self._alive.add(child)
        try:
            yield child
        finally:
            _end(child)
            self._alive.discard(child)


def run_worker(children: Children, job: Mapping[str, Any], *, on_stage: Callable[[str], None], what: str) -> dict[str, Any]:
    """Run one job in a worker and return its result; `on_stage` hears the name of each stage as it begins.

    Raises the error that the worker reported, or ModelError "convert.crashed" naming `what` and the stage when the worker died.
    """
    stage = "starting"
    answer: dict[str, Any] = {}

    def hear(event: dict[str, Any]) -> None:
        nonlocal stage
        if "stage" in event:
            stage = str(event["stage"])
            on_stage(stage)
        answer.update(event)

    ended = children.run(WORKER, job=job, on_event=hear)
    if "error" in answer:
        error = rebuild(answer["error"])
        if "log" in error.data:  # it comes from a library, whose traceback went to stderr
            error.data["log"] = ended.tail or error.data["log"]
        raise error
    if ended.crashed or "result" not in answer:
        raise ModelError(
            f"{what} was ended while {stage}" if ended.excess else f"{what} crashed while {stage}",
            code="convert.limit" if ended.excess else "convert.crashed",
            why=ended.cause(),
            do=[("see its own words:", "edgekit convert ... -v"), *_ways_around(str(job.get("recipe", "")))],
            data={"stage": stage, "status": ended.status, "log": ended.tail},
        )
    result: dict[str, Any] = answer["result"]
    return result


def _ways_around(recipe: str) -> list[tuple[str, str]]:
    """Return what to make where a static recipe took its converter down, as recurrent layers did."""
    if not recipe.startswith("int"):
        return []
    other = [("or make int8 in ONNX:", "edgekit convert ... --to onnx -r int8")] if recipe.endswith(".tflite") else []
    return [("or quantize activations as they go:", "edgekit convert ... -r dynamic"), *other]


def describe(error: EdgekitError) -> dict[str, Any]:
    """Return an error as plain data that `rebuild` turns back into the same error."""
    return {
        "class": type(error).__name__,
        "what": error.what,
        "why": error.why,
        "code": error.code,
        "do": [list(pair) for pair in error.do],
        "data": error.data,
    }


def rebuild(data: Mapping[str, Any]) -> EdgekitError:
    """Return the error that `describe` wrote down."""
    kind: type[EdgekitError] = getattr(errors, data["class"])
    return kind(
        data["what"], code=data["code"], why=data["why"], do=[(advice, command) for advice, command in data["do"]], data=data["data"]
    )


def _parse(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _stream(stream: Any) -> Any:
    assert stream is not None, "the pipes of a child are always open"
    return stream


def _kill(child: subprocess.Popen[str]) -> None:
    """End a child and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        _kill(child)
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
