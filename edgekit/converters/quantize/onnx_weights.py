"""Store the weights of an .onnx in fewer bits and compute in float: a DequantizeLinear stands between each and its layer.

Products of matrices in four bits become ONNX Runtime's MatMulNBits, which keeps a scale per block of 32 and has kernels of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from edgekit.core.errors import ModelError

_BLOCK: Final = 32  # weights that share a scale in a MatMulNBits
_FOUR_BITS_SINCE: Final = 21  # the operator set whose DequantizeLinear takes them
_IR: Final = 10  # the file format that has them
_OWN: Final = "com.microsoft"


def store_weights(model: Any, bits: int, keep: Sequence[str]) -> Any:
    """Return `model` with its weights in `bits` (8 or 4) per output channel; nodes named in `keep` stay as they are.

    Convolutions with one channel per group stay in eight bits, since so few weights share a channel that four cost much and save little.
    Raises ModelError where no layer has constant weights.
    """
    if bits < 8:
        model = _products_in_blocks(model, keep)
    opset = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    own = bits < 8 and opset < _FOUR_BITS_SINCE
    done = sum(1 for graph in _graphs(model.graph) for _ in _store(graph, bits, keep, _OWN if own else ""))
    if not done and not any(node.op_type == "MatMulNBits" for node in model.graph.node):
        raise ModelError(
            "the model has no weights to store in fewer bits",
            code="recipe.weights",
            why="none of its convolutions, products, recurrent layers and lookups has constant weights",
            do=[("keep it in float:", "edgekit convert ... --to onnx -r fp32")],
        )
    if bits < 8:
        model.ir_version = max(model.ir_version, _IR)
    if own and not any(item.domain == _OWN for item in model.opset_import):
        model.opset_import.add(domain=_OWN, version=1)
    return model


def _products_in_blocks(model: Any, keep: Sequence[str]) -> Any:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    thin = [node.name for node in model.graph.node if node.op_type == "MatMul" and _rows(node, model.graph) < _BLOCK]
    quantizer = MatMulNBitsQuantizer(model, block_size=_BLOCK, is_symmetric=True, nodes_to_exclude=[*keep, *thin])
    quantizer.process()
    return quantizer.model.model


def _rows(node: Any, graph: Any) -> int:
    shapes = {tensor.name: tensor.dims for tensor in graph.initializer}
    return int(shapes.get(node.input[1], (0, 0))[0])


def _store(graph: Any, bits: int, keep: Sequence[str], domain: str) -> Iterator[str]:
    """Put a DequantizeLinear behind each weight of one graph; yield their names."""
    from onnx import NodeProto, helper

    weights = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) >= 2 and tensor.data_type == tensor.FLOAT}
    stored: dict[tuple[str, int], str] = {}
    nodes = []
    for original in graph.node:
        node = NodeProto()
        node.CopyFrom(original)  # it dies with the list it stands in
        for place, axis in _places(node) if node.name not in keep else ():
            if (tensor := weights.get(node.input[place])) is None:
                continue
            key = (tensor.name, axis % len(tensor.dims))
            if key not in stored:
                name = stored[key] = f"{tensor.name}:axis{key[1]}"
                width = 8 if node.op_type == "Conv" and tensor.dims[1] == 1 else bits
                codes, scale = _encode(tensor, key[1], width, name)
                graph.initializer.extend((codes, scale))
                made = {"name": f"{name}:dequantize", "domain": domain if width < 8 else "", "axis": key[1]}
                nodes.append(helper.make_node("DequantizeLinear", [codes.name, scale.name], [name], **made))
                yield tensor.name
            node.input[place] = stored[key]
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused(graph, {name for name, _ in stored})


def _places(node: Any) -> Sequence[tuple[int, int]]:
    """Return (place among the inputs, axis of the output channels) of a layer's weights."""
    settings = {item.name: item.i for item in node.attribute}
    known: Mapping[str, Sequence[tuple[int, int]]] = {
        "Conv": [(1, 0)],
        "ConvTranspose": [(1, 1 if settings.get("group", 1) == 1 else 0)],
        "Gemm": [(1, 0 if settings.get("transB") else 1)],
        "MatMul": [(1, -1)],
        "Gather": [(0, 0)] if settings.get("axis", 0) == 0 else [],
        **{name: [(1, 1), (2, 1)] for name in ("LSTM", "GRU", "RNN")},
    }
    return known.get(node.op_type, ())


def _encode(tensor: Any, axis: int, bits: int, name: str) -> tuple[Any, Any]:
    """Return symmetric integers and their scales along `axis`."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    values = numpy_helper.to_array(tensor)
    most = 2 ** (bits - 1) - 1
    largest = np.abs(values).max(axis=tuple(other for other in range(values.ndim) if other != axis), keepdims=True)
    scale = np.where(largest > 0, largest / most, 1).astype(np.float32)
    codes = np.clip(np.rint(values / scale), -most, most).astype(np.int8)
    kind = TensorProto.INT8 if bits == 8 else TensorProto.INT4
    raw = codes.tobytes() if bits == 8 else _packed(codes.ravel())
    encoded = helper.make_tensor(f"{name}:int{bits}", kind, values.shape, raw, raw=True)
    return encoded, numpy_helper.from_array(scale.ravel(), f"{name}:scale")


def _packed(codes: Any) -> bytes:
    """Return pairs of four-bit numbers, the first in the low half of a byte."""
    import numpy as np

    halves = np.append(codes, np.zeros(len(codes) % 2, np.int8)).astype(np.uint8) & 0xF
    return bytes(halves[::2] | halves[1::2] << 4)


def _drop_unused(graph: Any, replaced: set[str]) -> None:
    """Delete the float weights that no node and no loop inside reads any more."""
    read = {name for inner in _graphs(graph) for node in inner.node for name in node.input} | {item.name for item in graph.output}
    for tensor in [tensor for tensor in graph.initializer if tensor.name in replaced - read]:
        graph.initializer.remove(tensor)


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _graphs(inner)
