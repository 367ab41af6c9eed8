"""Count what the layers of an ONNX graph hold and compute."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

from edgekit.converters.contents.found import Contents, histogram
from edgekit.converters.contents.graph import Graph, Node, Value

_FLOAT: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul", "FusedConv", "FusedGemm", "FusedMatMul", "MatMulNBits")
_AS_THEY_GO: Final = ("ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM")
_QLINEAR: Final = ("QLinearConv", "QLinearMatMul", "QGemm")
_RECURRENT: Final = ("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM")
# where a layer's operands stand among its inputs
_OPERANDS: Final = {
    **dict.fromkeys((*_FLOAT, *_AS_THEY_GO), (0, 1)),
    **dict.fromkeys(_QLINEAR, (0, 3)),
    **dict.fromkeys(_RECURRENT, (0, 1, 2)),
}
_LOOKUPS: Final = ("Gather", "GatherBlockQuantized")
_PASSING: Final = frozenset({"DequantizeLinear", "Transpose", "Reshape", "Cast", "Identity"})
_MOVING: Final = frozenset({"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"})
_NUMBERS: Final = ("float", "bfloat", "int2", "int4", "int8", "int16", "uint")
_INT8_ACCURACY: Final = 4  # of MatMulNBits: it quantizes its left operand as it goes


def count(graph: Graph, *, opsets: Mapping[str, int], version: int | None) -> Contents:
    """Return the contents of a graph: constants are followed through a DequantizeLinear, and into loops, to the layer that uses them."""
    search = _Search(graph)
    weights: Counter[str] = Counter()
    activations: Counter[str] = Counter()
    compute: Counter[str] = Counter()
    counted: set[str] = set()  # what two layers share is stored once
    for node in graph.nodes:
        operands = [node.inputs[at] for at in _OPERANDS.get(node.name, (0,) if node.name in _LOOKUPS else ()) if at < len(node.inputs)]
        used = [name for name in (search.behind(operand) for operand in operands) if name is not None]
        for name in sorted(set(used) - counted):
            stored = _stored(node, graph.constants[name])
            weights[stored.format or "unknown"] += math.prod(stored.shape or ())
        counted.update(used)
        if node.name in _OPERANDS:
            computed = _computed(node, used, search)
            activations[computed] += bool(used)
            compute[computed] += _macs(node, operands, used, search) or 0
    return Contents(
        weights=dict(weights),
        activations=dict(+activations),
        compute=dict(+compute),
        operators=histogram((".".join(filter(None, (node.domain, node.name))), node.version) for node in graph.nodes),
        opsets=opsets,
        version=version,
    )


class _Search:
    """Walk a graph backwards."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._makers = {name: node for node in graph.nodes for name in node.outputs if name}

    def behind(self, name: str) -> str | None:
        """Return the name of the constant weights behind an operand, None where there are none."""
        for _ in range(len(self.graph.nodes) + 1):
            if name in self.graph.constants:
                value = self.graph.constants[name]
                return name if len(value.shape or ()) >= 2 and (value.format or "").startswith(_NUMBERS) else None
            maker = self._makers.get(name)
            if name in self.graph.handed:
                name = self.graph.handed[name]
            elif maker is not None and maker.name in _PASSING:
                name = maker.inputs[0]
            else:
                return None
        return None

    def quantized(self, name: str) -> str | None:
        """Return the number format that an activation had before the DequantizeLinear it comes out of; None where there is none."""
        maker = self._makers.get(name)
        for _ in range(len(self.graph.nodes)):
            if maker is None or maker.name not in _MOVING:
                break
            maker = self._makers.get(maker.inputs[0])
        if maker is None or maker.name != "DequantizeLinear" or maker.inputs[0] in self.graph.constants:
            return None
        if len(maker.inputs) > 2 and maker.inputs[2] in self.graph.constants:
            return self.graph.constants[maker.inputs[2]].format
        return self.value(maker.inputs[0]).format or "uint8"

    def value(self, name: str) -> Value:
        """Return what is known of a tensor."""
        return self.graph.constants.get(name) or self.graph.values.get(name) or Value(None, None)


def _stored(node: Node, value: Value) -> Value:
    """Return weights as numbers of their own: some operators keep several in a byte."""
    bits = int(node.attributes.get("bits") or 4)
    if node.name == "MatMulNBits":
        return Value(f"int{bits}", (int(node.attributes["K"]), int(node.attributes["N"])))
    if node.name == "GatherBlockQuantized" and value.format == "uint8" and bits < 8:
        return Value(f"uint{bits}", (*(value.shape or ()), 8 // bits))
    return value


def _computed(node: Node, used: list[str], search: _Search) -> str:
    """Return the number format in which a layer is computed."""
    left = search.value(node.inputs[0]).format or "float32"
    if node.name in _QLINEAR:
        return search.value(node.inputs[2]).format or left
    if node.name in _AS_THEY_GO or (node.name == "MatMulNBits" and node.attributes.get("accuracy_level") == _INT8_ACCURACY):
        return "dynamic int8"
    formats = {search.graph.constants[name].format or "" for name in used}
    fed = search.quantized(node.inputs[0]) or (search.quantized(node.inputs[1]) if len(node.inputs) > 1 else None)
    if fed is not None and not any(name.startswith(("float", "bfloat")) for name in formats) and node.name != "MatMulNBits":
        return fed
    return next((name for name in formats if name in ("float16", "bfloat16")), left if left.startswith(("float", "bfloat")) else "float32")


def _macs(node: Node, operands: list[str], used: list[str], search: _Search) -> int | None:
    """Return the multiply-accumulates of one call; None where a shape is not known."""
    left, right = (search.value(name).shape for name in operands[:2])
    result = search.value(node.outputs[0]).shape
    if node.name in _RECURRENT:
        shapes = [search.value(name).shape for name in operands[1:]]
        return None if left is None or None in shapes else math.prod(left[:-1]) * sum(math.prod(shape or ()) for shape in shapes)
    if "Conv" in node.name:
        where = left if node.name == "ConvTranspose" else result
        return None if where is None or right is None else math.prod(where) * math.prod(right[1:])
    if result is None or not left:
        return None if right is None or not used else math.prod(right)  # of a row, where it is not known how many there are
    return math.prod(result) * left[-2 if node.attributes.get("transA") and len(left) > 1 else -1]
