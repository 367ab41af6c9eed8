"""Infer in measured windows: k inferences between two clock reads, everything else after the window."""

from __future__ import annotations

import gc
import itertools
import math
import time
from array import array
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import engines, memory, processing
from .answer import answer
from .engines.delegate import wanted
from .engines.inputs import prepare
from .paced import paced
from .profile import profile
from .wire import Message, Refusal

Loop = Callable[[Sequence[Any]], None]

MAX_GROUPS = 1_000_000  # 8 MB of durations: longer windows get longer groups, so memory stays bounded
GONE_CHECK_NS = 250_000_000
BINS_PER_OCTAVE = 16
RESERVOIR = 256


class Inference:
    """Hold one loaded model and run windows on it."""

    def __init__(self, gone: Callable[[], bool]) -> None:
        self._gone = gone
        self._engine: Any = None
        self._loop: Any = None
        self._inputs: List[Any] = []
        self._batch = 1
        self._group_size = 1

    def operations(self) -> Dict[str, Callable[[Message], Message]]:
        """Return the operations by name."""
        return {"load": self._loading, "run": self._running, "profile": self.profile, "answer": self.answer}

    def tick(self) -> Optional[float]:
        """Return None: nothing is due between requests."""
        return None

    def _loading(self, request: Message) -> Message:
        return memory.told(self.load, request)

    def _running(self, request: Message) -> Message:
        return memory.told(self.run, request, self._batch)

    def load(self, request: Message) -> Message:
        """Load one artifact and infer once; return what was loaded and the cold start in seconds."""
        if self._engine is not None:
            raise Refusal("model.loaded", "this process has a model already", "one process holds one model")
        self._batch = int(request.get("batch") or 1)
        functions = processing.wanted(request)
        threads, delegate = int(request.get("threads") or 1), wanted(request)
        load_start = time.monotonic_ns()
        engine = engines.load(str(request["artifact"]), request.get("engine"), threads, self._batch, delegate, request.get("precision"))
        loaded = time.monotonic_ns()
        self._inputs, origin = self._prepare(engine, request, functions)
        loop = engine.loop if functions is None else processing.processed(engine, functions, self._inputs[0])
        first_start = time.monotonic_ns()
        try:
            loop(self._inputs[:1])
        except Refusal:
            raise
        except Exception as error:  # whatever the engine raises
            raise Refusal("model.refused", "the model loads but does not run", str(error).strip()) from error
        first = time.monotonic_ns()
        if hasattr(engine, "settle"):
            engine.settle()
        self._engine, self._loop = engine, loop
        return {
            **engine.describe(),
            "batch": self._batch,
            "inputs": origin,
            "samples_used": len(self._inputs),
            "load_s": (loaded - load_start) / 1e9,
            "first_inference_s": (first - first_start) / 1e9,
            "load_start_ns": load_start,
            "first_start_ns": first_start,
        }

    def answer(self, request: Message) -> Message:
        """Return what the loaded model makes of one input."""
        if self._engine is None:
            raise Refusal("model.not_loaded", "no model is loaded", "load comes before answer")
        return answer(self._engine, self._inputs, request)

    def _prepare(self, engine: Any, request: Message, functions: Optional[processing.Functions]) -> Tuple[List[Any], str]:
        if functions is None or functions.pre is None:
            return prepare(engine, request.get("samples"), self._batch)
        raw = request.get("raw") or request.get("samples")
        return processing.raw_inputs(raw, engine.inputs, self._batch), "raw" if request.get("raw") else "samples" if raw else "synthetic"

    def profile(self, request: Message) -> Message:
        """Time each operator of one artifact, which is loaded for this alone."""
        if self._engine is not None:
            raise Refusal("model.loaded", "this process has a model already", "a profile takes a process of its own")
        return profile(request, self._gone)

    def run(self, request: Message) -> Message:
        """Infer for at least `seconds` and `min_inferences`, back to back or at `rate_hz`; return the window."""
        if self._engine is None:
            raise Refusal("model.not_loaded", "no model is loaded", "load comes before run")
        seconds = float(request["seconds"])
        loop = self._loop
        if request.get("rate_hz"):
            return self._paced(request, seconds)
        target_ns = max(int(request.get("group_min_ns") or 0), int(seconds * 1e9) // MAX_GROUPS)
        self._group_size = size = group_size(loop, self._inputs, target_ns, self._group_size)
        least_groups = math.ceil(int(request.get("min_inferences") or 0) / (size * self._batch))
        groups = cut(self._inputs, size)
        start_ns, durations, cpu_ns = measure(loop, groups, seconds, least_groups, self._gone)
        total_ns = sum(durations)
        return {
            "start_ns": start_ns,
            "end_ns": start_ns + total_ns,
            "bracket_ns": clock_read_ns(),
            "inferences": len(durations) * size * self._batch,
            "cpu_ns_start": cpu_ns[0],
            "cpu_ns_end": cpu_ns[1],
            "latency": latency(durations, size, total_ns),
        }

    def _paced(self, request: Message, seconds: float) -> Message:
        """Infer once a period, one batch at a time; return the window, whole periods long."""
        period_ns = max(1, round(self._batch / float(request["rate_hz"]) * 1e9))
        count = max(1, math.ceil(seconds * 1e9 / period_ns), math.ceil(int(request.get("min_inferences") or 0) / self._batch))
        kept = paced(self._loop, cut(self._inputs, 1), period_ns, count, int(float(request.get("spin_s") or 0) * 1e9), self._gone)
        busy_ns = sum(kept.durations)
        return {
            "start_ns": kept.start_ns,
            "end_ns": kept.end_ns,
            "bracket_ns": clock_read_ns(),
            "inferences": len(kept.durations) * self._batch,
            "cpu_ns_start": kept.cpu_ns[0],
            "cpu_ns_end": kept.cpu_ns[1],
            "latency": latency(kept.durations, 1, busy_ns),
            "pacing": {
                "period_ns": period_ns,
                "invocations": len(kept.durations),
                "late": kept.late,
                "latest_ns": kept.latest_ns,
                "busy_ns": busy_ns,
            },
        }


def measure(
    loop: Loop, groups: Sequence[Sequence[Any]], seconds: float, least_groups: int, gone: Callable[[], bool]
) -> Tuple[int, Sequence[int], Tuple[int, int]]:
    """Return the start, the duration of each group and the process CPU time at both edges, all in ns. Durations leave no gap."""
    durations = array("q")
    append, clock = durations.append, time.monotonic_ns
    gc.collect()
    gc.disable()
    try:
        cpu_start = time.process_time_ns()
        start = now = clock()
        deadline = start + int(seconds * 1e9)
        checkpoint = min(deadline, start + GONE_CHECK_NS)
        for group in itertools.cycle(groups):
            loop(group)
            before, now = now, clock()
            append(now - before)
            if now >= checkpoint:
                if now >= deadline and len(durations) >= least_groups:
                    break
                if gone():
                    raise EOFError
                checkpoint = now if now >= deadline else min(deadline, now + GONE_CHECK_NS)
        return start, durations, (cpu_start, time.process_time_ns())
    finally:
        gc.enable()


def group_size(loop: Loop, inputs: Sequence[Any], target_ns: int, size: int = 1) -> int:
    """Return how many inferences take at least `target_ns`, judged by the fastest of three groups. A `size` that still fits is kept."""
    fastest = _fastest_ns(loop, inputs, size)
    if size > 1 and fastest > 2 * target_ns:
        size, fastest = 1, _fastest_ns(loop, inputs, 1)
    while fastest < target_ns:
        size = max(size + 1, math.ceil(1.1 * size * target_ns / max(fastest, 1)))
        fastest = _fastest_ns(loop, inputs, size)
    return size


def _fastest_ns(loop: Loop, inputs: Sequence[Any], size: int) -> int:
    group = list(itertools.islice(itertools.cycle(inputs), size))
    times = []
    for _ in range(3):
        before = time.monotonic_ns()
        loop(group)
        times.append(time.monotonic_ns() - before)
    return min(times)


def cut(inputs: Sequence[Any], size: int) -> List[List[Any]]:
    """Return groups of `size` that walk through `inputs` in a circle, as many as it takes to come back to its start."""
    endless = itertools.cycle(inputs)
    return [list(itertools.islice(endless, size)) for _ in range(len(inputs) // math.gcd(len(inputs), size))]


def latency(durations: Sequence[int], size: int, total_ns: int) -> Message:
    """Return histogram (bin b covers [2^(b/16), 2^((b+1)/16)) ns), reservoir and extremes of the mean time of one invocation per group."""
    histogram: Dict[int, int] = {}
    log2 = math.log2
    shift = BINS_PER_OCTAVE * log2(size)
    for duration in durations:
        place = int(BINS_PER_OCTAVE * log2(duration) - shift) if duration > size else 0
        histogram[place] = histogram.get(place, 0) + 1
    stride = max(1, math.ceil(len(durations) / RESERVOIR))
    return {
        "group_size": size,
        "total_ns": total_ns,
        "min_ns": min(durations) / size,
        "max_ns": max(durations) / size,
        "histogram": sorted(histogram.items()),
        "reservoir_ns": [duration / size for duration in durations[::stride]],
    }


def clock_read_ns() -> int:
    """Return what one reading of the clock costs, at least 1 ns: half of it is how uncertain an edge is."""
    clock = time.monotonic_ns
    return max(1, min(-clock() + clock() for _ in range(100)))
