"""Hash the graph and the weights of a .tflite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.converters.canonical.digest import digest


def graph_sha256(path: Path) -> str:
    """Return the hash of all graphs that the first one reaches, its signatures and its constants; raise ValueError for a broken file."""
    from ai_edge_litert import schema_py_generated as schema

    data = path.read_bytes()
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    signatures = [
        [item.signatureKey, *([[end.name, _position(side, end.tensorIndex)] for end in ends] for ends, side in _ends(model, item))]
        for item in model.signatureDefs or ()
    ]
    return digest(_Graphs(model, data).hash(0), signatures).hex()


def _ends(model: Any, signature: Any) -> list[tuple[Any, Any]]:
    graph = model.subgraphs[signature.subgraphIndex]
    return [(signature.inputs or (), graph.inputs), (signature.outputs or (), graph.outputs)]


def _position(side: Any, tensor: int) -> int:
    return [int(index) for index in side].index(int(tensor))


class _Graphs:
    """Hash the graphs of one model, each once; loops and conditions hold the hash of what they run."""

    def __init__(self, model: Any, data: bytes) -> None:
        self._model = model
        self._data = data
        self._known: dict[int, bytes] = {}

    def hash(self, number: int) -> bytes:
        """Return the hash of graph `number`."""
        if number not in self._known:
            self._known[number] = b"itself"  # a graph that runs itself ends here
            self._known[number] = self._hash(self._model.subgraphs[number])
        return self._known[number]

    def _hash(self, graph: Any) -> bytes:
        values = {int(index): digest("input", place, self._kind(graph, index)) for place, index in enumerate(graph.inputs)}
        states: dict[int, int] = {}
        used: set[int] = {int(index) for index in graph.outputs}
        made: list[tuple[bytes, list[int]]] = []

        def value(index: int) -> bytes:
            if index < 0:
                return b"absent"
            if index not in values:
                stored = self._stored(graph.tensors[index])
                place = None if stored is not None else states.setdefault(index, len(states))  # a state is known by its first use
                values[index] = digest("constant" if stored is not None else "state", place, stored or b"", self._kind(graph, index))
            return values[index]

        for operator in graph.operators:
            fed, gives = ([int(index) for index in (() if side is None else side)] for side in (operator.inputs, operator.outputs))
            used.update(fed)
            own = digest(*self._operator(operator), [value(index) for index in fed])
            values.update({index: digest(own, place, self._kind(graph, index)) for place, index in enumerate(gives)})
            made.append((own, gives))
        effects = sorted(own for own, gives in made if not used & set(gives))  # what writes a state has no output that is used
        return digest([value(int(index)) for index in graph.inputs], [value(int(index)) for index in graph.outputs], effects)

    def _operator(self, operator: Any) -> tuple[Any, ...]:
        code = self._model.operatorCodes[operator.opcodeIndex]
        kind = (max(code.builtinCode, code.deprecatedBuiltinCode), code.customCode, code.version)
        options = [self._options(item) for item in (operator.builtinOptions, getattr(operator, "builtinOptions2", None))]
        custom = operator.customOptions
        return (*kind, options, b"" if custom is None else bytes(custom))

    def _options(self, options: Any) -> Mapping[str, Any]:
        return {
            name: self.hash(int(setting)) if name.lower().endswith(("subgraphindex", "subgraph")) and int(setting) >= 0 else setting
            for name, setting in (vars(options).items() if options is not None else ())
        }

    def _kind(self, graph: Any, index: int) -> tuple[Any, ...]:
        tensor = graph.tensors[index]
        scales = tensor.quantization
        coded = None if scales is None or scales.scale is None else (scales.scale, scales.zeroPoint, scales.quantizedDimension)
        return tensor.type, tensor.shape, tensor.shapeSignature, coded, tensor.sparsity

    def _stored(self, tensor: Any) -> bytes | None:
        buffer = self._model.buffers[tensor.buffer]
        if buffer.data is not None and len(buffer.data):
            return bytes(buffer.data)
        start, size = int(getattr(buffer, "offset", 0) or 0), int(getattr(buffer, "size", 0) or 0)
        return self._data[start : start + size] if start > 1 else None
