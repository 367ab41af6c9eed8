"""Say what the profiler of an engine records."""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

Call = Tuple[int, int, int]  # operator, start_ns on the monotonic clock, duration_ns


class Recorded(NamedTuple):
    """Hold what an engine recorded: operators as (name, kind), their calls, the step of its clock, and how the times were taken."""

    operators: Sequence[Tuple[str, str]]
    calls: Sequence[Call]
    resolution_ns: int
    method: str


def outermost(calls: Sequence[Call]) -> List[Call]:
    """Return calls in order of time without those made inside another one: the body of a loop counts for the loop."""
    kept: List[Call] = []
    end_ns = -1
    for call in sorted(calls, key=lambda call: (call[1], -call[2])):
        inside = bool(kept) and call[1] + call[2] <= end_ns and call[1] < end_ns
        if not inside:
            kept.append(call)
            end_ns = call[1] + call[2]
    return kept
