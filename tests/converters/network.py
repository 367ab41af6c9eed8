"""Build float .tflite networks layer by layer without TensorFlow, so that a test knows each weight and needs no second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Array = Any


class Network:
    """Chain layers from one input "x" to one output "y"; the signature is called serving_default."""

    def __init__(self, *shape: int, seed: int = 1, dtype: str = "FLOAT32") -> None:
        self.random = np.random.default_rng(seed)
        self._tensors: list[Any] = []
        self._buffers = [schema.BufferT()]
        self._codes: list[Any] = []
        self._operators: list[Any] = []
        self._last = self._tensor("x", shape, dtype=dtype)
        self._shape = shape

    def dense(self, width: int) -> Network:
        weights = self._weights((width, int(np.prod(self._shape[1:]))))
        options = schema.FullyConnectedOptionsT()
        return self._add("FULLY_CONNECTED", [weights, self._bias(width)], (1, width), options, schema.BuiltinOptions.FullyConnectedOptions)

    def conv(self, filters: int, size: int = 3) -> Network:
        weights = self._weights((filters, size, size, self._shape[3]))
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
        options.padding, options.fusedActivationFunction = schema.Padding.SAME, schema.ActivationFunctionType.RELU
        shape = (*self._shape[:3], filters)
        return self._add("CONV_2D", [weights, self._bias(filters)], shape, options, schema.BuiltinOptions.Conv2DOptions)

    def depthwise(self, size: int = 3) -> Network:
        weights = self._weights((1, size, size, self._shape[3]))
        options = schema.DepthwiseConv2DOptionsT()
        options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = options.depthMultiplier = 1
        options.padding = schema.Padding.SAME
        constants = [weights, self._bias(self._shape[3])]
        return self._add("DEPTHWISE_CONV_2D", constants, self._shape, options, schema.BuiltinOptions.DepthwiseConv2DOptions)

    def lookup(self, rows: int, width: int) -> Network:
        """Look up each number in a table of `rows`: shape (1, n) becomes (1, n, width)."""
        table = self._weights((rows, width))
        self._add("GATHER", [], (*self._shape, width), schema.GatherOptionsT(), schema.BuiltinOptions.GatherOptions)
        self._operators[-1].inputs = [table, *self._operators[-1].inputs]
        return self

    def reshape(self, *shape: int) -> Network:
        target = self._tensor("shape", (len(shape),), np.array(shape, np.int32), "INT32")
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        return self._add("RESHAPE", [target], shape, options, schema.BuiltinOptions.ReshapeOptions)

    def matmul(self, width: int) -> Network:
        """Add a BATCH_MATMUL whose right-hand side is constant."""
        weights = self._weights((self._shape[-1], width))
        options = schema.BatchMatMulOptionsT()
        return self._add("BATCH_MATMUL", [weights], (*self._shape[:-1], width), options, schema.BuiltinOptions.BatchMatMulOptions)

    def write(self, path: Path, *, description: str = "") -> Path:
        """Write the file; `description` is one of the things that change its bytes and nothing else."""
        self._tensors[self._last].name = "y"
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self._tensors, self._operators, [0], [self._last]
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = [_end("x", 0)], [_end("y", self._last)]
        model = schema.ModelT()
        model.version, model.description = 3, description
        model.operatorCodes, model.subgraphs, model.buffers = self._codes, [graph], self._buffers
        model.signatureDefs = [signature]
        return pack(model, path)

    def inputs(self, count: int) -> Array:
        return self.random.normal(size=(count, *self._tensors[0].shape[1:])).astype(np.float32)

    def _weights(self, shape: tuple[int, ...]) -> int:
        fan = float(np.prod(shape[1:]))
        return self._tensor("w", shape, (self.random.normal(size=shape) / np.sqrt(fan)).astype(np.float32))

    def _bias(self, width: int) -> int:
        return self._tensor("b", (width,), self.random.normal(size=width).astype(np.float32) / 10)

    def _tensor(self, name: str, shape: tuple[int, ...], data: Array = None, dtype: str = "FLOAT32") -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = f"{name}{len(self._tensors)}", list(shape), getattr(schema.TensorType, dtype)
        tensor.buffer = len(self._buffers)
        self._buffers.append(schema.BufferT())
        if data is not None:
            self._buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _add(self, name: str, constants: list[int], shape: tuple[int, ...], options: Any, kind: int) -> Network:
        code = schema.OperatorCodeT()
        code.builtinCode, code.version = getattr(schema.BuiltinOperator, name), 1
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.builtinOptions, operator.builtinOptionsType = len(self._codes), options, kind
        self._codes.append(code)
        operator.inputs = [self._last, *constants]
        self._last, self._shape = self._tensor("t", shape), shape
        operator.outputs = [self._last]
        self._operators.append(operator)
        return self


def classifier() -> Network:
    """Return an untrained network of three convolutions and a dense layer over 8 x 8 images."""
    return Network(1, 8, 8, 1).conv(8).conv(16).conv(16).dense(10)


def load(path: Path) -> Any:
    """Return the file as objects that can be changed."""
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def pack(model: Any, path: Path) -> Path:
    """Write changed objects as a file."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _end(name: str, tensor: int) -> Any:
    end = schema.TensorMapT()
    end.name, end.tensorIndex = name, tensor
    return end
