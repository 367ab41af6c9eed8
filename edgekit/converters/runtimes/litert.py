"""Run a .tflite in LiteRT. Runs in a child process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.converters.data import one_by_one
from edgekit.core.artifact import TensorSpec
from edgekit.core.errors import ModelError


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
