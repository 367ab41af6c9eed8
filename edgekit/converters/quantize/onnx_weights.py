"""Store the weights of an .onnx in fewer bits and compute in float: a DequantizeLinear stands between each and its layer.

Products of matrices in four bits become ONNX Runtime's MatMulNBits, which keeps a scale per block of 32 and has kernels of its own.
A lookup reads its table in int8, and what it finds is dequantized.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from edgekit.core.errors import ModelError

_BLOCK: Final = 32  # weights that share a scale in a MatMulNBits
_FOUR_BITS_SINCE: Final = 21  # the operator set whose DequantizeLinear takes them
_IR: Final = 10  # the file format that has them
_OWN: Final = "com.microsoft"


def store_weights(model: Any, bits: int, keep: Collection[str]) -> Any:
    """Return `model` with its weights in `bits` (8 or 4) per output channel; nodes named in `keep` stay as they are.

    Convolutions with one channel per group stay in eight bits, since so few weights share a channel that four cost much and save little.
    Raises ModelError where no layer has constant weights.
    """
    if bits < 8:
        model = _products_in_blocks(model, keep)
    opset = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    own = bits < 8 and opset < _FOUR_BITS_SINCE
    store = _Store(bits, keep, _OWN if own else "")
    store.rewrite(model.graph)
    if not store.done and not any(node.op_type == "MatMulNBits" for node in model.graph.node):
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


def store_tables(model: Any, keep: Collection[str]) -> Any:
    """Return `model` with the float tables of its lookups in int8, in which ONNX Runtime's quantizer would store them as activations."""
    _Store(8, keep, "", kinds=("Gather",)).rewrite(model.graph)
    return model


def store_rest(model: Any, keep: Collection[str]) -> Any:
    """Return `model` with the weights that are still in float in int8."""
    _Store(8, keep, "").rewrite(model.graph)
    return model


def lookups(model: Any) -> list[str]:
    """Return the names of the nodes that look up in a constant table."""
    tables = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) >= 2 and tensor.data_type == tensor.FLOAT}
    return [node.name for node in model.graph.node if node.op_type == "Gather" and node.input[0] in tables]


def _products_in_blocks(model: Any, keep: Collection[str]) -> Any:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    rows = {tensor.name: tensor.dims[0] for tensor in model.graph.initializer if tensor.dims}
    thin = [node.name for node in model.graph.node if node.op_type == "MatMul" and rows.get(node.input[1], 0) < _BLOCK]
    quantizer = MatMulNBitsQuantizer(model, block_size=_BLOCK, is_symmetric=True, nodes_to_exclude=[*keep, *thin])
    quantizer.process()
    return quantizer.model.model


