"""Run a .onnx in ONNX Runtime. Runs in a child process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgekit.core.artifact import TensorSpec

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


def _spec(port: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else -1 for size in port.shape)
    dtype = port.type.removeprefix("tensor(").removesuffix(")")
    return TensorSpec(name=port.name, shape=shape, dtype={"float": "float32", "double": "float64"}.get(dtype, dtype))
