"""Read what a .onnx holds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgekit.converters.contents.found import Contents

_LAYERS: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "Gather", "LSTM", "GRU", "RNN"})
_PASSING: Final = frozenset({"DequantizeLinear", "Transpose", "Reshape", "Cast", "Identity"})


def read(path: Path) -> Contents:
    """Count weight elements by number format, and layers with weights by the format of what is fed to them.

    Weights are constants of two or more dimensions that reach a layer, through a DequantizeLinear or not; biases do not count.
    The bodies of loops count as well: a quantizer that leaves them as they are has not quantized the model.
    """
    import onnx

    graphs = list(_graphs(onnx.load(path).graph))
    initializers = {tensor.name: tensor for graph in graphs for tensor in graph.initializer}
    constants = {name: tensor for name, tensor in initializers.items() if len(tensor.dims) >= 2}
    nodes = [node for graph in graphs for node in graph.node]
    makers = {name: node for node in nodes for name in node.output}
    origins = dict(_passed_on(nodes))
    weights: Counter[str] = Counter()
    activations: Counter[str] = Counter()
    for node in nodes:
        if node.op_type not in _LAYERS:
            continue
        used = [name for name in (_origin(name, origins) for name in node.input) if name in constants]
        for name in used:
            tensor = constants.pop(name)
            weights[_type(tensor.data_type)] += math.prod(tensor.dims)
        if used:
            activations[_fed(node, makers, initializers)] += 1
    return Contents(weights=dict(weights), activations=dict(activations))


def _graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and the graphs inside its nodes: what loops repeat, and both ways of a condition."""
    yield graph
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _graphs(inner)


def _passed_on(nodes: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, name of what it passes on), through nodes that keep values as they are and into the bodies of loops."""
    for node in nodes:
        if node.op_type in _PASSING:
            yield node.output[0], node.input[0]
        elif node.op_type in ("Loop", "Scan"):  # what goes in stands in one order outside and inside
            body = next(attribute.g for attribute in node.attribute if attribute.name == "body")
            yield from ((inside.name, outside) for inside, outside in zip(body.input, node.input, strict=False) if outside)


def _origin(name: str, origins: Mapping[str, str]) -> str:
    while name in origins:
        name = origins[name]
    return name


def _fed(node: Any, makers: Mapping[str, Any], initializers: Mapping[str, Any]) -> str:
    """Return the number format in which a layer is fed: that of the zero point where it comes out of a QuantizeLinear."""
    for name in node.input:
        before = makers.get(name)
        quantize = makers.get(before.input[0]) if before is not None and before.op_type == "DequantizeLinear" else None
        if quantize is not None and quantize.op_type == "QuantizeLinear":
            return _type(initializers[quantize.input[2]].data_type) if len(quantize.input) > 2 else "uint8"
    return "float32"


def _type(data_type: int) -> str:
    import onnx

    name: str = onnx.TensorProto.DataType.Name(data_type).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)
