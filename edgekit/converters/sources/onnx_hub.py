"""Write a float .onnx under the names of its source, and prove that ONNX and ONNX Runtime both take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_onnx(proto: Any, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Write `proto` with these names for its inputs and outputs, by position unless it has them already, and outputs in this order.

    ONNX's own check and a load in ONNX Runtime follow: exporters report success for files that neither takes. What they raise is raised.
    """
    import onnx
    import onnxruntime

    graph = proto.graph
    for ports, names in ((graph.input, inputs), (graph.output, outputs)):
        given = [port.name for port in ports]
        if sorted(given) != sorted(names):
            _rename(graph, dict(zip(given, names, strict=True)))
    listed = sorted(graph.output, key=lambda port: outputs.index(port.name))
    del graph.output[:]
    graph.output.extend(listed)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)
    onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    """Rename tensors of `graph`. A name that another tensor has already goes to the port, the other takes the one that became free."""
    changed = {old: new for old, new in names.items() if old != new}
    held = {name for node in graph.node for name in (*node.input, *node.output)} | {tensor.name for tensor in graph.initializer}
    changed |= {new: f"{old}_" for old, new in changed.items() if new in held and new not in changed}
    for node in graph.node:
        for side in (node.input, node.output):
            side[:] = [changed.get(name, name) for name in side]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):  # the bodies of loops see the tensors outside
                _rename(inner, changed)
    for item in (*graph.initializer, *graph.input, *graph.output, *graph.value_info):
        item.name = changed.get(item.name, item.name)
