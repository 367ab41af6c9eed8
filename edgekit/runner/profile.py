"""Time each operator of a model in a window of its own; profiling costs time, so this is never a measured window.

An engine's profiler offers `inputs`, `prepare(arrays)`, `loop(group)`, `describe()`, `calls_each(prepared)` (how many calls one inference
makes), `begin()`, and `finish(start_ns, end_ns)`, which returns what was recorded between the two.
"""

from __future__ import annotations

import itertools
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import engines
from .engines.delegate import wanted
from .engines.inputs import prepare
from .engines.recorded import Call, Recorded
from .wire import Message, Refusal

MAX_CALLS = 30_000  # some engines keep 600 bytes of each call until the end
WARMUPS = 3
GONE_CHECK_NS = 250_000_000


def profile(request: Message, gone: Callable[[], bool]) -> Message:
    """Load an artifact under its engine's profiler and infer for at most `seconds`; return the window and the time of each operator.

    With `timeline_ns`, operators whose calls last that long on average also get a timeline: [[t_ns, operator or -1], ...].
    """
    batch = int(request.get("batch") or 1)
    threads, delegate = int(request.get("threads") or 1), wanted(request)
    engine = engines.profiler(str(request["artifact"]), request.get("engine"), threads, batch, delegate)
    inputs, origin = prepare(engine, request.get("samples"), batch)
    try:
        limit = max(1, MAX_CALLS // max(1, engine.calls_each(inputs[0])) - WARMUPS)
        engine.begin()
        engine.loop((inputs * WARMUPS)[:WARMUPS])
        start_ns, end_ns, invocations = _infer(engine, inputs, float(request["seconds"]), limit, gone)
        recorded: Recorded = engine.finish(start_ns, end_ns)
    except (Refusal, EOFError):
        raise
    except Exception as error:  # whatever the engine raises
        raise Refusal("profile.failed", "the model does not run under its engine's profiler", str(error).strip()) from error
    calls = sorted(recorded.calls, key=lambda call: call[1])
    totals = total(calls, len(recorded.operators))
    spent_ns = sum(time_ns for _, time_ns in totals)
    if not spent_ns:
        raise Refusal(
            "profile.too_fast",
            "no operator takes as long as one step of the profiler's clock",
            f"{len(calls)} calls, each below {recorded.resolution_ns} ns",
        )
    operators = [[*recorded.operators[place], *spent] for place, spent in enumerate(totals) if spent[0]]
    return {
        **engine.describe(),
        "inputs": origin,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "invocations": invocations,
        "inferences": invocations * batch,
        "operators": operators,
        "outside_ns": max(0, end_ns - start_ns - spent_ns),
        "resolution_ns": recorded.resolution_ns,
        "method": recorded.method,
        "timeline": timeline(calls, totals, request.get("timeline_ns")),
    }


def _infer(engine: Any, inputs: Sequence[Any], seconds: float, limit: int, gone: Callable[[], bool]) -> Tuple[int, int, int]:
    loop, clock = engine.loop, time.monotonic_ns
    invocations = 0
    start_ns = now = clock()
    deadline = start_ns + int(seconds * 1e9)
    checkpoint = start_ns + GONE_CHECK_NS
    for group in itertools.cycle([[item] for item in inputs]):
        loop(group)
        invocations += 1
        now = clock()
        if now >= deadline or invocations >= limit:
            break
        if now >= checkpoint:
            checkpoint = now + GONE_CHECK_NS
            if gone():
                raise EOFError
    return start_ns, now, invocations


def total(calls: Sequence[Call], operators: int) -> List[Tuple[int, int]]:
    """Return (calls, nanoseconds) of each operator."""
    counts, times = [0] * operators, [0] * operators
    for operator, _, duration_ns in calls:
        counts[operator] += 1
        times[operator] += duration_ns
    return [(counts[operator], times[operator]) for operator in range(operators)]


def timeline(calls: Sequence[Call], totals: Sequence[Tuple[int, int]], least_ns: Optional[float]) -> List[List[int]]:
    """Return when which operator began, -1 where none runs; empty where no operator lasts `least_ns` on average.

    Operators are numbered as in the reply, which leaves out those that were never called.
    """
    if least_ns is None or not any(count and time_ns / count >= least_ns for count, time_ns in totals):
        return []
    called = [operator for operator, (count, _) in enumerate(totals) if count]
    number: Dict[int, int] = {operator: place for place, operator in enumerate(called)}
    marks: List[List[int]] = []
    for operator, start_ns, duration_ns in calls:
        if marks and marks[-1][0] >= start_ns:
            marks.pop()  # the next operator begins where the last one ended
        marks += [[start_ns, number[operator]], [start_ns + duration_ns, -1]]
    return marks
