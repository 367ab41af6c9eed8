"""Look into a float .tflite before it is quantized, and rewrite what the quantizer would turn into zeros."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from edgekit.converters.quantize.tflite_file import pack, parse
from edgekit.core.errors import ModelError

_LOOPS: Final = frozenset({"WHILE", *(f"{way}DIRECTIONAL_SEQUENCE_{cell}" for way in ("UNI", "BI") for cell in ("LSTM", "RNN"))})
_LAYERS: Final = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "FULLY_CONNECTED", "BATCH_MATMUL", "GATHER", "EMBEDDING_LOOKUP"}
)


class FloatGraph:
    """Hold a float .tflite as an object that can be changed and written again."""

    def __init__(self, path: Path) -> None:
        self._model, schema = parse(path.read_bytes())
        self._schema = schema
        for code in self._model.operatorCodes:  # files before 2020 have the old field only, and the quantizer reads the new one: 0 is ADD
            code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
        self._names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}

    @property
    def loops(self) -> frozenset[str]:
        """Return the kinds of recurrent operators in it."""
        return _LOOPS & {self._name(op) for graph in self._model.subgraphs for op in graph.operators}

    def layers(self) -> dict[str, int]:
        """Return the layers with weights, in order, with their elements: named by the tensors they make, as the quantizer sees them."""
        found: dict[str, int] = {}
        for graph in self._model.subgraphs:
            for op in graph.operators:
                weights = [self._constant(graph, index) for index in op.inputs] if self._name(op) in _LAYERS else []
                size = sum(array.size for array in weights if array is not None)
                if size:
                    name = ";".join(graph.tensors[index].name.decode() for index in op.outputs) + ";"
                    found[name] = found.get(name, 0) + size
        return found

    def activations(self) -> dict[str, int]:
        """Return the float32 tensors of the main graph that are no constants: name and place."""
        return {
            tensor.name.decode(): place
            for place, tensor in enumerate(self._model.subgraphs[0].tensors)
            if tensor.type == self._schema.TensorType.FLOAT32 and not _filled(self._model.buffers[tensor.buffer].data)
        }

    def without_constant_products(self) -> bytes:
        """Return the file with each BATCH_MATMUL by a constant matrix as the FULLY_CONNECTED that it is.

        The quantizer makes a product that says 0 to everything of such a BATCH_MATMUL. Raises ModelError for one that has no such form.
        """
        for graph, op in self._constant_products():
            weights = self._constant(graph, op.inputs[1])
            if op.builtinOptions.adjX or max((1, *weights.shape[:-2])) > 1 or len(graph.tensors[op.inputs[0]].shape) < weights.ndim:
                name = graph.tensors[op.outputs[0]].name.decode()
                raise ModelError(
                    "static int8 unavailable for this graph",
                    code="recipe.batch_matmul",
                    why=f"{name} multiplies by a stack of constant matrices, which would give zeros; dynamic int8 offered",
                    do=[("quantize activations as they go:", "edgekit convert ... --to tflite -r dynamic")],
                )
            matrix = weights.reshape(weights.shape[-2:])
            self._make_fully_connected(graph, op, matrix if op.builtinOptions.adjY else matrix.T)
        return self.content()

    def content(self) -> bytes:
        """Return the file as it is now."""
        return pack(self._model)

    def _constant_products(self) -> Iterator[tuple[Any, Any]]:
        for graph in self._model.subgraphs:
            for op in graph.operators:
                if self._name(op) == "BATCH_MATMUL" and self._constant(graph, op.inputs[1]) is not None:
                    yield graph, op

    def _make_fully_connected(self, graph: Any, op: Any, matrix: Any) -> None:
        """Turn `op` into a FULLY_CONNECTED with the weights `matrix`, one row per output."""
        import numpy as np

        schema = self._schema
        old = graph.tensors[op.inputs[1]]
        self._model.buffers.append(schema.BufferT(data=np.frombuffer(np.ascontiguousarray(matrix).tobytes(), np.uint8)))
        weights = schema.TensorT(
            shape=np.array(matrix.shape, np.int32),
            type=old.type,
            buffer=len(self._model.buffers) - 1,
            name=old.name + f"/rows{len(graph.tensors)}".encode(),
        )
        graph.tensors.append(weights)
        op.opcodeIndex = self._code(schema.BuiltinOperator.FULLY_CONNECTED)
        op.inputs = np.array([op.inputs[0], len(graph.tensors) - 1, -1], np.int32)
        op.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        op.builtinOptions = schema.FullyConnectedOptionsT(keepNumDims=True)

    def _code(self, builtin: int) -> int:
        """Return the place of an operator's code, which is added where there is none."""
        for place, code in enumerate(self._model.operatorCodes):
            if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin and code.version == 1:
                return place
        self._model.operatorCodes.append(self._schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=builtin, version=1))
        return len(self._model.operatorCodes) - 1

    def _constant(self, graph: Any, index: int) -> Any:
        """Return the float32 constant at a tensor's place; None where there is none, or none of two dimensions."""
        import numpy as np

        if index < 0:
            return None
        tensor = graph.tensors[index]
        data = self._model.buffers[tensor.buffer].data
        if not _filled(data) or tensor.type != self._schema.TensorType.FLOAT32 or len(tensor.shape) < 2:
            return None
        return np.frombuffer(bytes(data), np.float32).reshape(tensor.shape)

    def _name(self, op: Any) -> str:
        code = self._model.operatorCodes[op.opcodeIndex]
        name: str = self._names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        return name


def _filled(data: Any) -> bool:
    return data is not None and len(data) > 0
