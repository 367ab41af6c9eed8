"""Finish what the quantizer leaves in a .tflite: tables of lookups in float, parts of a split in another format, versions of operators."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from edgekit.converters.quantize.tflite_file import pack, parse
from edgekit.converters.quantize.tflite_versions import stamp

_MOST: Final = 127


def finish(model_bytes: bytes, *, tables: str, keep: Collection[str] = ()) -> bytes:
    """Return the file with float tables stored as `tables` ("int8" or "float16") and every part of a split in the format of the whole.

    `keep` are names of layers whose tables stay. A table of int8 has one scale; what is looked up is dequantized, not the table.
    """
    model, schema = parse(model_bytes)
    changed = False
    for graph in model.subgraphs:
        edit = _Edit(model, graph, schema)
        changed |= edit.mend_splits() | edit.store_tables(tables, keep)
    changed |= stamp(model, schema)
    return pack(model) if changed else model_bytes


class _Edit:
    def __init__(self, model: Any, graph: Any, schema: Any) -> None:
        self._model, self._graph, self._schema = model, graph, schema
        self._stored: dict[int, int] = {}

    def mend_splits(self) -> bool:
        """Give each part of a split that stayed in float, since nobody reads it, the format of the whole; tell whether there was one."""
        kinds = self._schema.BuiltinOperator
        changed = False
        for op in self._graph.operators:
            place = {kinds.SPLIT: 1, kinds.SPLIT_V: 0, kinds.UNPACK: 0}.get(self._code(op))
            if place is None:
                continue
            whole = self._graph.tensors[op.inputs[place]]
            for part in (self._graph.tensors[index] for index in op.outputs):
                if part.type != whole.type and part.type == self._schema.TensorType.FLOAT32:
                    part.type, part.quantization = whole.type, whole.quantization
                    changed = True
        return changed

    def store_tables(self, kind: str, keep: Collection[str]) -> bool:
        """Store the float tables of lookups in fewer bits; tell whether there was one."""
        operators = []
        for op in self._graph.operators:
            table = self._table(op)
            name = ";".join(self._text(index) for index in op.outputs) + ";"
            if table is None or name in keep:
                operators.append(op)
                continue
            op.inputs, op.outputs = op.inputs.copy(), op.outputs.copy()  # the file's own bytes cannot be written
            if kind == "float16":
                operators += [self._half(op, table), op]
            else:
                operators += [op, self._byte(op, table)]
        changed = len(operators) > len(self._graph.operators)
        self._graph.operators = operators
        self._free()
        return changed

    def _free(self) -> None:
        """Drop the float tables that are read no more."""
        read = {int(index) for op in self._graph.operators for index in op.inputs}
        used = {
            graph.tensors[index].buffer
            for graph in self._model.subgraphs
            if graph is not self._graph
            for index in range(len(graph.tensors))
        }
        used |= {self._graph.tensors[index].buffer for index in read if index >= 0}
        for index in self._stored:
            if self._graph.tensors[index].buffer not in used:
                self._model.buffers[self._graph.tensors[index].buffer].data = None

    def _half(self, op: Any, table: Any) -> Any:
        """Let `op` read a table of float16 through a DEQUANTIZE, which is returned; the runtime does it once."""
        old = int(op.inputs[0])
        if old not in self._stored:
            self._stored[old] = self._constant(table.astype("float16"), self._schema.TensorType.FLOAT16, f"{self._text(old)}/half")
        op.inputs[0] = self._tensor(table.shape, self._schema.TensorType.FLOAT32, f"{self._text(old)}/float")
        return self._dequantize(self._stored[old], op.inputs[0])

    def _byte(self, op: Any, table: Any) -> Any:
        """Let `op` look up in a table of int8, and return the DEQUANTIZE of what it finds."""
        import numpy as np

        scale = np.float32((float(np.abs(table).max()) or 1.0) / _MOST)
        codes = np.rint(table / scale).clip(-_MOST, _MOST).astype("int8")
        old, result = int(op.inputs[0]), op.outputs[0]
        quantization = self._schema.QuantizationParametersT(scale=np.array([scale]), zeroPoint=np.array([0], np.int64))
        if old not in self._stored:
            self._stored[old] = self._constant(codes, self._schema.TensorType.INT8, f"{self._text(old)}/byte", quantization)
        op.inputs[0] = self._stored[old]
        shape = self._graph.tensors[result].shape
        op.outputs[0] = self._tensor(shape, self._schema.TensorType.INT8, f"{self._text(result)}/byte", quantization)
        return self._dequantize(op.outputs[0], result)

    def _table(self, op: Any) -> Any:
        """Return the float32 table that a lookup reads row by row, None for all other operators."""
        import numpy as np

        if self._code(op) != self._schema.BuiltinOperator.GATHER:
            return None
        tensor = self._graph.tensors[op.inputs[0]]
        data = self._model.buffers[tensor.buffer].data
        whole = op.builtinOptions is None or (op.builtinOptions.axis == 0 and op.builtinOptions.batchDims == 0)
        if data is None or not len(data) or tensor.type != self._schema.TensorType.FLOAT32 or len(tensor.shape) < 2 or not whole:
            return None
        return np.frombuffer(bytes(data), np.float32).reshape(tensor.shape)

    def _constant(self, values: Any, kind: int, name: str, quantization: Any = None) -> int:
        import numpy as np

        self._model.buffers.append(self._schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        return self._tensor(values.shape, kind, name, quantization, buffer=len(self._model.buffers) - 1)

    def _tensor(self, shape: Any, kind: int, name: str, quantization: Any = None, *, buffer: int = 0) -> int:
        import numpy as np

        made = self._schema.TensorT(
            shape=np.array(shape, np.int32), type=kind, buffer=buffer, name=name.encode(), quantization=quantization
        )
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def _dequantize(self, source: int, result: int) -> Any:
        import numpy as np

        kind = self._schema.BuiltinOperator.DEQUANTIZE
        codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in self._model.operatorCodes]
        if kind not in codes:
            self._model.operatorCodes.append(self._schema.OperatorCodeT(builtinCode=kind, deprecatedBuiltinCode=kind, version=2))
            codes.append(kind)
        ends = {"inputs": np.array([source], np.int32), "outputs": np.array([result], np.int32)}
        return self._schema.OperatorT(opcodeIndex=codes.index(kind), **ends)

    def _code(self, op: Any) -> int:
        code = self._model.operatorCodes[op.opcodeIndex]
        return int(max(code.builtinCode, code.deprecatedBuiltinCode))

    def _text(self, index: int) -> str:
        name: str = self._graph.tensors[index].name.decode()
        return name
