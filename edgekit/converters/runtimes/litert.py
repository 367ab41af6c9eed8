"""Run a .tflite in LiteRT. Runs in a child process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.converters.data import one_by_one
from edgekit.converters.runtimes.codes import Code, Feed
from edgekit.core.artifact import TensorSpec
from edgekit.core.quantity import Note


class LiteRtModel:
    """Hold a .tflite loaded in LiteRT on one thread; inputs and outputs are those of its first signature, or by the tensors' own names.

    Real numbers go in and come out: where the artifact takes and gives codes, they are made and read with its own scales.
    """

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        signatures = self._interpreter.get_signature_list()
        runner = self._interpreter.get_signature_runner(next(iter(signatures))) if signatures else None
        inputs = runner.get_input_details() if runner else _by_name(self._interpreter.get_input_details())
        outputs = runner.get_output_details() if runner else _by_name(self._interpreter.get_output_details())
        self._in = {name: int(detail["index"]) for name, detail in inputs.items()}
        self._out = {name: int(detail["index"]) for name, detail in outputs.items()}
        self._feed = Feed({name: _code(detail) for name, detail in inputs.items()})
        self._codes = {name: _code(detail) for name, detail in outputs.items()}
        self.inputs = _specs(inputs)
        self.outputs = _specs(outputs)

    @property
    def runtime(self) -> str:
        """Return the runtime and its version."""
        import ai_edge_litert

        return f"ai-edge-litert {ai_edge_litert.__version__}"

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return remarks on what it was fed."""
        return self._feed.notes

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples, in the order of `outputs`; samples along the first axis."""
        import numpy as np

        results = [self._one(sample) for sample in one_by_one(inputs)]
        return [np.concatenate([result[name] for result in results]) for name in self._out]

    def _one(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        for name, array in sample.items():
            self._interpreter.set_tensor(self._in[name], self._feed.encode(name, array))
        self._interpreter.invoke()
        said = {name: self._interpreter.get_tensor(index) for name, index in self._out.items()}
        return {name: code.decode(said[name]) if (code := self._codes[name]) else said[name] for name in said}


def _by_name(details: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(detail["name"]): detail for detail in details}


def _code(detail: Mapping[str, Any]) -> Code | None:
    """Return how a tensor is quantized, None where it is not."""
    import numpy as np

    told = detail["quantization_parameters"]
    scales = [float(scale) for scale in told["scales"]]
    if not scales or not scales[0] or np.dtype(detail["dtype"]).kind not in "iu":
        return None
    zero_points = [int(zero) for zero in told["zero_points"]] or [0]
    return Code(dtype=np.dtype(detail["dtype"]).name, scales=scales, zero_points=zero_points, axis=int(told["quantized_dimension"]))


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
