"""Time the operators of a .tflite model with LiteRT's own profiler, XNNPACK's operators one by one.

XNNPACK reports how long each of its operators took, but not when: they are laid end to end from where its graph was entered.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Sequence, Tuple

from ..wire import Refusal
from .litert import LiteRT
from .litert_api import CompiledModel, Event
from .recorded import Call, Recorded

_OPERATOR, _DELEGATE, _DELEGATE_PROFILED = 2, 4, 8
_STEP_NS = 1000


class LiteRTProfile:
    """Hold the model twice: in the interpreter, which says what its inputs are called and quantized like, and compiled with a profiler."""

    def __init__(self, path: str, threads: int, batch: int) -> None:
        described = LiteRT(path, "litert", threads, batch)
        self.inputs, self.describe = described.inputs, described.describe
        self._model = CompiledModel(path, threads, batch)
        names = [name for name, _, _ in self._model.inputs]
        places = [tensor.name for tensor in self.inputs]
        self._order = [places.index(name) for name in names] if sorted(names) == sorted(places) else list(range(len(names)))
        self.loop = self._loop()

    def prepare(self, arrays: List[Any]) -> Any:
        """Return the arrays of one inference in the order of the compiled model."""
        return [arrays[place] for place in self._order]

    def calls_each(self, prepared: Any) -> int:
        """Return how many operators one inference runs."""
        self.begin()
        self._model.run(prepared)
        return len(calls(self._model.stop())[1])

    def begin(self) -> None:
        """Forget what was recorded and record."""
        self._model.start()

    def finish(self, start_ns: int, end_ns: int) -> Recorded:
        """Return the operators that ran in a window."""
        operators, found = calls(self._model.stop())
        inside = [call for call in found if start_ns - _STEP_NS <= call[1] <= end_ns]
        method = "LiteRT's profiler in a compiled model, XNNPACK's operators one by one; the measured windows used its interpreter"
        return Recorded(operators, inside, _STEP_NS, method)

    def _loop(self) -> Callable[[Sequence[Any]], None]:
        run = self._model.run

        def loop(group: Sequence[Any]) -> None:
            for arrays in group:
                run(arrays)

        return loop


def calls(events: Sequence[Event]) -> Tuple[List[Tuple[str, str]], List[Call]]:
    """Return the operators as (name, kind) and their calls, out of a profiler's events in the order in which they ran.

    Operators of inner graphs count for the operator that calls the graph; raise Refusal where they cannot be told from the outer ones.
    """
    inner = any(event.kind in (_DELEGATE, _DELEGATE_PROFILED) for event in events)
    if inner and any(event.kind == _OPERATOR and event.graph for event in events):
        raise Refusal(
            "profile.unsupported",
            "operators inside loops and branches cannot be told apart",
            "XNNPACK does not say which graph they belong to",
        )
    numbers: Dict[Tuple[int, int, int, str], int] = {}
    operators: List[Tuple[str, str]] = []
    found: List[Call] = []
    cursor_us = 0
    for event in events:
        if event.tag == "Invoke" and event.start_us:
            cursor_us = event.start_us
        if event.kind == _OPERATOR and (event.graph or (inner and "Delegate" in event.tag)):
            continue
        if event.kind not in (_OPERATOR, _DELEGATE, _DELEGATE_PROFILED):
            continue
        key = (event.kind, event.graph, event.node, event.tag)
        if key not in numbers:
            numbers[key] = len(operators)
            operators.append((f"{event.node} {event.tag}", event.tag.partition(" (")[0]))
        begin_us = event.start_us or cursor_us
        cursor_us = begin_us + event.elapsed_us
        found.append((numbers[key], 1000 * begin_us, 1000 * event.elapsed_us))
    return operators, found
