"""Load a machine with a square wave whose every edge is known: the question that a sensor's self-test puts to the sensor.

    busy  |^^^^^|     |^^^^^|      period_s apart, busy for the share `duty`, beginning at CLOCK_MONOTONIC = n period_s + phase_s;
    idle  |     |_____|     |___   with `spread` each stretch is longer or shorter by up to that share, drawn with `seed`

On a processor each thread hashes blocks, which needs no lock of the interpreter, and stays on a core of its own; the last core is left to
the process that reads. What counts as busy is the processor time that a thread got, told for every 10 ms. On a GPU one thread multiplies
matrices through torch and waits for them, so that nothing is queued past an edge.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import random
import threading
import time
from typing import Any, Callable, Dict, List, Tuple

from .wire import Message, Refusal

SLICE_NS = 10_000_000  # busy time is told in pieces of this length: other work may take the core away meanwhile
LEAD_NS = 30_000_000  # threads are up this long before the first edge
_BLOCK = bytes(1 << 14)  # hashed in 10 to 800 µs: how late an edge may come
_MATRIX = 2048
_GROUP_NS = 500_000  # work given to a GPU between two looks at the clock
_LONGEST_S, _MOST_EDGES = 600.0, 200_000


class Burner:
    """Drive loads on request; `gone` says whether the host has left."""

    def __init__(self, gone: Callable[[], bool]) -> None:
        self._gone = gone

    def operations(self) -> Dict[str, Callable[[Message], Message]]:
        """Return the operations by name."""
        return {"burn": self.burn}

    def burn(self, request: Message) -> Message:
        """Drive one square wave; return for each thread [from, to, busy for] in ns, and the processor time of all in seconds."""
        seconds, period_s, duty = float(request["seconds"]), float(request["period_s"]), float(request["duty"])
        if not (0 < seconds <= _LONGEST_S and period_s > 0 and seconds / period_s <= _MOST_EDGES and 0 < duty <= 1):
            raise Refusal("burn.wave", "this load cannot be driven", f"{seconds} s with a period of {period_s} s and a duty of {duty}")
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
        work, threads, spent = self._work(request, cores)
        stretches = told(request, seconds) or wave(
            seconds, period_s, duty, float(request.get("spread") or 0.0), int(request.get("seed") or 0)
        )
        period_ns = int(period_s * 1e9)
        start_ns = (time.monotonic_ns() + LEAD_NS) // period_ns * period_ns + period_ns + int(float(request.get("phase_s") or 0.0) * 1e9)
        stop, busy = threading.Event(), [[] for _ in range(threads)]  # type: Tuple[threading.Event, List[List[List[int]]]]
        cpu_ns = time.process_time_ns()
        team = [
            threading.Thread(target=_drive, args=(work, spent, stretches, start_ns, stop, busy[place], cores[place : place + 1]))
            for place in range(threads)
        ]
        for thread in team:
            thread.start()
        try:
            while any(thread.is_alive() for thread in team):
                team[0].join(0.1)
                if self._gone():
                    raise EOFError
        finally:
            stop.set()
            for thread in team:
                thread.join()
        return {"start_ns": start_ns, "busy": busy, "cpu_s": (time.process_time_ns() - cpu_ns) / 1e9}

    def _work(self, request: Message, cores: List[int]) -> Tuple[Callable[[], Any], int, Callable[[], int]]:
        target = request.get("target") or "cpu"
        if target == "cpu":
            wanted = int(request.get("threads") or 0) or len(cores) - 1
            return _hashing, max(1, min(wanted, len(cores))), time.thread_time_ns
        if target == "cuda":
            return multiplying(), 1, time.monotonic_ns
        raise Refusal("burn.target", f"no load is called {target!r}", "known: cpu, cuda")


def told(request: Message, seconds: float) -> List[Tuple[int, int]]:
    """Return the busy stretches that a request names itself, (from, to) in seconds, in ns; none where it names none."""
    stretches = [(float(begin), float(end)) for begin, end in request.get("stretches") or ()]
    edges = [edge for pair in stretches for edge in pair]
    if edges != sorted(edges) or (edges and not 0 <= edges[0] <= edges[-1] <= seconds) or len(edges) > _MOST_EDGES:
        raise Refusal("burn.wave", "this load cannot be driven", f"{len(stretches)} stretches within {seconds} s are not in order")
    return [(int(begin * 1e9), int(end * 1e9)) for begin, end in stretches]


def wave(seconds: float, period_s: float, duty: float, spread: float, seed: int) -> List[Tuple[int, int]]:
    """Return the busy stretches (from, to) in ns after the start; a duty of 1 is one stretch."""
    if duty >= 1:
        return [(0, int(seconds * 1e9))]
    draw = random.Random(seed)  # noqa: S311 -- a load, not a secret
    stretches, t = [], 0.0
    while t < seconds:
        busy, idle = (share * period_s * (1 + spread * draw.uniform(-1, 1)) for share in (duty, 1 - duty))
        stretches.append((int(t * 1e9), int(min(t + busy, seconds) * 1e9)))
        t += busy + idle
    return stretches


def multiplying() -> Callable[[], Any]:
    """Return a function that keeps a GPU busy for half a millisecond; raise Refusal where torch or the GPU is missing."""
    try:
        torch: Any = importlib.import_module("torch")
    except Exception as error:  # a broken installation raises whatever it likes
        raise Refusal("burn.no_torch", "the GPU cannot be loaded", f"torch cannot be imported: {error}") from error
    if not torch.cuda.is_available():
        raise Refusal("burn.no_cuda", "the GPU cannot be loaded", "this torch sees no CUDA device")
    left = torch.ones((_MATRIX, _MATRIX), dtype=torch.float16, device="cuda")
    out = torch.empty_like(left)

    def group(times: int) -> None:
        for _ in range(times):
            torch.mm(left, left, out=out)
        torch.cuda.synchronize()

    times = 1
    for _ in range(12):  # the first rounds also load the kernels and raise the clock
        before = time.monotonic_ns()
        group(times)
        times = max(1, min(64, int(times * _GROUP_NS / max(1, time.monotonic_ns() - before))))
    return lambda: group(times)


def _hashing() -> None:
    hashlib.sha256(_BLOCK)


def _drive(
    work: Callable[[], Any],
    spent: Callable[[], int],
    stretches: List[Tuple[int, int]],
    start_ns: int,
    stop: threading.Event,
    busy: List[List[int]],
    core: List[int],
) -> None:
    if core:
        with contextlib.suppress(AttributeError, OSError):
            os.sched_setaffinity(0, set(core))  # this thread alone
    clock = time.monotonic_ns
    for begin, end in stretches:
        wait_ns = start_ns + begin - clock()
        if wait_ns > 0 and stop.wait(wait_ns / 1e9):
            return
        until = start_ns + end
        began, before = clock(), spent()
        now = began
        while now < until and not stop.is_set():
            work()
            now = clock()
            if now - began >= SLICE_NS or now >= until:
                after = spent()
                busy.append([began, now, min(now - began, after - before)])
                began, before = now, after
