"""Run a .onnx in ONNX Runtime and count the precisions it holds. Runs in a child process."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgekit.converters.verify import Coverage
from edgekit.core.artifact import TensorSpec

_LAYERS: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "Gather", "LSTM", "GRU", "RNN"})
_PASSING: Final = frozenset({"DequantizeLinear", "Transpose", "Reshape", "Cast", "Identity"})
_BATCH: Final = 32


class OrtModel:
    """Hold a .onnx loaded in ONNX Runtime on one thread of the processor; a free dimension is -1."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = tuple(_spec(port) for port in self._session.get_inputs())
        self.outputs = tuple(_spec(port) for port in self._session.get_outputs())

    @property
    def runtime(self) -> str:
        """Return the runtime and its version."""
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__}"

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples, in the order of `outputs`; samples along the first axis."""
        import numpy as np

        step = _BATCH if all(spec.shape[:1] == (-1,) for spec in self.inputs) else 1
        count = len(next(iter(inputs.values())))
        parts = [self._session.run(None, {name: array[at : at + step] for name, array in inputs.items()}) for at in range(0, count, step)]
        return [np.concatenate([part[index] for part in parts]) for index in range(len(self.outputs))]


def coverage(path: Path) -> Coverage:
    """Count weight elements by number format, and layers with weights by the format of what is fed to them.

    Weights are constants of two or more dimensions that reach a layer, through a DequantizeLinear or not; biases do not count.
    """
    import onnx

    graph = onnx.load(path).graph
    constants = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) >= 2}
    makers = {name: node for node in graph.node for name in node.output}
    weights: Counter[str] = Counter()
    activations: Counter[str] = Counter()
    for node in graph.node:
        if node.op_type not in _LAYERS:
            continue
        used = [name for name in (_origin(name, makers) for name in node.input) if name in constants]
        for name in used:
            tensor = constants.pop(name)
            weights[_type(tensor.data_type)] += math.prod(tensor.dims)
        if used:
            activations[_fed(node, makers, graph)] += 1
    return Coverage(weights=dict(weights), activations=dict(activations))


def _origin(name: str, makers: Mapping[str, Any]) -> str:
    while name in makers and makers[name].op_type in _PASSING:
        name = makers[name].input[0]
    return name


def _fed(node: Any, makers: Mapping[str, Any], graph: Any) -> str:
    """Return the number format in which a layer is fed: that of the zero point where it comes out of a QuantizeLinear."""
    for name in node.input:
        before = makers.get(name)
        quantize = makers.get(before.input[0]) if before is not None and before.op_type == "DequantizeLinear" else None
        if quantize is not None and quantize.op_type == "QuantizeLinear":
            points = {tensor.name: tensor.data_type for tensor in graph.initializer}
            return _type(points[quantize.input[2]]) if len(quantize.input) > 2 else "uint8"
    return "float32"


def _type(data_type: int) -> str:
    import onnx

    name: str = onnx.TensorProto.DataType.Name(data_type).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


def _spec(port: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else -1 for size in port.shape)
    dtype = port.type.removeprefix("tensor(").removesuffix(")")
    return TensorSpec(name=port.name, shape=shape, dtype={"float": "float32", "double": "float64"}.get(dtype, dtype))
