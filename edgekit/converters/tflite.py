"""Run a .tflite in LiteRT and count the precisions it holds. Runs in a child process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgekit.converters.quantize import one_by_one
from edgekit.converters.verify import Coverage
from edgekit.core.artifact import TensorSpec
from edgekit.core.errors import ModelError

_TYPES: Final = {
    "FLOAT32": "float32",
    "FLOAT16": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT16": "int16",
    "INT4": "int4",
    "INT2": "int2",
    "FLOAT64": "float64",
    "BFLOAT16": "bfloat16",
}


class LiteRtModel:
    """Hold a .tflite loaded in LiteRT on one thread; inputs and outputs are those of its first signature."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        signatures = self._interpreter.get_signature_list()
        if not signatures:
            raise ModelError(
                f"{path} has no signature",
                code="model.signature",
                why="inputs cannot be told apart by name",
                do=[("convert from the source model instead:", "edgekit convert model.keras")],
            )
        self._runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        self.inputs = _specs(self._runner.get_input_details())
        self.outputs = _specs(self._runner.get_output_details())

    @property
    def runtime(self) -> str:
        """Return the runtime and its version."""
        import ai_edge_litert

        return f"ai-edge-litert {ai_edge_litert.__version__}"

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples, in the order of `outputs`; samples along the first axis."""
        import numpy as np

        results = [self._runner(**sample) for sample in one_by_one(inputs)]
        return [np.concatenate([result[spec.name] for result in results]) for spec in self.outputs]


def coverage(path: Path) -> Coverage:
    """Count weight elements by number format, and layers with weights by the format of their results.

    Weights are constant tensors of two or more dimensions, followed through a DEQUANTIZE to the layer that uses them. Biases do not count,
    nor do constants that are all zero: the states in which recurrent layers start.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    names = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    weights: Counter[str] = Counter()
    activations: Counter[str] = Counter()
    for graph in model.subgraphs:
        constant = {index: tensor for index, tensor in enumerate(graph.tensors) if _is_weight(model, tensor, names)}
        dequantize = {op.outputs[0]: op.inputs[0] for op in graph.operators if _code(model, op) == schema.BuiltinOperator.DEQUANTIZE}
        for op in graph.operators:
            if _code(model, op) == schema.BuiltinOperator.DEQUANTIZE or op.inputs is None:
                continue
            used = {dequantize.get(index, index) for index in op.inputs} & constant.keys()
            if not used:
                continue
            made = _TYPES.get(names[graph.tensors[op.outputs[0]].type])
            if made is not None:  # a loop gives its counter first, which is no activation
                activations[made] += 1
            for index in used:
                elements = 1
                for size in constant.pop(index).shape:
                    elements *= int(size)
                weights[_TYPES[names[graph.tensors[index].type]]] += elements
    return Coverage(weights=dict(weights), activations=dict(activations))


def _is_weight(model: Any, tensor: Any, names: Mapping[int, str]) -> bool:
    data = model.buffers[tensor.buffer]
    stored = (data.data is not None and any(bytes(data.data))) or bool(getattr(data, "offset", 0))
    return bool(stored and tensor.shape is not None and len(tensor.shape) >= 2 and names[tensor.type] in _TYPES)


def _code(model: Any, op: Any) -> int:
    code = model.operatorCodes[op.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def _specs(details: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    import numpy as np

    return tuple(
        TensorSpec(
            name=name,
            shape=tuple(int(size) for size in detail["shape"]),
            dtype=np.dtype(detail["dtype"]).name,
            scale=float(detail["quantization"][0]) or None,
            zero_point=int(detail["quantization"][1]) if detail["quantization"][0] else None,
        )
        for name, detail in details.items()
    )
