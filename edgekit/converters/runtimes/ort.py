"""Run a .onnx or .ort in ONNX Runtime. Runs in a child process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgekit.converters.runtimes.codes import Code, Feed
from edgekit.core.artifact import TensorSpec
from edgekit.core.quantity import Note

_BATCH: Final = 32
_CODES: Final = ("int8", "uint8", "int16", "uint16")


class OrtModel:
    """Hold a .onnx or .ort loaded in ONNX Runtime on one thread of the processor; a free dimension is -1.

    Real numbers go in and come out: where an .onnx takes codes for a DequantizeLinear, or gives those of a QuantizeLinear, they are made
    and read with its scales.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        ports = [(port.name, _dtype(port)) for port in (*self._session.get_inputs(), *self._session.get_outputs())]
        quantized = {name: dtype for name, dtype in ports if dtype in _CODES}
        self._codes = _codes(path, quantized) if quantized and path.suffix == ".onnx" else {}
        self._feed = Feed({port.name: self._codes.get(port.name) for port in self._session.get_inputs()})
        self.inputs = tuple(self._spec(port) for port in self._session.get_inputs())
        self.outputs = tuple(self._spec(port) for port in self._session.get_outputs())

    @property
    def runtime(self) -> str:
        """Return the runtime and its version."""
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__}"

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return remarks on what it was fed."""
        return self._feed.notes

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples, in the order of `outputs`; samples along the first axis."""
        import numpy as np

        step = _BATCH if all(spec.shape[:1] == (-1,) for spec in self.inputs) else 1
        count = len(next(iter(inputs.values())))
        fed = {name: self._feed.encode(name, array) for name, array in inputs.items()}
        parts = [self._session.run(None, {name: array[at : at + step] for name, array in fed.items()}) for at in range(0, count, step)]
        said = {spec.name: np.concatenate([part[index] for part in parts]) for index, spec in enumerate(self.outputs)}
        return [code.decode(array) if (code := self._codes.get(name)) else array for name, array in said.items()]

    def _spec(self, port: Any) -> TensorSpec:
        shape = tuple(size if isinstance(size, int) else -1 for size in port.shape)
        code = self._codes.get(port.name)
        single = code is not None and len(code.scales) == 1
        return TensorSpec(
            name=port.name,
            shape=shape,
            dtype=_dtype(port),
            scale=code.scales[0] if code is not None and single else None,
            zero_point=code.zero_points[0] if code is not None and single else None,
        )


def _dtype(port: Any) -> str:
    dtype = str(port.type).removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(dtype, dtype)


def _codes(path: Path, quantized: Mapping[str, str]) -> dict[str, Code]:
    """Return how the named inputs and outputs are quantized, by the node that reads or makes each."""
    import onnx

    graph = onnx.load(path).graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer if len(tensor.dims) < 2}
    found = {}
    for node in graph.node:
        name = {"DequantizeLinear": node.input[:1], "QuantizeLinear": node.output[:1]}.get(node.op_type, [""])[0]
        if name in quantized and node.input[1] in constants:
            zero = constants[node.input[2]].reshape(-1).tolist() if len(node.input) > 2 and node.input[2] in constants else [0]
            axis = next((item.i for item in node.attribute if item.name == "axis"), 1)
            scales = [float(scale) for scale in constants[node.input[1]].reshape(-1)]
            found[name] = Code(dtype=quantized[name], scales=scales, zero_points=zero, axis=axis)
    return found
