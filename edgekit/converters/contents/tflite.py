"""Read what a .tflite holds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from edgekit.converters.contents.found import Contents, histogram

_TYPES: Final = {
    "FLOAT32": "float32",
    "FLOAT16": "float16",
    "BFLOAT16": "bfloat16",
    "FLOAT64": "float64",
    "INT2": "int2",
    "INT4": "int4",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT16": "int16",
}
_LOOKUPS: Final = frozenset({"GATHER", "EMBEDDING_LOOKUP"})
_TRANSPOSED: Final = frozenset({"TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"})
_RECURRENT: Final = frozenset(
    {"SVDF", "RNN", "LSTM", *(f"{way}DIRECTIONAL_SEQUENCE_{cell}" for way in ("UNI", "BI") for cell in ("RNN", "LSTM"))}
)
_LAYERS: Final = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D", "FULLY_CONNECTED", "BATCH_MATMUL"}) | _TRANSPOSED | _RECURRENT

_Place = tuple[int, int]  # number of the graph, number of the tensor in it


class _Node(NamedTuple):
    name: str
    version: int
    inputs: Sequence[_Place]
    outputs: Sequence[_Place]
    options: Any


def read(path: Path) -> Contents:
    """Count weight elements, layers and multiply-accumulates by number format, and list the operators, those inside loops included.

    Constants are followed through a DEQUANTIZE, and into loops, to the layer that uses them. Those that are all zero do not count as
    weights: they are the states in which recurrent layers start.
    """
    model, schema = _parse(path)
    nodes = list(_nodes(model, schema))
    constants = _Constants(model, schema, nodes)
    weights: Counter[str] = Counter()
    activations: Counter[str] = Counter()
    compute: Counter[str] = Counter()
    counted: set[_Place] = set()  # what two layers share is stored once
    for node in nodes:
        if node.name not in _LAYERS | _LOOKUPS:
            continue
        used = {direct: stored for direct in node.inputs if (stored := constants.behind(direct)) is not None}
        for place in set(used.values()) - counted:
            weights[constants.type(place)] += math.prod(constants.shape(place))
        counted |= set(used.values())
        if node.name in _LAYERS:
            format_ = _computed(node, used, constants)
            activations[format_] += bool(used)
            compute[format_] += _macs(node, used, constants) or 0
    return Contents(
        weights=dict(weights),
        activations=dict(+activations),
        compute=dict(+compute),
        operators=histogram((node.name, node.version) for node in nodes),
        version=int(model.version),
    )


def _parse(path: Path) -> tuple[Any, Any]:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0), schema


def _nodes(model: Any, schema: Any) -> Iterator[_Node]:
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    for number, graph in enumerate(model.subgraphs):
        for op in graph.operators:
            code = model.operatorCodes[op.opcodeIndex]
            builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
            name = code.customCode.decode(errors="replace") if names[builtin] == "CUSTOM" and code.customCode else names[builtin]
            ends = [[(number, int(index)) for index in side] if side is not None else [] for side in (op.inputs, op.outputs)]
            yield _Node(name, int(code.version), ends[0], ends[1], op.builtinOptions)


class _Constants:
    """Find the constant behind a tensor: itself, what a DEQUANTIZE reads, or what a loop hands in."""

    def __init__(self, model: Any, schema: Any, nodes: Sequence[_Node]) -> None:
        self._model = model
        self._types = {value: _TYPES.get(name, name.lower()) for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
        self._before: dict[_Place, _Place] = {}
        for node in nodes:
            if node.name == "DEQUANTIZE":
                self._before[node.outputs[0]] = node.inputs[0]
            elif node.name == "WHILE":
                body = int(node.options.bodySubgraphIndex)
                inside = ((body, int(index)) for index in model.subgraphs[body].inputs)
                self._before.update(zip(inside, node.inputs, strict=False))

    def behind(self, place: _Place) -> _Place | None:
        """Return where the constant weights behind `place` are stored, None where there are none."""
        for _ in range(len(self._before) + 1):
            if place[1] < 0:
                return None
            if self._is_weight(place):
                return place
            if place not in self._before:
                return None
            place = self._before[place]
        return None

    def type(self, place: _Place) -> str:
        """Return the number format of a tensor."""
        name: str = self._types[self._tensor(place).type]
        return name

    def shape(self, place: _Place) -> tuple[int, ...]:
        """Return the shape of a tensor, free sizes as 1."""
        shape = self._tensor(place).shape
        return () if shape is None else tuple(max(1, int(size)) for size in shape)

    def _is_weight(self, place: _Place) -> bool:
        tensor = self._tensor(place)
        data = self._model.buffers[tensor.buffer]
        stored = (data.data is not None and any(bytes(data.data))) or bool(getattr(data, "offset", 0))
        return bool(stored and len(self.shape(place)) >= 2 and self.type(place) in _TYPES.values())

    def _tensor(self, place: _Place) -> Any:
        return self._model.subgraphs[place[0]].tensors[place[1]]


def _computed(node: _Node, used: Mapping[_Place, _Place], constants: _Constants) -> str:
    """Return the number format in which a layer is computed: that of its result, unless it quantizes its float inputs as it goes."""
    made = constants.type(node.outputs[0])
    direct = {constants.type(place) for place, stored in used.items() if place == stored}
    return "dynamic int8" if made == "float32" and any(name.startswith("int") for name in direct) else made


def _macs(node: _Node, used: Mapping[_Place, _Place], constants: _Constants) -> int | None:
    """Return the multiply-accumulates of one call: each weight once for each place of the result (or input) that it is applied to."""
    result = constants.shape(node.outputs[0])
    if node.name == "BATCH_MATMUL":
        left = constants.shape(node.inputs[0])
        return math.prod(result) * left[-2 if node.options.adjX else -1]
    if not used:
        shape = constants.shape(node.inputs[1])
        return math.prod(result) * math.prod(shape[1:]) if node.name in ("CONV_2D", "FULLY_CONNECTED") else None
    where = constants.shape(node.inputs[2]) if node.name in _TRANSPOSED else result
    return math.prod(where[:-1]) * sum(math.prod(constants.shape(stored)) for stored in set(used.values()))
