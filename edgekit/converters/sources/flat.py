"""Take a float .tflite or .onnx as its own hub, so that lower precisions can be made of it. Runs in a child process."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.converters.family import family_of
from edgekit.converters.produce import open_artifact
from edgekit.converters.source import Port
from edgekit.converters.sources.keras import hash_of_arrays
from edgekit.core.errors import ModelError


class FloatSource:
    """Hold a float model loaded in its runtime; one that is already quantized is refused."""

    def __init__(self, format: str, path: Path) -> None:  # noqa: A002
        self._format = format
        self._path = path
        self._model, found = open_artifact(format, path)
        if set(found.weights) - {"float32"} or set(found.activations) - {"float32"}:
            raise ModelError(
                f"{path} is already quantized",
                code="model.quantized",
                why=f"it holds {found.scheme}; its float values are gone",
                do=[("convert from the float model instead:", "edgekit convert model.keras")],
            )
        self.ports = tuple(
            Port(name=spec.name, shape=tuple(None if size < 0 else size for size in spec.shape), dtype=spec.dtype)
            for spec in self._model.inputs
        )

    def facts(self) -> dict[str, Any]:
        """Return family, weights_sha256, parameters and the runtime."""
        graph, weights = _tflite_graph(self._path) if self._format == "tflite" else _onnx_graph(self._path)
        runtime, _, found = self._model.runtime.partition(" ")
        return {
            "family": family_of(graph),
            "weights_sha256": hash_of_arrays(weights),
            "parameters": sum(math.prod(array.shape) for array in weights),
            "tools": {runtime: found},
        }

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples."""
        return self._model.run(inputs)

    def export(self, format: str, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:  # noqa: A002
        """Write the source itself as the hub; ONNX weights kept in a second file are taken in."""
        if format == "tflite":
            shutil.copyfile(self._path, path)
            return
        import onnx

        onnx.save(onnx.load(self._path), path)


def _tflite_graph(path: Path) -> tuple[Any, list[Any]]:
    """Return (canonical graph, float constants): operators in order, tensors by number of first use, names dropped."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    weights: list[Any] = []
    graphs = []
    for graph in model.subgraphs:
        places: dict[int, int] = {}

        def place(index: int, graph: Any = graph, places: dict[int, int] = places) -> Any:
            tensor = graph.tensors[index] if index >= 0 else None
            if tensor is None:
                return None
            data = model.buffers[tensor.buffer].data
            shape = [int(size) for size in tensor.shape] if tensor.shape is not None else []
            if index not in places:
                places[index] = len(places)
                if data is not None and len(data) and tensor.type == schema.TensorType.FLOAT32:
                    weights.append(np.frombuffer(bytes(data), np.float32).reshape(shape))
            integers = bytes(data).hex() if data is not None and len(data) and tensor.type != schema.TensorType.FLOAT32 else ""
            return [places[index], tensor.type, shape, integers]

        operators = []
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            options = (
                sorted((key, str(value)) for key, value in vars(operator.builtinOptions or object()).items())
                if operator.builtinOptions
                else []
            )
            ends = [[place(int(index)) for index in side] for side in (operator.inputs, operator.outputs)]
            operators.append([max(code.builtinCode, code.deprecatedBuiltinCode), options, ends])
        graphs.append([operators, [place(int(index)) for index in (*graph.inputs, *graph.outputs)]])
    return graphs, weights


def _onnx_graph(path: Path) -> tuple[Any, list[Any]]:
    """Return (canonical graph, float initializers): nodes in order, values by number of first use, names dropped."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    places: dict[str, int] = {}
    weights: list[Any] = []

    def place(name: str) -> Any:
        if not name:
            return None
        array = constants.get(name)
        if name not in places:
            places[name] = len(places)
            if array is not None and array.dtype.kind == "f":
                weights.append(array)
        if array is None:
            return [places[name]]
        return [places[name], str(array.dtype), list(array.shape), "" if array.dtype.kind == "f" else array.tobytes().hex()]

    nodes = []
    for node in graph.node:
        settings = sorted((attribute.name, _attribute(attribute)) for attribute in node.attribute)
        nodes.append([node.op_type, settings, [place(name) for name in node.input], [place(name) for name in node.output]])
    ends = [[place(port.name), [size.dim_value for size in port.type.tensor_type.shape.dim]] for port in (*graph.input, *graph.output)]
    return [nodes, ends], weights


def _attribute(attribute: Any) -> str:
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return f"{value.data_type}{list(value.dims)}" + (
            "" if value.data_type == onnx.TensorProto.FLOAT else value.SerializeToString().hex()
        )
    return str(value)
