"""Read which provider of ONNX Runtime ran what, out of the events that a session wrote while it inferred once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple
from typing import Counter as Counts

SUFFIX = "_kernel_time"
_COPIES = ("MemcpyFromHost", "MemcpyToHost")  # between the two memories: no operator of the model


class Placement(NamedTuple):
    """Hold the kernels of one inference: how many each provider ran, and which operators those were."""

    counts: Dict[str, int]
    operators: Dict[str, Dict[str, int]]

    @property
    def total(self) -> int:
        """Return the number of all kernels."""
        return sum(self.counts.values())


def kernel_events(path: str) -> Iterator[Dict[str, Any]]:
    """Yield the kernel events of a profile; the file holds one event a line, and is read as such to save memory."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if SUFFIX in line:
                event = json.loads(line.strip().rstrip(","))
                if event.get("cat") == "Node" and str(event.get("name")).endswith(SUFFIX):
                    yield event


def placed(path: str) -> Placement:
    """Return who ran what; a kernel that ran several times, as in a loop, counts once."""
    seen: Dict[Tuple[str, str], Tuple[str, str]] = {}
    for event in kernel_events(path):
        arguments = event.get("args") or {}
        kind = str(arguments.get("op_name") or "unknown")
        if kind not in _COPIES:
            seen[(str(arguments.get("node_index", "")), str(event["name"]))] = (str(arguments.get("provider") or "unknown"), kind)
    counts: Counts[str] = Counter(provider for provider, _ in seen.values())
    operators: Dict[str, Dict[str, int]] = {}
    for provider, kind in seen.values():
        kinds = operators.setdefault(provider, {})
        kinds[kind] = kinds.get(kind, 0) + 1
    return Placement(dict(counts.most_common()), operators)


def summary(placement: Placement, wanted: str) -> str:
    """Return "CUDAExecutionProvider (54 of 57 operators), CPUExecutionProvider (3)", the provider that was asked for first."""
    rest = [f"{provider} ({count})" for provider, count in placement.counts.items() if provider != wanted]
    return ", ".join([f"{wanted} ({placement.counts.get(wanted, 0)} of {placement.total} operators)", *rest])


def fallback(placement: Placement) -> List[Dict[str, str]]:
    """Return a note on what the processor computes of a model that was meant for the GPU; none where that is nothing."""
    kinds = placement.operators.get("CPUExecutionProvider")
    if not kinds:
        return []
    named = ", ".join(kind if count == 1 else f"{kind} ({count})" for kind, count in sorted(kinds.items()))
    return [
        {
            "code": "engine.fallback",
            "text": f"{sum(kinds.values())} of {placement.total} operators run on the processor, not on the GPU: {named}",
            "advice": "their energy is the host's: read it with the meter rapl, or convert the model so that it does without them",
        }
    ]
