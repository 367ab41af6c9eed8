"""Read a .tflite as an object that can be changed and written again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgekit.converters.quantize.tflite_file import pack, parse
from edgekit.converters.sources.tflite_graph import canonical
from edgekit.core.errors import ModelError

_USUAL: Final = "serving_default"
_FLOAT: Final = ("FLOAT32", "INT32", "INT64", "BOOL", "FLOAT64", "COMPLEX64", "STRING", "RESOURCE", "VARIANT", "UINT32", "UINT64")
_PLAIN: Final = {
    **{"FLOAT32": "float32", "FLOAT64": "float64", "FLOAT16": "float16", "INT8": "int8", "UINT8": "uint8", "INT16": "int16"},
    **{"INT32": "int32", "INT64": "int64", "BOOL": "bool"},
}


class TfliteFile:
    """Hold the graph behind one signature: "serving_default", else the first; without any, one is made of the names of the tensors."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._types = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
        try:
            self._model: Any = parse(path.read_bytes())[0]
            signatures = list(self._model.signatureDefs or ())
            self._signature = next(
                (item for item in signatures if _text(item.signatureKey) == _USUAL), signatures[0] if signatures else None
            )
            self._main = self._model.subgraphs[self._signature.subgraphIndex if self._signature else 0]
            self._dropped = [_text(item.signatureKey) for item in signatures if item is not self._signature]
            self._names = self._port_names()
            self._said: list[str] | None = None
        except Exception as error:  # a broken offset leads to any error there is
            raise _damaged(path, error) from error

    def quantized(self) -> str | None:
        """Return what in the file is not float, None when all is."""
        for graph in self._reached():
            for tensor in graph.tensors:
                scales = tensor.quantization.scale if tensor.quantization is not None else None
                kind = self._types[tensor.type]
                if scales is not None and len(scales):
                    return f"{kind.lower()} tensors with a scale"
                if kind not in _FLOAT and self._stored(tensor) is not None and len(tensor.shape if tensor.shape is not None else ()) > 1:
                    return f"{kind.lower()} weights"
        return None

    def inputs(self) -> list[tuple[str, tuple[int | None, ...], str]]:
        """Return (name, shape with None where free, dtype) of each input."""
        return [(name, self._shape(index), _PLAIN.get(kind, kind.lower())) for name, index, kind in self._ports("inputs")]

    def canonical(self) -> tuple[list[Any], list[Any]]:
        """Return (graph without names and weights, float weights)."""
        return canonical(self._model, self._main, self._stored)

    def fix(self, shapes: Mapping[str, Sequence[int]]) -> list[str]:
        """Give free sizes those of `shapes` and the batch one, and keep one graph with a signature; return what was changed, in words."""
        if self._said is not None:
            return self._said
        said = self._said = []
        if self._signature is None:
            said.append("the source has no signature: its inputs and outputs are called as its tensors are")
        elif self._dropped:
            said.append(
                f"the source has several signatures: {_text(self._signature.signatureKey)} is converted, not {', '.join(self._dropped)}"
            )
        free = {name: shape for name, shape, _ in self.inputs() if None in shape}
        said += [f"the free sizes of input {name} are fixed: {[1, *shapes[name]]}" for name in free]
        if said:
            self._set_sizes(shapes if free else {})
            self._keep_one()
        return said

    def content(self) -> bytes:
        """Return the file as it is now."""
        return pack(self._model)

    def _port_names(self) -> dict[int, str]:
        if self._signature is not None:
            return {int(end.tensorIndex): _text(end.name) for end in (*self._signature.inputs, *self._signature.outputs)}
        stated = {int(index): _text(self._main.tensors[index].name) for index in (*self._main.inputs, *self._main.outputs)}
        unique = len(set(stated.values())) == len(stated) and all(stated.values())
        return stated if unique else {index: f"tensor_{index}" for index in stated}

    def _ports(self, side: str) -> Iterator[tuple[str, int, str]]:
        for index in getattr(self._main, side):
            yield self._names[int(index)], int(index), self._types[self._main.tensors[index].type]

    def _shape(self, index: int) -> tuple[int | None, ...]:
        tensor = self._main.tensors[index]
        stated = tensor.shapeSignature if tensor.shapeSignature is not None and len(tensor.shapeSignature) else tensor.shape
        return tuple(None if size < 0 else int(size) for size in (stated if stated is not None else ()))

    def _set_sizes(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Resize the inputs, and write down the sizes that LiteRT derives for all other tensors."""
        import numpy as np
        from ai_edge_litert.interpreter import Interpreter

        if not shapes:
            return
        interpreter = Interpreter(model_content=self.content(), num_threads=1)
        for name, index, _ in self._ports("inputs"):
            interpreter.resize_tensor_input(index, [1, *shapes[name]])
        interpreter.allocate_tensors()
        known = {detail["index"]: detail["shape"] for detail in interpreter.get_tensor_details()}
        for index, tensor in enumerate(self._main.tensors):
            tensor.shapeSignature = None
            if index in known and self._stored(tensor) is None:
                tensor.shape = np.asarray(known[index], np.int32)

    def _keep_one(self) -> None:
        """Put the graph first, drop those that it does not run, and leave it one signature."""
        kept = self._reached()
        numbers = {id(graph): number for number, graph in enumerate(kept)}
        old = {number: numbers.get(id(graph)) for number, graph in enumerate(self._model.subgraphs)}
        for graph in kept:
            for options, field in _references(graph):
                setattr(options, field, old[getattr(options, field)])
        self._model.subgraphs = kept
        self._model.signatureDefs = [self._one_signature()]
        used = {0, *(tensor.buffer for graph in kept for tensor in graph.tensors), *(item.buffer for item in self._model.metadata or ())}
        for number, buffer in enumerate(self._model.buffers):
            if number not in used:
                buffer.data = None

    def _one_signature(self) -> Any:
        signature = self._schema.SignatureDefT()
        signature.signatureKey = _USUAL if self._signature is None else self._signature.signatureKey
        signature.subgraphIndex = 0
        for side in ("inputs", "outputs"):
            ends = []
            for name, index, _ in self._ports(side):
                end = self._schema.TensorMapT()
                end.name, end.tensorIndex = name, index
                ends.append(end)
            setattr(signature, side, ends)
        return signature

    def _reached(self) -> list[Any]:
        """Return the graph and those that it runs: the bodies of loops, both ways of conditions."""
        reached = [self._main]
        for graph in reached:  # grows as it goes
            for options, field in _references(graph):
                other = self._model.subgraphs[getattr(options, field)]
                if all(other is not known for known in reached):
                    reached.append(other)
        return reached

    def _stored(self, tensor: Any) -> Any:
        data = self._model.buffers[tensor.buffer].data
        return data if data is not None and len(data) else None


def _references(graph: Any) -> Iterator[tuple[Any, str]]:
    """Yield (options, field) wherever an operator names another graph."""
    for operator in graph.operators or ():
        for options in (operator.builtinOptions, operator.builtinOptions2):
            for field in vars(options) if options is not None else ():
                if field.lower().endswith("subgraphindex") and getattr(options, field) >= 0:
                    yield options, field


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def _damaged(path: Path, error: object) -> ModelError:
    return ModelError(
        f"{path} is not a whole TFLite model",
        code="model.damaged",
        why=f"its parts cannot be read: {type(error).__name__}: {str(error)[:120]}",
        do=[("copy it again and compare the sizes:", f"ls -l {shlex.quote(str(path))}")],
    )