class _Scope:
    """Hold one graph while it is rewritten: its float weights, and what is put in front of its nodes in their place."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.weights = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) >= 2 and tensor.data_type == tensor.FLOAT}
        self.front: list[Any] = []
        self._made: dict[str, str] = {}

    def channels(self, name: str, axis: int, bits: int, domain: str) -> str:
        """Return the name of a weight dequantized from `bits` with a scale per index of `axis`."""
        from onnx import helper

        tensor = self.weights[name]
        place = axis % len(tensor.dims)
        made = f"{name}:axis{place}"
        if made not in self._made:
            codes, scale = encoded(tensor, place, bits, made)
            self.graph.initializer.extend((codes, scale))
            settings = {"name": f"{made}:dequantize", "domain": domain if bits < 8 else "", "axis": place}
            self.front.append(helper.make_node("DequantizeLinear", [codes.name, scale.name], [made], **settings))
            self._made[made] = made
        return made

    def table(self, name: str) -> tuple[str, str]:
        """Return the names of a table in int8 and of its scale."""
        made = f"{name}:table"
        if made not in self._made:
            codes, scale = encoded(self.weights[name], None, 8, made)
            self.graph.initializer.extend((codes, scale))
            self._made[made] = scale.name
        return f"{made}:int8", self._made[made]

    def close(self, nodes: Sequence[Any]) -> None:
        """Take the rewritten nodes, and drop the weights that nothing reads any more."""
        del self.graph.node[:]
        self.graph.node.extend([*self.front, *nodes])
        read = {name for node in _nodes(self.graph) for name in node.input} | {item.name for item in self.graph.output}
        for tensor in [tensor for name, tensor in self.weights.items() if name not in read]:
            self.graph.initializer.remove(tensor)


class _Store:
    """Rewrite the graphs of a model; constants are dequantized in the graph that holds them, so that a loop does not do it each turn."""

    def __init__(self, bits: int, keep: Collection[str], domain: str, kinds: Collection[str] = ()) -> None:
        self.done = False
        self._bits, self._keep, self._domain, self._kinds = bits, keep, domain, kinds

    def rewrite(self, graph: Any, around: Sequence[_Scope] = ()) -> None:
        """Rewrite one graph and those inside its nodes, which see the constants of the graphs `around` them, the nearest first."""
        from onnx import NodeProto

        scopes = (_Scope(graph), *around)
        nodes = []
        for original in graph.node:
            node = NodeProto()
            node.CopyFrom(original)  # it dies with the list it stands in
            for attribute in node.attribute:
                for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                    self.rewrite(inner, scopes)
            wanted = node.name not in self._keep and (not self._kinds or node.op_type in self._kinds)
            nodes += self._layer(node, scopes) if wanted else [node]
        scopes[0].close(nodes)

    def _layer(self, node: Any, scopes: Sequence[_Scope]) -> list[Any]:
        """Return what stands for a node: itself, with its weights in fewer bits, and what follows a lookup."""
        from onnx import helper

        settings = {item.name: item.i for item in node.attribute}
        for place, axis in _places(node.op_type, settings):
            name = node.input[place]
            owner = next((scope for scope in scopes if name in scope.weights), None)
            if owner is None:
                continue
            self.done = True
            if node.op_type == "Gather":
                node.input[0], scale = owner.table(name)
                result, node.output[0] = node.output[0], f"{node.output[0]}:codes"
                return [node, helper.make_node("DequantizeLinear", [node.output[0], scale], [result], name=f"{result}:dequantize")]
            few = node.op_type == "Conv" and owner.weights[name].dims[1] == 1
            node.input[place] = owner.channels(name, axis, 8 if few else self._bits, self._domain)
        return [node]


def _places(kind: str, settings: Mapping[str, int]) -> Sequence[tuple[int, int]]:
    """Return (place among the inputs, axis of the output channels) of a layer's weights."""
    known: Mapping[str, Sequence[tuple[int, int]]] = {
        "Conv": [(1, 0)],
        "ConvTranspose": [(1, 1 if settings.get("group", 1) == 1 else 0)],
        "Gemm": [(1, 0 if settings.get("transB") else 1)],
        "MatMul": [(1, -1)],
        "Gather": [(0, 0)] if settings.get("axis", 0) == 0 else [],
        **{name: [(1, 1), (2, 1)] for name in ("LSTM", "GRU", "RNN")},
    }
    return known.get(kind, ())


def encoded(tensor: Any, axis: int | None, bits: int, name: str) -> tuple[Any, Any]:
    """Return symmetric integers and their scale, one per index of `axis` or a single one."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    values = numpy_helper.to_array(tensor)
    most = 2 ** (bits - 1) - 1
    others = tuple(other for other in range(values.ndim) if other != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest / most, 1).astype(np.float32)
    codes = np.clip(np.rint(values / scale), -most, most).astype(np.int8)
    kind = TensorProto.INT8 if bits == 8 else TensorProto.INT4
    raw = codes.tobytes() if bits == 8 else _packed(codes.ravel())
    scales = scale.ravel() if axis is not None else scale.reshape(())
    return helper.make_tensor(f"{name}:int{bits}", kind, values.shape, raw, raw=True), numpy_helper.from_array(scales, f"{name}:scale")


def _packed(codes: Any) -> bytes:
    """Return pairs of four-bit numbers, the first in the low half of a byte."""
    import numpy as np

    halves = np.append(codes, np.zeros(len(codes) % 2, np.int8)).astype(np.uint8) & 0xF
    return bytes(halves[::2] | halves[1::2] << 4)


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _nodes(inner)
