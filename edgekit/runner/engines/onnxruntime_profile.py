"""Time the operators of an .onnx model with ONNX Runtime's own profiler, which writes a file of events when the session ends it.

Events are in microseconds since the profiler was started. On Linux they are read from the wall clock, so the two clocks are compared.
"""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any, Dict, Iterator, List, Tuple

from .onnxruntime import OnnxRuntime
from .placement import SUFFIX, kernel_events
from .recorded import Call, Recorded, outermost

_STEP_NS = 1000


class OnnxRuntimeProfile:
    """Hold a session without a profiler until `begin`, then one with it."""

    def __init__(self, path: str, threads: int, batch: int) -> None:
        self._arguments = (path, "cpu", threads, batch)
        self._folder = tempfile.TemporaryDirectory(prefix="edgekit-profile-")
        self._engine = self._traced()
        self.inputs, self.prepare, self.describe = self._engine.inputs, self._engine.prepare, self._engine.describe
        self.loop = self._engine.loop

    def calls_each(self, prepared: Any) -> int:
        """Return how many kernels one inference runs."""
        self.loop([prepared])
        return sum(1 for _ in self._kernels())

    def begin(self) -> None:
        """Start a session that records."""
        self._engine = self._traced()
        self.loop = self._engine.loop

    def finish(self, start_ns: int, end_ns: int) -> Recorded:
        """Return the kernels that ran in a window, and delete the file they were written to."""
        offset_ns = self._start_ns()
        numbers: Dict[Tuple[str, str], int] = {}
        operators: List[Tuple[str, str]] = []
        calls: List[Call] = []
        for event in self._kernels():
            begin_ns = offset_ns + 1000 * int(event["ts"])
            if not start_ns - _STEP_NS <= begin_ns <= end_ns:
                continue
            name, arguments = str(event["name"])[: -len(SUFFIX)], event.get("args") or {}
            key = (str(arguments.get("node_index", "")), name)
            if key not in numbers:
                numbers[key] = len(operators)
                operators.append((name, str(arguments.get("op_name") or "unknown")))
            calls.append((numbers[key], begin_ns, 1000 * int(event["dur"])))
        self._folder.cleanup()
        return Recorded(operators, outermost(calls), _STEP_NS, "ONNX Runtime's profiler: kernel times of a session of its own")

    def _traced(self) -> OnnxRuntime:
        return OnnxRuntime(*self._arguments, trace=os.path.join(self._folder.name, "trace"))

    def _start_ns(self) -> int:
        """Return when the profiler's own time was zero, on the monotonic clock."""
        told = int(self._engine._session.get_profiling_start_time_ns())
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        ahead = wall - (before + after) // 2
        return told if abs(told - after) < abs(told - wall) else told - ahead

    def _kernels(self) -> Iterator[Dict[str, Any]]:
        """End the profile, yield its kernel events and delete the file."""
        path = self._engine.end_trace()
        yield from kernel_events(path)
        os.unlink(path)
